/*
 * Listen backlog: how many connections complete before anyone accepts.
 *
 * The tutorial's sections on listen() and accept() (lines 271-285). It shows that the kernel completes
 * connections by itself and keeps them in a queue; that on Linux the queue takes one more than the
 * backlog (erratum 17: half-open ones do not count, and the number itself still fits); that the client
 * after those gets no answer at all, neither yes nor no, so that it sends its SYN again until there is
 * room; and that accept takes the oldest connection first. What the administrator allows (somaxconn) the
 * kernel does not exceed, and listen does not tell.
 *
 * Call: `listen_backlog [BACKLOG]`, from 0 to 100; 5 if none is given. It needs nothing to run against:
 * server and clients are in this program. Read next: `stream_boundaries`.
 *
 * Each client has an address of its own, 127.0.0.2 and so on, so that they can be told apart. The clients
 * stay connected until the program ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "listen_backlog"
#define USAGE "./listen_backlog [BACKLOG]"
#define BACKLOG 5
/* In milliseconds: as long as the last client's first SYN has time to be answered. The second one goes out
   after 1000. */
#define PATIENCE 500

/* Connects a client from 127.0.0.HOST. With SOCK_NONBLOCK the connection is only begun. */
static int connect_from(int host, int flags, const struct sockaddr_in *server_address)
{
    struct sockaddr_in client_address;
    int client;

    if ((client = socket(PF_INET, SOCK_STREAM | flags, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    memset(&client_address, 0, sizeof(client_address));
    client_address.sin_family = AF_INET;
    client_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);

    if (bind(client, (struct sockaddr *)&client_address, sizeof(client_address)) < 0)
        fail(PROGRAM, "bind", errno);

    /* "In progress" is no failure: the kernel goes on by itself. */
    if (connect(client, (const struct sockaddr *)server_address, sizeof(*server_address)) < 0 && errno != EINPROGRESS)
        fail(PROGRAM, "connect", errno);

    return client;
}

/* Accepts a connection, says whose it is, and closes it. */
static void accept_next(int server)
{
    struct sockaddr_in client_address;
    socklen_t length = sizeof(client_address);
    int accepted;

    if ((accepted = accept(server, (struct sockaddr *)&client_address, &length)) < 0)
        fail(PROGRAM, "accept", errno);

    printf("The server accepts %s\n", inet_ntoa(client_address.sin_addr));
    close(accepted);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address;
    struct pollfd late;
    socklen_t length = sizeof(server_address);
    int server, host, last, answers, kept;
    int backlog = BACKLOG;
    int error = 0;

    /* [1] Take the backlog from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 1);

    if (argc > 1)
        backlog = number_argument(PROGRAM, USAGE, "BACKLOG", argv[1], 10, 0, 100);

    /* [2] Create the server's socket, on a port of 127.0.0.1 that the kernel chooses */
    if ((server = socket(PF_INET, SOCK_STREAM, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    memset(&server_address, 0, sizeof(server_address));
    server_address.sin_family = AF_INET;
    server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (bind(server, (struct sockaddr *)&server_address, sizeof(server_address)) < 0)
        fail(PROGRAM, "bind", errno);

    if (getsockname(server, (struct sockaddr *)&server_address, &length) < 0)
        fail(PROGRAM, "getsockname", errno);

    /* [3] Listen, and do not accept */
    if (listen(server, backlog) < 0)
        fail(PROGRAM, "listen", errno);

    printf("The server listens with a backlog of %d, and does not accept\n", backlog);
    kept = effective_backlog(PROGRAM, server, backlog);

    if (kept < backlog) {
        printf("The kernel cuts it to %d: net.core.somaxconn allows no more\n", kept);
        backlog = kept;
    }

    /* [4] Connect as many clients as the backlog says, and one more; 127.0.0.2 is the first */
    last = backlog + 2;

    /* These connects block: each returns when its connection is complete, and not before. */
    for (host = 2; host <= last; host++) {
        connect_from(host, 0, &server_address);
        printf("127.0.0.%d is connected\n", host);
    }

    /* [5] Connect another one, and give it time for an answer */
    host = last + 1;
    late.fd = connect_from(host, SOCK_NONBLOCK, &server_address);
    late.events = POLLOUT;
    late.revents = 0;

    if ((answers = poll(&late, 1, PATIENCE)) < 0)
        fail(PROGRAM, "poll", errno);

    printf("127.0.0.%d has %s\n", host, answers == 0 ? "no answer: the queue is full" : "an answer");
    printf("Complete, and not accepted: %d\n", backlog + 1 + answers);

    /* [6] Accept one connection: there is room for another */
    accept_next(server);

    /* [7] Wait until the late client has sent its SYN again, and see what came of it */
    if (poll(&late, 1, -1) < 0)
        fail(PROGRAM, "poll", errno);

    length = sizeof(error);

    if (getsockopt(late.fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        fail(PROGRAM, "getsockopt", errno);

    if (error != 0)
        fail(PROGRAM, "connect", error);

    printf("127.0.0.%d is connected, by a SYN that it sent again\n", host);

    /* [8] Accept all the others: first come, first accepted */
    for (host = 2; host <= last; host++)
        accept_next(server);

    close(server);
    succeed(PROGRAM);
}
