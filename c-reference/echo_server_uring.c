/*
 * Echo server, asynchronous with io_uring: the kernel does the work, and says when it is done.
 *
 * The tutorial's asynchronous model (lines 671 to the end). In the other models a program is told when it can
 * call accept(), recv() or send(), and then calls it. Here it calls none of them. It asks for what shall be
 * done, and is told what has come of it: a client is accepted, bytes are received, bytes are sent. One call,
 * io_uring_enter(), hands over all that is asked and waits for all that is done, for every connection. So
 * the more clients there are, the less of a call a message costs.
 *
 * Two things are asked only once, and go on by themselves: to accept, and to receive from a connection. For
 * a message there is one request, to send it back, and two completions.
 *
 * Linux 6.1 or later is needed. A server that is killed keeps its port a little longer than others do:
 * the kernel takes down the queues and what is asked in them after the process is gone.
 *
 * Call: `echo_server_uring [-w WORKERS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
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
#define USAGE                                                                        \
    "./echo_server_uring [-w WORKERS] PORT\n"                                        \
    "  -w  serve with so many processes, 1 to 64 (this process alone)"

int main(int argc, char *argv[])
{
    struct io_uring_cqe cqe;
    struct settings settings;
    struct server server;
    struct streams streams;
    sigset_t set;
    int listener, signals, sock, number;
    bool watching = false, listening = false, signalled;

    /* [1] Take options and port, and keep signals back */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:w:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and let signals be read like bytes. With workers, each goes on from here */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_CLOEXEC);
    signals = open_signalfd(PROGRAM, &set);

    /* [3] Make the two queues, and the buffers to receive into */
    server = new_server(PROGRAM, listener);
    streams = new_streams(server);
    streams.server.is_worker = settings.is_worker;
    announce_ready(PROGRAM, &settings);

    while (!streams.server.draining || streams.server.open > 0 || listening) {
        /* [4] Ask for the next signal, unless that is done already */
        if (!watching) {
            watching = true;
            prep_poll_add(&streams.uring, signals);
        }

        /* [5] Ask for connections, unless that is done already, or accept() rests */
        if (!listening && can_accept(&streams.server)) {
            listening = true;
            prep_accept_multishot(&streams.uring, streams.server.listener);
        }

        /* [6] Hand over what is asked, and sleep until something is done */
        signalled = false;

        if (submit_and_wait(&streams.uring, 1) < 0 && errno != EBUSY) {
            wait_failed(&streams.server, "io_uring_enter", errno);
            signalled = true;
        }

        while (next_cqe(&streams.uring, &cqe)) {
            sock = (int)cqe.user_data;

            switch (cqe.user_data >> 32) {
            case IORING_OP_RECV:
                /* [7] Bytes have been received, or will be no more: ask to send them back */
                received(&streams, sock, cqe.res, cqe.flags);
                break;
            case IORING_OP_SEND:
                /* [8] Bytes have been sent: ask to send what has come since */
                sent(&streams, sock, cqe.res);
                break;
            case IORING_OP_ACCEPT:
                /* [9] A client is there: ask to receive from it. Or there will be none any more */
                listening = cqe.flags & IORING_CQE_F_MORE;
                on_accept(&streams, cqe.res);
                break;
            case IORING_OP_POLL_ADD:
                signalled = true;
                watching = false;
                break;
            }
        }

        /* [10] A signal begins the end, which is when the last connection has ended */
        if (signalled) {
            number = read_signalfd(&streams.server, signals);
            on_signal(&streams, number);
        }

        /* [11] Ask to receive again where there was no buffer */
        resume_waiting(&streams);
    }

    exit(0);
}
