/*
 * Echo server, asynchronous with io_uring: the kernel does the work, and reports when it is done.
 *
 * Waits: one process, for all sockets.
 * In: io_uring_enter().
 * For: completions.
 *
 * The tutorial's asynchronous model (lines 671 to the end). With the other models, a program is notified that it can
 * call accept(), recv() or send(), and then calls it. Here it calls none of them: it submits requests, and is notified
 * of their results. One call, io_uring_enter(), submits all requests and waits for the completions of all connections.
 * So the more clients there are, the fewer calls each message costs.
 *
 * Two kinds of requests are multishot, submitted once and completed many times: to accept, and to receive from a
 * connection. For each message there is one request, to send it back, and two completions.
 *
 * Linux 6.1 or later is needed. A server that is killed keeps its port a little longer than the others do: the kernel
 * takes down the rings and their requests after the process is gone.
 *
 * Call: `echo_server_uring [-l ADDRESS] [-w WORKERS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `server/uring`, the rings; then `server/uring_connections`, the requests of a connection.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/uring.h"
#include "server/uring_connections.h"
#include "server/workers.h"

#define PROGRAM "echo_server_uring"
#define USAGE                                               \
    "./echo_server_uring [-l ADDRESS] [-w WORKERS] PORT\n"  \
    "  -l  listen on this address only (0.0.0.0: on all)\n" \
    "  -w  serve with this many worker processes, 1 to 64 (none)"

int main(int argc, char *argv[])
{
    struct io_uring_cqe cqe;
    struct settings settings;
    struct server server;
    struct streams streams;
    sigset_t set;
    int listener, signals, sock, number;
    bool polling = false, accepting = false, signalled;

    /* [1] Read options and port, and block the signals */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:w:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and open a descriptor from which signals are read. With workers, each of them continues from here */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_CLOEXEC);
    signals = open_signalfd(PROGRAM, &set);

    /* [3] Create the rings, and the buffers to receive into */
    server = new_server(PROGRAM, listener);
    streams = new_streams(server);
    streams.server.is_worker = settings.is_worker;
    announce_ready(PROGRAM, &settings);

    while (!streams.server.draining || streams.server.open > 0 || accepting) {
        /* [4] Wait for the next signal, unless that request is in progress */
        if (!polling) {
            polling = true;
            prep_poll_add(&streams.uring, signals);
        }

        /* [5] Accept connections, unless that request is in progress, or accept() is paused */
        if (!accepting && can_accept(&streams.server)) {
            accepting = true;
            prep_accept_multishot(&streams.uring, streams.server.listener);
        }

        /* [6] Submit the requests, and sleep until one completes */
        signalled = false;

        if (submit_and_wait(&streams.uring, 1) < 0 && errno != EBUSY) {
            wait_failed(&streams.server, "io_uring_enter", errno);
            signalled = true;
        }

        while (next_cqe(&streams.uring, &cqe)) {
            sock = (int)cqe.user_data;

            switch (cqe.user_data >> 32) {
            case IORING_OP_RECV:
                /* [7] Data was received: send it back. Or the client has sent its last */
                on_recv(&streams, sock, cqe.res, cqe.flags);
                break;
            case IORING_OP_SEND:
                /* [8] Data was sent: send what was received since */
                on_send(&streams, sock, cqe.res);
                break;
            case IORING_OP_ACCEPT:
                /* [9] A client has connected: receive from it. Or the request to accept has ended */
                accepting = cqe.flags & IORING_CQE_F_MORE;
                on_accept(&streams, cqe.res);
                break;
            case IORING_OP_POLL_ADD:
                signalled = true;
                polling = false;
                break;
            }
        }

        /* [10] Handle a signal: it starts the shutdown, which ends with the last connection */
        if (signalled) {
            number = read_signalfd(&streams.server, signals);
            uring_on_signal(&streams, number);
        }

        /* [11] Receive again where no buffer was free */
        resume_waiting(&streams);
    }

    exit(0);
}
