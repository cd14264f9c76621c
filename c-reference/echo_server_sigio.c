/*
 * Echo server, signal-driven: the kernel sends a signal for everything that happens on a socket.
 *
 * The tutorial's signal-driven model (lines 671 to the end). Each socket is given an owner and a signal, once.
 * From then on nobody asks which socket is ready: the signal says so, and waits in a queue until it is taken.
 * It is a real-time signal, so that each event is queued as one signal of its own and tells the descriptor;
 * SIGIO, which comes otherwise, tells none.
 *
 * A signal tells that something has come, not that something is there. So what no signal tells of must be
 * looked for: what came before a socket had its owner, while accept() rested, or while a connection waited to
 * send; and what is left after a turn. Such a socket is put at the end of the queue with a signal of our own.
 * The queue has a limit (RLIMIT_SIGPENDING). When it is full the kernel sends SIGIO, and all sockets are asked.
 *
 * Call: `echo_server_sigio PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections.h"
#include "explain.h"
#include "server.h"

#define PROGRAM "echo_server_sigio"
#define USAGE "./echo_server_sigio PORT"

/*
 * poll(): if the socket is ready, whatever the signals have told, it has another turn, after all that are told of
 * already. If the queue is full, all have one.
 */
static void look(int sock, short events)
{
    struct pollfd asked = {.fd = sock, .events = events};
    sigval_t value = {.sival_ptr = (void *)(intptr_t)sock};

    if (poll(&asked, 1, 0) != 0 && sigqueue(getpid(), SIGRTMIN, value) < 0)
        kill(getpid(), SIGIO);
}

/* Takes a connection. `untold` says that more may wait than the signals tell of. */
static void take(struct server *server, bool untold)
{
    int sock;

    if (!accepting(server))
        return;

    if ((sock = accept_connection(server)) < 0)
        untold = true;
    else if (drive_by_signals(sock, SIGRTMIN) < 0)
        reset_connection(server, sock, "fcntl", errno);
    else
        look(sock, POLLIN);

    if (untold && accepting(server))
        look(server->listener, POLLIN);
}

/* Serves a connection, if it is still there: a signal can be older than the end of its socket. */
static void attend(struct server *server, int sock, bool untold)
{
    int wanted;

    if (sock < 0 || !is_open(server, sock))
        return;

    /* What came while it waited to send has used up its signals. */
    if (is_sending(server, sock))
        untold = true;

    wanted = serve(server, sock);

    /* There is room already if it was not for want of room that nothing was sent. */
    if (wanted == TO_SEND)
        look(sock, POLLOUT);
    else if (wanted == NEXT_TURN || (wanted == TO_RECEIVE && untold))
        look(sock, POLLIN);
}

int main(int argc, char *argv[])
{
    struct settings settings;
    struct server server;
    sigset_t signals;
    siginfo_t told;
    int number, sock;
    bool listening = false, own;

    /* [1] Take the port, and let signals wait until they are asked for */
    settings = read_settings(PROGRAM, USAGE, "+:h", argc, argv);
    keep_back_signals(PROGRAM, &signals);
    sigaddset(&signals, SIGIO);
    sigaddset(&signals, SIGRTMIN);
    block_signals(PROGRAM, &signals);

    /* [2] Listen, and be told by a signal of each connection */
    server = new_server(PROGRAM, start_listening(PROGRAM, settings, SOCK_NONBLOCK | SOCK_CLOEXEC));

    if (drive_by_signals(server.listener, SIGRTMIN) < 0)
        fail(PROGRAM, "fcntl", errno);

    while (!server.finishing || server.open > 0) {
        /* [3] Look for connections that came when accept() was not to be called: before now, or while it rested */
        if (accepting(&server) && !listening)
            look(server.listener, POLLIN);

        listening = accepting(&server);

        /* [4] Sleep until a signal comes */
        if ((number = sigwaitinfo(&signals, &told)) < 0) {
            if (errno != EINTR)
                explain_errno(PROGRAM, "sigwaitinfo", errno);
        } else if (number == SIGRTMIN) {
            /* [5] Serve the socket that it tells of. It may be our own signal, for the next turn */
            own = told.si_code == SI_QUEUE;
            sock = own ? (int)(intptr_t)told.si_ptr : told.si_fd;

            if (sock == server.listener)
                take(&server, own);
            else
                attend(&server, sock, own);
        } else if (number == SIGIO) {
            /* [6] The queue was full, and nobody knows which sockets the lost signals told of: serve all */
            take(&server, true);

            for (sock = 0; sock < server.capacity; sock++)
                attend(&server, sock, true);
        } else {
            /* [7] A signal begins the end, which is when the last connection has ended */
            obey_signal(&server, number);
        }
    }

    exit(0);
}
