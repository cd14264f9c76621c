/*
 * Socket types: what socket() makes of its three arguments.
 *
 * The tutorial's sections on the transport layer and on socket() and close() (lines 56-65 and 206-228). It creates
 * sockets of both types, with protocol 0 and with an explicit protocol, and reads back what the kernel made of them;
 * then it requests three that do not exist, and looks at what is left of a socket after close.
 *
 * A socket's descriptor is a file descriptor (line 208): write and read take it, too. A datagram that finds nobody is
 * answered by ICMP (line 33), which a program learns as an error of its socket if that is connected. A raw socket
 * (line 226) takes a privilege.
 *
 * Usage: `socket_types`. Read next: `socket_options`, which reads the other options of a socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "socket_types"
#define USAGE "./socket_types"
#define WORD "hello"
#define WORD_LENGTH (sizeof(WORD) - 1)
/* How long to wait for a datagram. It is there at once, unless a firewall drops it. */
#define TIMEOUT_S 5

/* Creates a socket, prints its descriptor, family, type and protocol, and closes it; or prints why there is none. */
static void print_socket(const char *request, int domain, int type, int protocol)
{
    int sock;

    if ((sock = socket(domain, type, protocol)) < 0) {
        if (errno != EPROTONOSUPPORT && errno != EPERM)
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

/* Uses a socket that is connected to itself as a file and as a socket. */
static void use_as_file(int sock)
{
    struct stat status;
    char buffer[WORD_LENGTH];
    ssize_t received;

    if (fstat(sock, &status) < 0)
        fail(PROGRAM, "fstat", errno);

    printf("\nfstat(%d) says that descriptor %d stands for %s.\n", sock, sock,
           (status.st_mode & S_IFMT) == S_IFSOCK ? "a socket" : "something else");

    if (lseek(sock, 0, SEEK_CUR) < 0) {
        if (errno != ESPIPE)
            fail(PROGRAM, "lseek", errno);

        printf("lseek(%d) fails: %s (errno %d): there is no position to move.\n", sock, strerror(errno), errno);
    }

    if (write(sock, WORD, WORD_LENGTH) < 0)
        fail(PROGRAM, "write", errno);

    if ((received = recv(sock, buffer, WORD_LENGTH, 0)) < 0)
        fail(PROGRAM, "recv", errno);

    printf("write(%d) sent a word, and recv(%d) received %zd bytes.\n", sock, sock, received);

    if (send(sock, WORD, WORD_LENGTH, 0) < 0)
        fail(PROGRAM, "send", errno);

    if ((received = read(sock, buffer, WORD_LENGTH)) < 0)
        fail(PROGRAM, "read", errno);

    printf("send(%d) sent a word, and read(%d) received %zd bytes.\n", sock, sock, received);
}

/* Sends a word that nobody receives, and prints what the next call reports. */
static void print_refusal(int sock)
{
    char buffer[WORD_LENGTH];

    if (write(sock, WORD, WORD_LENGTH) < 0)
        fail(PROGRAM, "write", errno);

    if (read(sock, buffer, WORD_LENGTH) < 0) {
        if (errno != ECONNREFUSED)
            fail(PROGRAM, "read", errno);

        printf("After write(%d) to a port that nobody has, read(%d) fails: %s (errno %d).\n", sock, sock,
               strerror(errno), errno);
    }
}

int main(int argc, char *argv[])
{
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct sockaddr_in address;
    int sock, other_sock;
    int type = 0;
    socklen_t size;

    /* [1] Take no arguments from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Print the constants */
    printf("Families:  PF_INET is %d, AF_INET is %d: the same.\n", PF_INET, AF_INET);
    printf("Types:     SOCK_STREAM is %d, SOCK_DGRAM is %d, SOCK_RAW is %d.\n", SOCK_STREAM, SOCK_DGRAM, SOCK_RAW);
    printf("Protocols: IPPROTO_ICMP is %d, IPPROTO_TCP is %d, IPPROTO_UDP is %d.\n\n", IPPROTO_ICMP, IPPROTO_TCP,
           IPPROTO_UDP);

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

    /* [5] Request a raw socket with a protocol: there is one for a process with the capability CAP_NET_RAW */
    print_socket("PF_INET, SOCK_RAW, IPPROTO_ICMP", PF_INET, SOCK_RAW, IPPROTO_ICMP);

    /* [6] Open two at once: a descriptor is the lowest free number */
    sock = create_socket(SOCK_STREAM);
    other_sock = create_socket(SOCK_DGRAM);
    printf("\nTwo sockets at once have the descriptors %d and %d.\n", sock, other_sock);

    /* [7] Close the first one: its number no longer refers to a socket */
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);

    size = sizeof(type);
    if (getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        printf("After close(%d), getsockopt(%d) fails: %s (errno %d).\n", sock, sock, strerror(errno), errno);

    /* [8] Create another one: it gets the free number */
    sock = create_socket(SOCK_DGRAM);
    printf("The next socket has the descriptor %d again, and the type %d.\n", sock,
           get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE));

    /* [9] Connect it to its own address: it receives what it sends */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    bind_to(PROGRAM, sock, INADDR_LOOPBACK);
    address = own_address(PROGRAM, sock);
    connect_to(PROGRAM, sock, &address);

    /* [10] Use it as a file: write and read do what send and recv do without flags */
    use_as_file(sock);

    /* [11] Connect it to the same port of 127.0.0.2, which nobody has: an ICMP message says so; exit closes both */
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    connect_to(PROGRAM, sock, &address);
    print_refusal(sock);

    succeed(PROGRAM);
}
