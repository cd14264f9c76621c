/*
 * Listen backlog: how many connections complete before anyone accepts them.
 *
 * The tutorial's sections on listen() and accept() (lines 271-285). It shows that:
 *
 * - the kernel completes connections by itself and keeps them in a queue;
 * - on Linux the queue holds one more than the backlog (erratum 17: half-open ones have a queue of their own, and
 *   the number itself still fits);
 * - the next client gets no answer at all, neither acceptance nor refusal, so that it retransmits its SYN until there
 *   is room;
 * - accept takes first the connection that was complete first;
 * - clients are served side by side: one that is deferred until it sends (TCP_DEFER_ACCEPT) is not in the queue, and a
 *   later one that sends first is accepted first (erratum 17);
 * - the kernel limits the backlog to what the administrator allows (somaxconn), and listen does not report that.
 *
 * Usage: `listen_backlog [BACKLOG]`, from 0 to 100; the default is 5. Both ends of its connections are in this
 * program. Read next: `stream_boundaries`.
 *
 * Each client has an address of its own, 127.0.0.2 and so on, to tell them apart. The clients stay connected until the
 * program ends. The limit and the length of the queue are two fields of a listening socket's TCP_INFO.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "listen_backlog"
#define USAGE "./listen_backlog [BACKLOG]"
#define DEFAULT_BACKLOG 5
/* How long the last client waits for an answer to its first SYN. It retransmits after 1000 ms. */
#define ANSWER_TIMEOUT_MS 500
/* How long a connection may be deferred until the client's first byte, in seconds. */
#define DEFER_ACCEPT_S 60
/* More than a kernel allows, unless the administrator has changed it. */
#define HUGE_BACKLOG 1000000

/* Connects a client from 127.0.0.HOST. With SOCK_NONBLOCK, the connection is only started. */
static int connect_from(int host, int flags, const struct sockaddr_in *server_address)
{
    int client;

    if ((client = socket(PF_INET, SOCK_STREAM | flags, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    bind_to(PROGRAM, client, INADDR_LOOPBACK - 1 + host);

    /* EINPROGRESS is no failure: the kernel goes on by itself. */
    if (connect(client, (const struct sockaddr *)server_address, sizeof(*server_address)) < 0 && errno != EINPROGRESS)
        fail(PROGRAM, "connect", errno);

    return client;
}

/* Accepts a connection, prints the client's address, and closes it. */
static void accept_next(int server)
{
    struct sockaddr_in client_address;
    socklen_t length = sizeof(client_address);
    int accepted;

    memset(&client_address, 0, sizeof(client_address));

    if ((accepted = accept(server, (struct sockaddr *)&client_address, &length)) < 0)
        fail(PROGRAM, "accept", errno);

    printf("The server accepts %s\n", inet_ntoa(client_address.sin_addr));
    close(accepted);
}

/* Sends a client's first byte, which ends the wait of a deferred connection. */
static void send_first_byte(int client, int host, int server)
{
    if (send(client, "x", 1, 0) < 0)
        fail(PROGRAM, "send", errno);

    printf("127.0.0.%d has sent; in the queue: %d\n", host, queue_length(PROGRAM, server));
}

/* Changes the backlog, prints the limit that is in force then, and returns it. */
static int change_backlog(int server, int backlog)
{
    int effective;

    if (listen(server, backlog) < 0)
        fail(PROGRAM, "listen", errno);

    effective = effective_backlog(PROGRAM, server, backlog);
    printf("With a backlog of %d, the limit in force is %d\n", backlog, effective);
    return effective;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address;
    struct pollfd late_client;
    int server, host, last, answered, effective, error, first, second, queued;
    int backlog = DEFAULT_BACKLOG;

    /* [1] Take the backlog from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 1);

    if (argc > 1)
        backlog = number_argument(PROGRAM, USAGE, "BACKLOG", argv[1], 10, 0, 100);

    /* [2] Create the server's socket, on a port of 127.0.0.1 that the kernel chooses */
    server = bound_socket(PROGRAM, INADDR_LOOPBACK);
    server_address = own_address(PROGRAM, server);

    /* [3] Listen, and do not accept */
    if (listen(server, backlog) < 0)
        fail(PROGRAM, "listen", errno);

    printf("The server listens with a backlog of %d, and does not accept\n", backlog);
    effective = effective_backlog(PROGRAM, server, backlog);
    printf("The limit in force is %d\n", effective);

    if (effective < backlog) {
        printf("The kernel has cut it: net.core.somaxconn allows no more\n");
        backlog = effective;
    }

    /* [4] Connect as many clients as the backlog, and one more, starting with 127.0.0.2 */
    last = backlog + 2;

    /* These calls block: each returns once its connection is complete. */
    for (host = 2; host <= last; host++) {
        connect_from(host, 0, &server_address);
        printf("127.0.0.%d is connected\n", host);
    }

    /* [5] Start another connection, and wait for an answer */
    host = last + 1;
    late_client.fd = connect_from(host, SOCK_NONBLOCK, &server_address);
    late_client.events = POLLOUT;
    late_client.revents = 0;

    if ((answered = poll(&late_client, 1, ANSWER_TIMEOUT_MS)) < 0)
        fail(PROGRAM, "poll", errno);

    printf("127.0.0.%d has %s\n", host, answered == 0 ? "no answer: the queue is full" : "an answer");
    printf("Complete, and not accepted: %d\n", queue_length(PROGRAM, server));

    /* [6] Accept one connection: now there is room for another */
    accept_next(server);

    /* [7] Wait until the late client has retransmitted its SYN, and check the result */
    if (poll(&late_client, 1, -1) < 0)
        fail(PROGRAM, "poll", errno);

    if ((error = get_option(PROGRAM, late_client.fd, SOL_SOCKET, SO_ERROR)) != 0)
        fail(PROGRAM, "connect", error);

    printf("127.0.0.%d is connected, by a SYN that it sent again\n", host);

    /* [8] Accept all the others: first come, first served */
    for (host = 2; host <= last; host++)
        accept_next(server);

    /* [9] Ask for more than the kernel allows, and for -1, which it takes for the largest number */
    change_backlog(server, HUGE_BACKLOG);
    effective = change_backlog(server, -1);

    if (effective < 2) {
        fprintf(stderr, "%s: listen: no room for two deferred connections: is net.core.somaxconn less than 2?\n",
                PROGRAM);
        exit(1);
    }

    /* [10] Connect two more: with TCP_DEFER_ACCEPT, each gets into the queue when the client's first byte is there */
    set_option(PROGRAM, server, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_S);
    first = connect_from(last + 2, 0, &server_address);
    second = connect_from(last + 3, 0, &server_address);
    /* With net.ipv4.tcp_syncookies = 2, the kernel keeps nothing that it could defer. */
    queued = queue_length(PROGRAM, server);
    printf("127.0.0.%d and 127.0.0.%d are connected and %s; in the queue: %d\n", last + 2, last + 3,
           queued == 0 ? "deferred until they send" : "not deferred", queued);

    /* [11] Have the second one send first: if they were deferred, it is accepted first */
    send_first_byte(second, last + 3, server);
    send_first_byte(first, last + 2, server);
    accept_next(server);
    accept_next(server);

    close(server);
    succeed(PROGRAM);
}
