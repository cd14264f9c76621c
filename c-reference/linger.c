/*
 * Linger: what close() does with bytes that are still on their way, as the other end sees it.
 *
 * The tutorial's section on SO_LINGER (lines 370-386), with its fragment (372-378) as step 2; `struct linger`
 * comes from <sys/socket.h>. Its three cases: the kernel sends the rest after close(); it throws the rest
 * away and resets the connection; close() waits. And one that the tutorial has wrong: bytes that came in
 * and are left unread turn the end into a reset, whatever the option says (erratum 21).
 *
 * Call: `linger`. It holds both ends of its connections. Next: `reuse_address`, `half_close`.
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

/* How many bytes are sent before close(). */
#define SENT 32768
/* Buffers: one for a few of these bytes, one for all of them. */
#define FEW 4096
#define ALL 65536

/* Closes a socket, which nothing uses any more. */
static void close_socket(int sock)
{
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
}

/* Connects `sock` to a peer that has a receive buffer of its own size, at an address of its own. */
static int connect_peer(int sock, int number, int buffer)
{
    struct sockaddr_in address;
    int listener, peer;

    listener = open_socket(PROGRAM);
    set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, buffer);
    bind_to(PROGRAM, listener, INADDR_LOOPBACK + number);
    address = own_address(PROGRAM, listener);
    if (listen(listener, 1) < 0)
        fail(PROGRAM, "listen", errno);
    connect_to(PROGRAM, sock, &address);
    peer = accept_client(PROGRAM, listener);
    close_socket(listener);
    return peer;
}

/* Reads what there is to read, up to the end or to an error, says what came, and closes. */
static void read_and_close(int peer)
{
    char buffer[SENT];
    ssize_t received;
    int total = 0;
    const char *end;

    while ((received = recv(peer, buffer, sizeof(buffer), MSG_WAITALL)) > 0)
        total += received;
    end = received == 0 ? "the end" : strerror(errno);
    printf("  the peer reads %d bytes, then %s\n", total, end);
    close_socket(peer);
}

int main(int argc, char *argv[])
{
    const struct linger cases[] = {{0, 0}, {1, 0}, {1, 1}, {1, 60}};
    char data[SENT];
    int sock, peer;
    int number;
    ssize_t sent;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);
    memset(data, 'x', sizeof(data));

    for (number = 0; number < 4; number++) {
        struct linger linger = cases[number];
        struct tcp_info info;
        socklen_t size = sizeof(info.tcpi_state);
        int state;
        int room = linger.l_linger < 60 ? FEW : ALL;

        /* [1] Connect to a peer that will not read for a while; only the last one has room for all */
        sock = open_socket(PROGRAM);
        set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, ALL);
        peer = connect_peer(sock, number, room);

        /* [2] Say what close() is to do */
        printf("l_onoff %d, l_linger %d; %d bytes, and room for %d:\n", linger.l_onoff, linger.l_linger, SENT, room);
        if (setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
            fail(PROGRAM, "setsockopt", errno);

        /* [3] Send; what the peer has no room for stays in the send buffer, which has room for all */
        if ((sent = send(sock, data, sizeof(data), MSG_DONTWAIT)) != SENT) {
            explain_send(PROGRAM, sent, SENT);
            exit(1);
        }

        /* [4] Close */
        close_socket(sock);

        /* [5] Look what the peer has noticed; nothing keeps a reset back, so that it can be waited for */
        if (linger.l_onoff != 0 && linger.l_linger == 0) {
            struct pollfd event = {.fd = peer, .events = 0};

            if (poll(&event, 1, -1) < 0)
                fail(PROGRAM, "poll", errno);
        }
        if (getsockopt(peer, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
            fail(PROGRAM, "getsockopt", errno);
        state = info.tcpi_state;
        if (state == TCP_ESTABLISHED)
            printf("  close() is back with bytes unsent\n");
        else if (state == TCP_CLOSE_WAIT)
            printf("  close() is back with every byte acknowledged\n");
        else
            printf("  close() is back, and the connection reset\n");

        /* [6] Let the peer read */
        read_and_close(peer);
    }

    /* [7] Close by the first case, but leave bytes unread that have come in */
    printf("l_onoff 0; 5 bytes that came in are not read:\n");
    sock = open_socket(PROGRAM);
    peer = connect_peer(sock, 4, ALL);
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
