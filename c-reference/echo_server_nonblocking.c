/*
 * Echo server, non-blocking: one process asks each of its sockets in turn, again and again.
 *
 * The tutorial's non-blocking model (lines 671 to the end), also called polling. No call ever sleeps: a call
 * that has nothing to do fails at once, with EAGAIN. So one process serves any number of clients with the
 * calls of a single one. What it costs is a processor, which is busy even when nobody sends anything, and
 * a call for each connection in each round. The multiplexing models ask for all of them with one call.
 *
 * Call: `echo_server_nonblocking PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_nonblocking"
#define USAGE "./echo_server_nonblocking PORT"

int main(int argc, char *argv[])
{
    struct settings settings;
    struct server server;
    sigset_t set;
    int listener, signals, sock, taken, highest = -1;

    /* [1] Take the port, and keep signals back */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and let signals be read like bytes */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);
    announce_ready(PROGRAM, &settings);

    while (!server.draining || server.open > 0) {
        /* [3] Take the clients that wait, until accept() says that there is none, or others had no turn for long */
        taken = 0;

        while (taken < MAX_ACCEPTS && can_accept(&server)) {
            taken++;

            if ((sock = accept_connection(&server)) < 0)
                break;

            if (highest < sock)
                highest = sock;
        }

        /* [4] Serve every connection, until recv() or send() says that it has to wait */
        for (sock = 0; sock <= highest; sock++)
            if (is_open(&server, sock))
                serve(&server, sock);

        /* A new descriptor is the lowest that is free, so that there are few gaps below the highest. */
        while (highest >= 0 && !is_open(&server, highest))
            highest--;

        /* [5] A signal begins the end, which is when the last connection has ended */
        handle_signalfd(&server, signals);
    }

    exit(0);
}
