/*
 * Echo server, signal-driven: the kernel queues a signal for each event on a socket.
 *
 * Waits: one process, for all sockets.
 * In: sigwaitinfo().
 * For: a signal for each event.
 *
 * The tutorial's signal-driven model (lines 671 to the end). Each socket is given an owner and a signal, once. From
 * then on, the server need not ask which socket is ready: a signal says so. It is a real-time signal, so each event is
 * queued as a signal of its own, with the descriptor; SIGIO, the default, is pending only once and names none.
 *
 * A client that sends much causes many signals. So all pending signals are taken before any socket is served, and then
 * each socket that they name has one turn: nobody waits longer than one turn of each of the others.
 *
 * A signal reports that something has arrived, not that something is there. So the server must look for what no
 * signal reports: what arrived before a socket had its owner, while accept() was paused, or while a connection
 * waited to send; and what is left after a turn. Such a socket is put at the end of the queue with a signal of the
 * server's own. The queue has a limit (RLIMIT_SIGPENDING). When it is full, the kernel sends SIGIO, and all sockets
 * are checked.
 *
 * Call: `echo_server_sigio [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `server/sigio_rounds`, the turns; then `echo_server_aio`, where a signal means that data was read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/sigio_rounds.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_sigio"
#define USAGE                                 \
    "./echo_server_sigio [-l ADDRESS] PORT\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"

int main(int argc, char *argv[])
{
    const struct timespec no_wait = {0, 0};
    struct settings settings;
    struct server server;
    struct round round;
    sigset_t signals;
    siginfo_t info;
    int listener, number, sock;
    bool listening = false, urgent = false, requeued;

    /* [1] Read options and port, and block the signals: they stay pending until they are taken */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:h", argc, argv);
    signals = block_signals(PROGRAM);
    sigaddset(&signals, SIGIO);
    sigaddset(&signals, SIGURG);
    sigaddset(&signals, SIGRTMIN);
    block_set(PROGRAM, &signals);

    /* [2] Listen, and request a signal for each connection */
    listener = start_listening(PROGRAM, &settings, &signals, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    round = new_round();
    announce_ready(PROGRAM, &settings);

    if (enable_sigio(listener, SIGRTMIN) < 0)
        fail(PROGRAM, "fcntl", errno);

    while (!server.draining || server.open > 0) {
        /* [3] Look for connections that arrived before the signal was requested, or while accept() was paused */
        if (can_accept(&server) && !listening)
            requeue_if_ready(listener, POLLIN);

        listening = can_accept(&server);

        /* [4] Sleep until a signal arrives */
        if ((number = sigwaitinfo(&signals, &info)) < 0)
            wait_failed(&server, "sigwaitinfo", errno);

        /* [5] Take it, and then all others that are pending: some sockets have many, and others are behind these */
        while (number > 0) {
            if (number == SIGRTMIN) {
                /* [6] Schedule the socket that it names. It may be the server's own signal, for another turn */
                requeued = info.si_code == SI_QUEUE;
                sock = requeued ? (int)(intptr_t)info.si_ptr : info.si_fd;

                if (sock == listener)
                    schedule_accept(&round, requeued);
                else
                    schedule(&server, &round, sock, requeued);
            } else if (number == SIGIO) {
                /* [7] The queue was full, and nobody knows which sockets have lost a signal: schedule all */
                schedule_all(&server, &round);
            } else if (number == SIGURG) {
                /* [8] A recv() stops before an urgent byte. From now on, a short one may not have drained a socket */
                urgent = true;
                schedule_all(&server, &round);
            } else {
                /* [9] Handle a signal: it starts the shutdown, which ends with the last connection */
                handle_signal(&server, number);
            }

            number = sigtimedwait(&signals, &info, &no_wait);
        }

        /* [10] Serve each socket that was scheduled, once */
        run_round(&server, &round, urgent);
    }

    exit(0);
}
