/*
 * Buffer size: reads and sets the size of a socket's buffers, and shows when a connection takes it into account.
 *
 * The tutorial's section on SO_RCVBUF and SO_SNDBUF (lines 340-368), with its fragment (344-364) as steps 2 and 3.
 * Linux stores twice the value that is set, so a size that is read, doubled and set reads back four times as large, up
 * to the administrator's limit (erratum 19). The buffer size has no influence on the maximum segment size (MSS) that a
 * handshake announces; it determines the window scale, which is fixed by the handshake (erratum 20). A receive buffer
 * that nobody has set grows with the stream; one that was set keeps its size (erratum 37).
 *
 * Usage: `buffer_size`. Both ends of its connections are in this program. Read next: `socket_options`, `handshake`.
 *
 * In the fragment, errata 4, 6 and 7 are corrected.
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

/* Less than the default, for one end of a connection. */
#define SMALL_SIZE 32768
/* More than net.core.rmem_max normally allows. */
#define TOO_LARGE_SIZE 1073741823
/* The MSS that both ends announce, as on an Ethernet. */
#define ETHERNET_MSS 1460
/* The part of tcp_info up to the window scales; the rest is measurements. */
#define INFO_SIZE 7

/* A stream, and its blocks: each is twice as large as the window that a receiver announces at first. */
#define BLOCK_SIZE 131072
#define STREAM_SIZE 1048576
/* The receive buffer that is set for a stream: Linux stores twice that, which normally is the default. */
#define FIXED_SIZE 65536

/* When the buffer size is set: indices into the list of moments. */
#define BEFORE_CONNECT 1
#define AFTER_CONNECT 2
#define BEFORE_LISTEN 3
#define AFTER_LISTEN 4
#define AFTER_ACCEPT 5

/* Closes a socket that nothing uses any more. */
static void close_socket(int sock)
{
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
}

/* Sends a stream from a client to a server, block by block, and prints what becomes of the server's receive buffer. */
static void measure_growth(int client, int server, const char *how)
{
    char block[BLOCK_SIZE];
    ssize_t sent;
    int total, before, after;

    memset(block, 's', BLOCK_SIZE);
    before = get_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF);

    for (total = 0; total < STREAM_SIZE; total += BLOCK_SIZE) {
        /* Both ends are in this program: a send that has to wait would wait for ever. */
        if ((sent = send(client, block, BLOCK_SIZE, MSG_DONTWAIT)) != BLOCK_SIZE) {
            explain_send(PROGRAM, sent, BLOCK_SIZE);
            exit(1);
        }
        if (recv(server, block, BLOCK_SIZE, MSG_WAITALL) < 0)
            fail(PROGRAM, "recv", errno);
    }
    after = get_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF);
    printf("  %s: %d at first, %d at the end\n", how, before, after);
}

int main(int argc, char *argv[])
{
    int rcvBufferSize = 0, snd_buffer_size;
    /* Erratum 6: the fragment has an int, but getsockopt takes a pointer to a socklen_t. */
    socklen_t sockOptSize;
    int sock;
    const char *const moments[] = {"never",           "before connect()", "after connect()",
                                   "before listen()", "after listen()",   "after accept()"};
    int moment, fixed;

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

    /* [3] Double it */
    rcvBufferSize *= 2;
    /* Erratum 7: the fragment's `< 0` is inside the parentheses and makes the length 0. */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &rcvBufferSize, sizeof(rcvBufferSize)) < 0) {
        explain_errno(PROGRAM, "setsockopt", errno);
        printf("setsockopt() failed\n");
        exit(1);
    }
    printf("  set to twice that: %d\n", rcvBufferSize);
    printf("  read back: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF));

    /* [4] Set it with a length of 0, as the fragment does, and then to more than the kernel allows */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &rcvBufferSize, 0) < 0)
        printf("  set with a length of 0: %s\n", strerror(errno));
    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, TOO_LARGE_SIZE);
    printf("  set to more than the maximum: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF));

    /* [5] Double the size of the send buffer */
    snd_buffer_size = get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF);
    printf("SO_SNDBUF at first: %d\n", snd_buffer_size);
    snd_buffer_size *= 2;
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, snd_buffer_size);
    printf("  set to twice that: %d\n", snd_buffer_size);
    printf("  read back: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF));

    printf("SO_RCVBUF set to %d at one end, and what the other end knows after the handshake:\n", SMALL_SIZE);
    for (moment = 0; moment <= AFTER_ACCEPT; moment++) {
        const char *when = moments[moment];
        struct sockaddr_in address;
        socklen_t size = INFO_SIZE;
        struct tcp_info info;
        int listener, client, server, end, other;
        int segment, stored, scale;

        /* [6] Create a client and a server, for each moment at another address */
        listener = open_socket(PROGRAM);
        client = open_socket(PROGRAM);
        set_option(PROGRAM, listener, IPPROTO_TCP, TCP_MAXSEG, ETHERNET_MSS);
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_MAXSEG, ETHERNET_MSS);
        bind_to(PROGRAM, listener, INADDR_LOOPBACK + moment);
        address = own_address(PROGRAM, listener);

        /* [7] Connect them, and set the buffer size of one at this moment */
        if (moment == BEFORE_LISTEN)
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        if (listen(listener, 1) < 0)
            fail(PROGRAM, "listen", errno);
        if (moment == AFTER_LISTEN)
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        if (moment == BEFORE_CONNECT)
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        connect_to(PROGRAM, client, &address);
        if (moment == AFTER_CONNECT)
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        server = accept_client(PROGRAM, listener);
        if (moment == AFTER_ACCEPT)
            set_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);

        /* [8] Read what the other end knows: the largest segment is the announced MSS less the options of each segment
         */
        memset(&info, 0, sizeof(info));
        end = moment < BEFORE_LISTEN ? client : server;
        other = moment < BEFORE_LISTEN ? server : client;
        if (getsockopt(other, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
            fail(PROGRAM, "getsockopt", errno);
        segment = get_option(PROGRAM, other, IPPROTO_TCP, TCP_MAXSEG);
        stored = get_option(PROGRAM, end, SOL_SOCKET, SO_RCVBUF);
        scale = info.tcpi_snd_wscale;
        printf("  %s: size %d, largest segment %d, window scale %d\n", when, stored, segment, scale);

        /* [9] Close all sockets */
        close_socket(client);
        close_socket(server);
        close_socket(listener);
    }

    printf("SO_RCVBUF of the receiver of a stream of %d bytes:\n", STREAM_SIZE);
    for (fixed = 0; fixed < 2; fixed++) {
        struct sockaddr_in address;
        int listener, client, server;

        /* [10] Connect a client and a server; the second time, set the size of the receive buffer before */
        listener = bound_socket(PROGRAM, INADDR_LOOPBACK + moment + fixed);
        address = own_address(PROGRAM, listener);
        if (fixed != 0)
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, FIXED_SIZE);
        if (listen(listener, 1) < 0)
            fail(PROGRAM, "listen", errno);
        client = open_socket(PROGRAM);
        /* So that it takes a block at once, whatever net.ipv4.tcp_wmem says. */
        set_option(PROGRAM, client, SOL_SOCKET, SO_SNDBUF, BLOCK_SIZE);
        connect_to(PROGRAM, client, &address);
        server = accept_client(PROGRAM, listener);

        /* [11] Send a stream, and read the size before it and after it */
        measure_growth(client, server, fixed != 0 ? "set before" : "never set");

        /* [12] Close all sockets */
        close_socket(client);
        close_socket(server);
        close_socket(listener);
    }
    succeed(PROGRAM);
}
