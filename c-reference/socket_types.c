/*
 * Socket types: what socket() makes of its three arguments.
 *
 * The tutorial's sections on the transport layer and on socket() and close() (lines 56-65 and 206-228). It creates
 * sockets of both types, with protocol 0 and with an explicit protocol, and reads back what the kernel made of them;
 * then it requests three that do not exist, and looks at what is left of a socket after close.
 *
 * Usage: `socket_types`. Read next: `socket_options`, which reads the other options of a socket.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "socket_types"
#define USAGE "./socket_types"

/* Creates a socket, prints its descriptor, family, type and protocol, and closes it; or prints why there is none. */
static void print_socket(const char *request, int domain, int type, int protocol)
{
    int sock;

    if ((sock = socket(domain, type, protocol)) < 0) {
        if (errno != EPROTONOSUPPORT)
            fail(PROGRAM, "socket", errno);

        printf("  %-34s none: %s (errno %d)\n", request, strerror(errno), errno);
        return;
    }

    printf("  %-34s %10d", request, sock);
    printf(" %9d", get_option(PROGRAM, sock, SOL_SOCKET, SO_DOMAIN));
    printf(" %7d", get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE));
    printf(" %11d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_PROTOCOL));

    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
}

/* Creates a socket, or exits with 1. */
static int create_socket(int type)
{
    int sock;

    if ((sock = socket(PF_INET, type, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    return sock;
}

int main(int argc, char *argv[])
{
    int sock, other_sock;
    int type = 0;
    socklen_t size;

    /* [1] Take no arguments from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Print the constants */
    printf("Families:  PF_INET is %d, AF_INET is %d: the same.\n", PF_INET, AF_INET);
    printf("Types:     SOCK_STREAM is %d, SOCK_DGRAM is %d, SOCK_RAW is %d.\n", SOCK_STREAM, SOCK_DGRAM, SOCK_RAW);
    printf("Protocols: IPPROTO_TCP is %d, IPPROTO_UDP is %d.\n\n", IPPROTO_TCP, IPPROTO_UDP);

    /* [3] Create a socket of each type: protocol 0 is the type's default */
    printf("  %-34s descriptor SO_DOMAIN SO_TYPE SO_PROTOCOL\n", "socket()");
    print_socket("PF_INET, SOCK_STREAM, 0", PF_INET, SOCK_STREAM, 0);
    print_socket("PF_INET, SOCK_STREAM, IPPROTO_TCP", PF_INET, SOCK_STREAM, IPPROTO_TCP);
    print_socket("AF_INET, SOCK_STREAM, 0", AF_INET, SOCK_STREAM, 0);
    print_socket("PF_INET, SOCK_DGRAM, 0", PF_INET, SOCK_DGRAM, 0);
    print_socket("PF_INET, SOCK_DGRAM, IPPROTO_UDP", PF_INET, SOCK_DGRAM, IPPROTO_UDP);

    /* [4] Request what does not exist: a protocol of the other type, a raw socket without a protocol */
    print_socket("PF_INET, SOCK_STREAM, IPPROTO_UDP", PF_INET, SOCK_STREAM, IPPROTO_UDP);
    print_socket("PF_INET, SOCK_DGRAM, IPPROTO_TCP", PF_INET, SOCK_DGRAM, IPPROTO_TCP);
    print_socket("PF_INET, SOCK_RAW, 0", PF_INET, SOCK_RAW, 0);

    /* [5] Open two at once: a descriptor is the lowest free number */
    sock = create_socket(SOCK_STREAM);
    other_sock = create_socket(SOCK_DGRAM);
    printf("\nTwo sockets at once have the descriptors %d and %d.\n", sock, other_sock);

    /* [6] Close the first one: its number no longer refers to a socket */
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);

    size = sizeof(type);
    if (getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        printf("After close(%d), getsockopt(%d) fails: %s (errno %d).\n", sock, sock, strerror(errno), errno);

    /* [7] Create another one: it gets the free number, and exit closes both */
    sock = create_socket(SOCK_DGRAM);
    printf("The next socket has the descriptor %d again, and the type %d.\n", sock,
           get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE));

    succeed(PROGRAM);
}
