/*
 * Echo server, multiplexing with select: one process waits for all its sockets at once.
 *
 * Waits: one process, for all sockets.
 * In: select().
 * For: readiness, level-triggered.
 *
 * The tutorial's multiplexing model (lines 671 to the end), with its oldest call. select() takes sets of descriptors,
 * one bit for each, and sleeps until at least one is ready. It overwrites the sets with its result, so that they are
 * copied before each call; and both the kernel and the server go through all bits up to the highest descriptor. A set
 * has room for FD_SETSIZE descriptors, 1024 with glibc: FD_SET() of a higher one writes outside of the set. So the
 * server refuses a connection with a higher descriptor, and goes on serving the others.
 *
 * Level-triggered means that select() reports a socket as long as it is ready. So it need not be emptied at once:
 * the rest can wait for the next turn.
 *
 * Call: `echo_server_select [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `echo_server_poll`, which has no such limit.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_select"
#define USAGE                                  \
    "./echo_server_select [-l ADDRESS] PORT\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"

/* Refuses a connection that no set has room for. This is reported once, until a connection fits again. */
static void refuse_connection(struct server *server, int sock, bool *full)
{
    if (!*full)
        fprintf(stderr, "%s: select() has no room for descriptor %d, only below %d: connections are refused\n", PROGRAM,
                sock, FD_SETSIZE);

    *full = true;
    close_connection(server, sock);
}

int main(int argc, char *argv[])
{
    fd_set want_read, want_write, readable, writable, *wanted;
    struct settings settings;
    struct server server;
    sigset_t set;
    int listener, signals, accepted, state, highest, ready, accepts;
    bool signalled, full = false;

    /* [1] Read options and port, and block the signals */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and open a descriptor from which signals are read */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);
    highest = signals > server.listener ? signals : server.listener;

    if (highest >= FD_SETSIZE) {
        fprintf(stderr, "%s: select() has no room for descriptor %d, only below %d: too many were open at the start\n",
                PROGRAM, highest, FD_SETSIZE);
        exit(1);
    }

    announce_ready(PROGRAM, &settings);

    /* [3] Make two sets: what to wait for to be readable, at first listener and signals, and to be writable */
    FD_ZERO(&want_read);
    FD_ZERO(&want_write);
    FD_SET(signals, &want_read);
    FD_SET(server.listener, &want_read);

    while (!server.draining || server.open > 0) {
        readable = want_read;
        writable = want_write;

        /* [4] Leave the listener out while accept() is paused */
        if (!can_accept(&server))
            FD_CLR(server.listener, &readable);

        /* [5] Sleep until a descriptor is ready; the kernel leaves only those that are in the sets */
        if ((ready = select(highest + 1, &readable, &writable, NULL, NULL)) < 0) {
            wait_failed(&server, "select", errno);
            handle_signalfd(&server, signals);
            continue;
        }

        signalled = false;

        /* [6] Go through the sets */
        for (int sock = 0; sock < FD_SETSIZE && ready > 0; sock++) {
            if (!FD_ISSET(sock, &readable) && !FD_ISSET(sock, &writable))
                continue;

            ready--;

            if (sock == server.listener) {
                /* [7] Accept connections, if the sets have room for them */
                accepts = 0;

                while (accepts < MAX_ACCEPTS) {
                    accepts++;

                    if ((accepted = accept_connection(&server)) < 0)
                        break;

                    if (accepted >= FD_SETSIZE) {
                        refuse_connection(&server, accepted, &full);
                        continue;
                    }

                    FD_SET(accepted, &want_read);
                    highest = accepted > highest ? accepted : highest;
                    full = false;
                }
            } else if (sock == signals) {
                signalled = true;
            } else {
                /* [8] Serve a connection that is ready, and put it into the set of what it waits for now */
                state = serve(&server, sock);
                FD_CLR(sock, &want_read);
                FD_CLR(sock, &want_write);

                if (state != CLOSED) {
                    wanted = state == WANT_WRITE ? &want_write : &want_read;
                    FD_SET(sock, wanted);
                }
            }
        }

        /* [9] Handle a signal: it starts the shutdown, which ends with the last connection */
        if (signalled)
            handle_signalfd(&server, signals);
    }

    exit(0);
}
