/*
 * No delay: how many segments small sends become, with Nagle's algorithm and without it.
 *
 * The tutorial's section on TCP_NODELAY (lines 399-401). It shows that by default a small segment is sent at once
 * only if nothing sent before it is unacknowledged; that what has to wait is sent in one segment; and that with
 * TCP_NODELAY each send becomes a segment of its own, at once. It matters to whichever end sends small messages: here
 * it is the client, which the tutorial leaves to Nagle's algorithm (erratum 44).
 *
 * Usage: `no_delay`. Both ends of its connections are in this program. Read next: `socket_options`.
 *
 * On one host an acknowledgement arrives before the next send, and there would be nothing to see. So the server
 * delays the connection (TCP_DEFER_ACCEPT) until its accept queue is full with another one: the kernel drops what the
 * client sends, and does not acknowledge it. And all sends are made in one system call (sendmmsg), because after 200
 * ms without an acknowledgement the kernel sends what it has held back, to probe for loss.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "no_delay"
#define USAGE "./no_delay"
/* Less than the initial congestion window, which is ten segments. */
#define SEND_COUNT 8
/* Large enough for the bytes, each of which takes one or two kilobytes of it. */
#define SEND_BUFFER_SIZE 65536
/* How long a connection may wait for its first byte, in seconds. */
#define DEFER_ACCEPT_S 60

/* Reports a connection that was reset: sendmmsg returns how many sends succeeded, not why the next one failed. */
static void explain_reset(int sock)
{
    if (tcp_state(PROGRAM, sock) == TCP_CLOSE)
        fprintf(stderr, "%s: the connection was reset: is net.ipv4.tcp_abort_on_overflow 1?\n", PROGRAM);
}

/* Sends one byte SEND_COUNT times. Returns how many of these bytes have not been transmitted yet. */
static int send_bytes(int sock)
{
    char bytes[SEND_COUNT + 1] = "abcdefgh";
    struct iovec pieces[SEND_COUNT];
    struct mmsghdr messages[SEND_COUNT];
    int index, sent;
    int held = 0;
    int unacknowledged = 0;

    memset(pieces, 0, sizeof(pieces));
    memset(messages, 0, sizeof(messages));

    for (index = 0; index < SEND_COUNT; index++) {
        pieces[index].iov_base = &bytes[index];
        pieces[index].iov_len = 1;
        messages[index].msg_hdr.msg_iov = &pieces[index];
        messages[index].msg_hdr.msg_iovlen = 1;
    }

    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_SIZE);

    if ((sent = sendmmsg(sock, messages, SEND_COUNT, MSG_DONTWAIT | MSG_NOSIGNAL)) != SEND_COUNT) {
        explain_send(PROGRAM, sent, SEND_COUNT);
        explain_reset(sock);
        exit(1);
    }

    /* The bytes in the send buffer that have not been transmitted yet. */
    if (ioctl(sock, SIOCOUTQNSD, &held) < 0)
        fail(PROGRAM, "ioctl", errno);

    /* The bytes that are not acknowledged: as soon as one is, those that are held back are sent. */
    if (ioctl(sock, TIOCOUTQ, &unacknowledged) < 0)
        fail(PROGRAM, "ioctl", errno);

    if (unacknowledged != SEND_COUNT) {
        fprintf(stderr, "%s: only %d of %d bytes are unacknowledged: is net.ipv4.tcp_syncookies 2?\n", PROGRAM,
                unacknowledged, SEND_COUNT);
        exit(1);
    }

    return held;
}

/* Receives up to `size` bytes, or with MSG_WAITALL, waits for all of them. Returns how many arrived. */
static ssize_t receive(int sock, int size, int flags)
{
    char buffer[SEND_COUNT];
    ssize_t received;

    if ((received = recv(sock, buffer, size, flags)) < 0)
        fail(PROGRAM, "recv", errno);

    return received;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address;
    struct pollfd waiting;
    int listener, other, other_accepted, client, server, held;
    int no_delay;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Create the listener; a connection is not complete until its first byte has arrived */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    set_option(PROGRAM, listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_S);
    server_address = own_address(PROGRAM, listener);

    printf("%d sends of one byte each, while no acknowledgement comes\n", SEND_COUNT);

    for (no_delay = 0; no_delay < 2; no_delay++) {
        /* [2] Connect two clients, from addresses that are not in TIME_WAIT */
        if (listen(listener, 1) < 0)
            fail(PROGRAM, "listen", errno);

        /* With less, the second client's SYN would be dropped, and connect would block. */
        if (effective_backlog(PROGRAM, listener, 1) < 1) {
            fprintf(stderr, "%s: listen: the kernel has cut the backlog to 0: is net.core.somaxconn 0?\n", PROGRAM);
            exit(1);
        }

        other = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + no_delay, &server_address);
        client = connect_client(PROGRAM, INADDR_LOOPBACK + 3 + no_delay, &server_address);

        /* [3] Let the first client complete its connection: with a backlog of 0 the accept queue is full */
        if (listen(listener, 0) < 0)
            fail(PROGRAM, "listen", errno);

        if (send(other, "x", 1, 0) < 0)
            fail(PROGRAM, "send", errno);

        waiting = (struct pollfd){.fd = listener, .events = POLLIN};

        if (poll(&waiting, 1, -1) < 0)
            fail(PROGRAM, "poll", errno);

        /* [4] The second time, turn off Nagle's algorithm; send, and read at once how much has been transmitted */
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_NODELAY, no_delay);
        held = send_bytes(client);
        printf("TCP_NODELAY is %d: %d left at once, %d had to wait\n", no_delay, SEND_COUNT - held, held);

        /* [5] Make room for the second client, and wait until one of its segments is retransmitted */
        other_accepted = accept_client(PROGRAM, listener);
        receive(other_accepted, 1, MSG_WAITALL);
        server = accept_client(PROGRAM, listener);

        /* [6] Receive what was sent at once, and then what had to wait: it arrives in one segment */
        receive(server, SEND_COUNT - held, MSG_WAITALL);

        if (held > 0)
            printf("  They came later: %zd with one recv\n", receive(server, SEND_COUNT, 0));

        printf("  Segments: %d\n", SEND_COUNT - held + (held > 0));
        close(client);
        close(server);
        close(other);
        close(other_accepted);
    }

    close(listener);
    succeed(PROGRAM);
}
