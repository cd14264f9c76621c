/*
 * Echo server, multiplexing with select: one process waits for all its sockets at once.
 *
 * The tutorial's multiplexing model (lines 671 to the end), with its oldest call. select() is given sets of
 * descriptors, one bit for each, and sleeps until at least one is ready. What it is given, it overwrites with
 * its answer, so that the sets are copied each time; and the kernel and the server look at every bit up to the
 * highest. A set has room for FD_SETSIZE descriptors, 1024 with glibc: FD_SET() of a higher one writes outside
 * the set. So the server refuses a connection whose descriptor is higher, and those that it has go on. See
 * `echo_server_poll`, which has no such limit.
 *
 * It is level-triggered: a socket is told again and again as long as it is ready. So whatever is left can
 * wait for the next turn.
 *
 * Call: `echo_server_select PORT`; with port 0 the kernel chooses a free one. Run against it:
 * `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
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
#define USAGE "./echo_server_select PORT"

/* Refuses a connection that no set has room for. As long as that goes on, it is said once. */
static void refuse_connection(struct server *server, int sock, bool *full)
{
    if (!*full)
        fprintf(stderr, "%s: select() has no room for descriptor %d, only below %d: connections are refused\n",
                PROGRAM, sock, FD_SETSIZE);

    *full = true;
    close_connection(server, sock);
}

int main(int argc, char *argv[])
{
    fd_set want_read, want_write, readable, writable, *waiting;
    struct settings settings;
    struct server server;
    sigset_t set;
    int listener, signals, wanted, highest, ready, accepted, taken;
    bool signalled, full = false;

    /* [1] Take the port, and keep signals back */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and let signals be read like bytes */
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

    /* [3] Make the sets: of what waits to receive, at first the listening socket and the signals, and to send */
    FD_ZERO(&want_read);
    FD_ZERO(&want_write);
    FD_SET(signals, &want_read);
    FD_SET(server.listener, &want_read);

    while (!server.draining || server.open > 0) {
        readable = want_read;
        writable = want_write;

        /* [4] Leave the listening socket out while accept() rests */
        if (!can_accept(&server))
            FD_CLR(server.listener, &readable);

        /* [5] Sleep until something is ready; the kernel leaves it, and nothing else, in the sets */
        if ((ready = select(highest + 1, &readable, &writable, NULL, NULL)) < 0) {
            wait_failed(&server, "select", errno);
            handle_signalfd(&server, signals);
            continue;
        }

        signalled = false;

        /* [6] Look for what is in them */
        for (int sock = 0; sock < FD_SETSIZE && ready > 0; sock++) {
            if (!FD_ISSET(sock, &readable) && !FD_ISSET(sock, &writable))
                continue;

            ready--;

            if (sock == server.listener) {
                /* [7] Take connections that wait, if the sets have room for them */
                taken = 0;

                while (taken < MAX_ACCEPTS) {
                    taken++;

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
                /* [8] A connection is ready: serve it, and put it into the set of what it waits for now */
                wanted = serve(&server, sock);
                FD_CLR(sock, &want_read);
                FD_CLR(sock, &want_write);

                if (wanted != CLOSED) {
                    waiting = wanted == WANT_WRITE ? &want_write : &want_read;
                    FD_SET(sock, waiting);
                }
            }
        }

        /* [9] A signal begins the end, which is when the last connection has ended */
        if (signalled)
            handle_signalfd(&server, signals);
    }

    exit(0);
}
