/*
 * No delay: how many segments small sends become, with Nagle's algorithm and without it.
 *
 * The tutorial's section on TCP_NODELAY (lines 399-401). It shows that by default a small piece leaves at
 * once only if nothing before it waits for its acknowledgement; that those which have to wait share a
 * segment; and that with TCP_NODELAY each leaves at once, in a segment of its own.
 *
 * Call: `no_delay`. It needs nothing to run against: both ends are in this program.
 *
 * On one machine an acknowledgement is back before the next send, and there is nothing to see. So the server
 * keeps the connection waiting (TCP_DEFER_ACCEPT), and then its queue is full with another one's: whatever the
 * client sends is thrown away, and nobody acknowledges it. And all sends are made in one system call
 * (sendmmsg), because after a fifth of a second without an acknowledgement the kernel sends what it has held
 * back, to find out whether something was lost.
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
/* Fewer than the ten segments that a new connection may have on their way. */
#define SENDS 8
/* For the bytes, each of which takes a kilobyte or two of it. */
#define SEND_BUFFER 65536
/* For how many seconds a connection may wait for its first byte. */
#define PATIENCE 60

/* Says so if a connection was reset. sendmmsg tells how many sends succeeded, and not why the next one failed. */
static void explain_reset(int sock)
{
    if (tcp_state(PROGRAM, sock) == TCP_CLOSE)
        fprintf(stderr, "%s: the connection was reset: is net.ipv4.tcp_abort_on_overflow 1?\n", PROGRAM);
}

/* Sends one byte SENDS times, and says how many of these bytes have not left. */
static int send_small(int sock)
{
    char bytes[SENDS + 1] = "abcdefgh";
    struct iovec pieces[SENDS];
    struct mmsghdr messages[SENDS];
    int index, sent;
    int held = 0;
    int unacknowledged = 0;

    memset(messages, 0, sizeof(messages));

    for (index = 0; index < SENDS; index++) {
        pieces[index].iov_base = &bytes[index];
        pieces[index].iov_len = 1;
        messages[index].msg_hdr.msg_iov = &pieces[index];
        messages[index].msg_hdr.msg_iovlen = 1;
    }

    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);

    if ((sent = sendmmsg(sock, messages, SENDS, MSG_DONTWAIT | MSG_NOSIGNAL)) != SENDS) {
        explain_send(PROGRAM, sent, SENDS);
        explain_reset(sock);
        exit(1);
    }

    /* How many bytes of the send buffer have not been sent yet, not even once. */
    if (ioctl(sock, SIOCOUTQNSD, &held) < 0)
        fail(PROGRAM, "ioctl", errno);

    /* How many of them are not acknowledged: as soon as one is, those that are held back leave. */
    if (ioctl(sock, TIOCOUTQ, &unacknowledged) < 0)
        fail(PROGRAM, "ioctl", errno);

    if (unacknowledged != SENDS) {
        fprintf(stderr, "%s: only %d of %d bytes are not acknowledged: is net.ipv4.tcp_syncookies 2?\n", PROGRAM,
                unacknowledged, SENDS);
        exit(1);
    }

    return held;
}

/* Waits for bytes, SENDS of them at most, and says how many came. With MSG_WAITALL all have to come. */
static ssize_t receive(int sock, int most, int flags)
{
    char buffer[SENDS];
    ssize_t received;

    if ((received = recv(sock, buffer, most, flags)) < 0)
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

    /* [1] Create the socket that listens; a connection shall not be complete before its first byte has come */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    set_option(PROGRAM, listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, PATIENCE);
    server_address = own_address(PROGRAM, listener);

    printf("%d sends of one byte each, while no acknowledgement comes\n", SENDS);

    for (no_delay = 0; no_delay < 2; no_delay++) {
        /* [2] Connect two clients, from addresses that are not in TIME_WAIT */
        if (listen(listener, 1) < 0)
            fail(PROGRAM, "listen", errno);

        /* With less the second one's SYN would find no room, and connect would wait. */
        if (effective_backlog(PROGRAM, listener, 1) < 1) {
            fprintf(stderr, "%s: listen: the kernel has cut the backlog to 0: is net.core.somaxconn 0?\n", PROGRAM);
            exit(1);
        }

        other = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + no_delay, &server_address);
        client = connect_client(PROGRAM, INADDR_LOOPBACK + 3 + no_delay, &server_address);

        /* [3] Let the first one complete its connection: with a backlog of 0 the queue is full */
        if (listen(listener, 0) < 0)
            fail(PROGRAM, "listen", errno);

        if (send(other, "x", 1, 0) < 0)
            fail(PROGRAM, "send", errno);

        waiting.fd = listener;
        waiting.events = POLLIN;
        waiting.revents = 0;

        if (poll(&waiting, 1, -1) < 0)
            fail(PROGRAM, "poll", errno);

        /* [4] Turn Nagle's algorithm off, the second time; send, and look at once how much has left */
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_NODELAY, no_delay);
        held = send_small(client);
        printf("TCP_NODELAY is %d: %d left at once, %d had to wait\n", no_delay, SENDS - held, held);

        /* [5] Make room for the second client, and wait until one of its segments comes again */
        other_accepted = accept_client(PROGRAM, listener);
        receive(other_accepted, 1, MSG_WAITALL);
        server = accept_client(PROGRAM, listener);

        /* [6] Receive what left at once, and then what had to wait: one segment brings all of it */
        receive(server, SENDS - held, MSG_WAITALL);

        if (held > 0)
            printf("  They came later: %zd with one recv\n", receive(server, SENDS, 0));

        printf("  Segments: %d\n", SENDS - held + (held > 0));
        close(client);
        close(server);
        close(other);
        close(other_accepted);
    }

    close(listener);
    succeed(PROGRAM);
}
