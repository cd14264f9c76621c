/*
 * Echo server, non-blocking: one process tries each of its sockets in turn, again and again.
 *
 * Waits: nobody; one process tries all sockets in turn.
 * In: no call.
 * For: nothing: every call returns at once, with EAGAIN if there is nothing to do.
 *
 * The tutorial's non-blocking model (lines 671 to the end), also called polling. Since no call blocks, one process can
 * serve any number of clients with the calls that serve a single one. The price is a processor that is busy even when
 * nobody sends anything, and a call for each connection in each round. The multiplexing models need one call for all.
 *
 * Call: `echo_server_nonblocking [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `echo_server_select`, which sleeps until a socket is ready.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_nonblocking"
#define USAGE                                       \
    "./echo_server_nonblocking [-l ADDRESS] PORT\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"

int main(int argc, char *argv[])
{
    struct settings settings;
    struct server server;
    sigset_t set;
    int listener, signals, sock, accepts, highest = -1;

    /* [1] Read options and port, and block the signals */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and open a descriptor from which signals are read */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);
    announce_ready(PROGRAM, &settings);

    while (!server.draining || server.open > 0) {
        /* [3] Accept connections until none is left in the queue, or the others have to have their turn */
        accepts = 0;

        while (accepts < MAX_ACCEPTS && can_accept(&server)) {
            accepts++;

            if ((sock = accept_connection(&server)) < 0)
                break;

            if (highest < sock)
                highest = sock;
        }

        /* [4] Serve every connection until recv() or send() fails with EAGAIN */
        for (sock = 0; sock <= highest; sock++)
            if (is_open(&server, sock))
                serve(&server, sock);

        /* A new descriptor is the lowest that is free, so there are few gaps below the highest. */
        while (highest >= 0 && !is_open(&server, highest))
            highest--;

        /* [5] Handle a signal: it starts the shutdown, which ends with the last connection */
        handle_signalfd(&server, signals);
    }

    exit(0);
}
