/*
 * Buffer size: reads and sets how much a socket holds, and shows when a connection takes notice.
 *
 * The tutorial's section on SO_RCVBUF and SO_SNDBUF (lines 340-368), with its fragment (344-364) as steps
 * 2 and 3. Linux stores twice what is set, so "make it twice as large" reads back as four times as large
 * (erratum 19). The buffer has no part in the largest segment (MSS) that a handshake announces; it decides
 * the window scale, and that cannot change later (erratum 20).
 *
 * Call: `buffer_size`. It holds both ends of its connections. Next: `socket_options`, `handshake`.
 *
 * Of the fragment, errata 4, 6 and 7 are corrected.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "buffer_size"
#define USAGE "./buffer_size"

/* What is set on one end of a connection: fewer bytes than the default. */
#define SMALL 32768
/* More than any kernel allows, unless it was told to. */
#define TOO_LARGE 1073741823
/* What both ends announce as the largest segment, as on an Ethernet. */
#define ETHERNET 1460
/* The beginning of a tcp_info, up to the window scales. What follows are measurements. */
#define BEGINNING 7

/* When the buffer is set: places in the list of moments. */
#define BEFORE_CONNECT 1
#define AFTER_CONNECT 2
#define BEFORE_LISTEN 3
#define AFTER_LISTEN 4
#define AFTER_ACCEPT 5

/* Closes a socket, which nothing uses any more. */
static void close_socket(int sock)
{
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
}

int main(int argc, char *argv[])
{
    int rcvBufferSize, snd_buffer_size;
    /* Erratum 6: the fragment has an int, but getsockopt takes a pointer to a socklen_t. */
    socklen_t sockOptSize;
    int sock;
    const char *const moments[] = {"never",           "before connect()", "after connect()",
                                   "before listen()", "after listen()",   "after accept()"};
    int moment;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Create a socket */
    sock = open_socket(PROGRAM);

    /* [2] Read the size of its receive buffer */
    sockOptSize = sizeof(rcvBufferSize);
    if (getsockopt(sock, SOL_SOCKET, SO_RCVBUF, &rcvBufferSize, &sockOptSize) < 0) {
        explain_errno(PROGRAM, "getsockopt", errno);
        printf("getsockopt() failed\n");
        exit(1);
    }
    printf("SO_RCVBUF at first: %d\n", rcvBufferSize);

    /* [3] Make the receive buffer twice as large */
    rcvBufferSize *= 2;
    /* Erratum 7: the fragment's `< 0` stands inside the parenthesis, and makes the length 0. */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &rcvBufferSize, sizeof(rcvBufferSize)) < 0) {
        explain_errno(PROGRAM, "setsockopt", errno);
        printf("setsockopt() failed\n");
        exit(1);
    }
    printf("  set to twice that: %d\n", rcvBufferSize);
    printf("  read back: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF));

    /* [4] Give a length of 0, as the fragment does, and then more than the kernel allows */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &rcvBufferSize, 0) < 0)
        printf("  set with a length of 0: %s\n", strerror(errno));
    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, TOO_LARGE);
    printf("  set to more than it may be: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF));

    /* [5] The same with the send buffer */
    snd_buffer_size = get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF);
    printf("SO_SNDBUF at first: %d\n", snd_buffer_size);
    snd_buffer_size *= 2;
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, snd_buffer_size);
    printf("  set to twice that: %d\n", snd_buffer_size);
    printf("  read back: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF));

    printf("SO_RCVBUF set to %d at one end, and what the handshake told the other end:\n", SMALL);
    for (moment = 0; moment <= AFTER_ACCEPT; moment++) {
        const char *when = moments[moment];
        struct sockaddr_in address;
        socklen_t size = BEGINNING;
        struct tcp_info info;
        int listener, client, server, end, other;
        int largest, stored, scale;

        /* [6] Connect a client and a server, at an address of their own for each moment */
        listener = open_socket(PROGRAM);
        client = open_socket(PROGRAM);
        set_option(PROGRAM, listener, IPPROTO_TCP, TCP_MAXSEG, ETHERNET);
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_MAXSEG, ETHERNET);
        bind_to(PROGRAM, listener, INADDR_LOOPBACK + moment);
        address = own_address(PROGRAM, listener);

        /* [7] On the way, set the buffer at this moment */
        if (moment == BEFORE_LISTEN)
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL);
        if (listen(listener, 1) < 0)
            fail(PROGRAM, "listen", errno);
        if (moment == AFTER_LISTEN)
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL);
        if (moment == BEFORE_CONNECT)
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL);
        connect_to(PROGRAM, client, &address);
        if (moment == AFTER_CONNECT)
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL);
        server = accept_client(PROGRAM, listener);
        if (moment == AFTER_ACCEPT)
            set_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF, SMALL);

        /* [8] Ask the other end what it was told */
        memset(&info, 0, sizeof(info));
        end = moment < BEFORE_LISTEN ? client : server;
        other = moment < BEFORE_LISTEN ? server : client;
        if (getsockopt(other, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
            fail(PROGRAM, "getsockopt", errno);
        largest = get_option(PROGRAM, other, IPPROTO_TCP, TCP_MAXSEG);
        stored = get_option(PROGRAM, end, SOL_SOCKET, SO_RCVBUF);
        scale = info.tcpi_snd_wscale;
        printf("  %s: size %d, MSS %d, window scale %d\n", when, stored, largest, scale);

        /* [9] Close all three */
        close_socket(client);
        close_socket(server);
        close_socket(listener);
    }
    succeed(PROGRAM);
}
