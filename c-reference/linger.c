/*
 * Linger: what close() does with bytes that have not been delivered yet, as the other end sees it.
 *
 * The tutorial's section on SO_LINGER (lines 370-386), with its fragment (372-378) as step 2; `struct linger` comes
 * from <sys/socket.h>. It shows the tutorial's three cases: close() returns and the kernel sends the rest; the kernel
 * discards the rest and resets the connection; close() blocks. And it shows a case that the tutorial gets wrong: if
 * received bytes are left unread, close() resets the connection, whatever the option says (erratum 21).
 *
 * Usage: `linger`. Both ends of its connections are in this program. Read next: `reuse_address`, `half_close`.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "linger"
#define USAGE "./linger"

/* The bytes that are sent before close(). */
#define DATA_SIZE 32768
/* Buffer sizes: one too small for these bytes, one large enough. */
#define SMALL_BUFFER_SIZE 4096
#define LARGE_BUFFER_SIZE 65536

/* Closes a socket that nothing uses any more. */
static void close_socket(int sock)
{
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
}

/* Connects `sock` to a peer with a receive buffer of this size, at an address of its own. */
static int connect_peer(int sock, int number, int buffer_size)
{
    struct sockaddr_in address;
    int listener, peer;

    listener = open_socket(PROGRAM);
    set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, buffer_size);
    bind_to(PROGRAM, listener, INADDR_LOOPBACK + number);
    address = own_address(PROGRAM, listener);
    if (listen(listener, 1) < 0)
        fail(PROGRAM, "listen", errno);
    connect_to(PROGRAM, sock, &address);
    peer = accept_client(PROGRAM, listener);
    close_socket(listener);
    return peer;
}

/* Reads until end of file or an error, prints what arrived, and closes the socket. */
static void read_and_close(int peer)
{
    char buffer[DATA_SIZE];
    ssize_t received;
    int total = 0;
    const char *end;

    while ((received = recv(peer, buffer, sizeof(buffer), MSG_WAITALL)) > 0)
        total += received;
    end = received == 0 ? "end of file" : strerror(errno);
    printf("  the peer reads %d bytes, then %s\n", total, end);
    close_socket(peer);
}

int main(int argc, char *argv[])
{
    const struct linger cases[] = {{0, 0}, {1, 0}, {1, 1}, {1, 60}};
    char data[DATA_SIZE];
    int sock, peer;
    int number;
    ssize_t sent;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);
    memset(data, 'x', sizeof(data));

    for (number = 0; number < 4; number++) {
        struct linger linger = cases[number];
        unsigned char state;
        int room = linger.l_linger < 60 ? SMALL_BUFFER_SIZE : LARGE_BUFFER_SIZE;

        /* [1] Connect to a peer that does not read yet; only the last one has room for all bytes */
        sock = open_socket(PROGRAM);
        set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, LARGE_BUFFER_SIZE);
        peer = connect_peer(sock, number, room);

        /* [2] Set what close() does */
        printf("l_onoff %d, l_linger %d; %d bytes, and room for %d:\n", linger.l_onoff, linger.l_linger, DATA_SIZE,
               room);
        if (setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
            fail(PROGRAM, "setsockopt", errno);

        /* [3] Send; what does not fit the receive buffer stays in the send buffer, which has room for all */
        if ((sent = send(sock, data, sizeof(data), MSG_DONTWAIT)) != DATA_SIZE) {
            explain_send(PROGRAM, sent, DATA_SIZE);
            exit(1);
        }

        /* [4] Close */
        close_socket(sock);

        /* [5] Read the TCP state of the peer; where close() resets, wait for the reset */
        if (linger.l_onoff != 0 && linger.l_linger == 0) {
            struct pollfd event = {.fd = peer, .events = 0};

            if (poll(&event, 1, -1) < 0)
                fail(PROGRAM, "poll", errno);
        }
        state = tcp_state(PROGRAM, peer);
        if (state == TCP_ESTABLISHED)
            printf("  close() returned with bytes unsent\n");
        else if (state == TCP_CLOSE_WAIT)
            printf("  close() returned after every byte was acknowledged\n");
        else
            printf("  close() returned and reset the connection\n");

        /* [6] Let the peer read */
        read_and_close(peer);
    }

    /* [7] Close as in the first case, but with received bytes unread */
    printf("l_onoff 0; 5 received bytes are left unread:\n");
    sock = open_socket(PROGRAM);
    peer = connect_peer(sock, 4, LARGE_BUFFER_SIZE);
    if ((sent = send(peer, data, 5, 0)) != 5) {
        explain_send(PROGRAM, sent, 5);
        exit(1);
    }
    if (recv(sock, data, 5, MSG_PEEK | MSG_WAITALL) < 0)
        fail(PROGRAM, "recv", errno);
    close_socket(sock);
    read_and_close(peer);
    succeed(PROGRAM);
}
