/*
 * Echo server, multiplexing with poll: one process waits for all its sockets at once.
 *
 * Waits: one process, for all sockets.
 * In: poll().
 * For: readiness, level-triggered.
 *
 * The tutorial's multiplexing model (lines 671 to the end). poll() takes a list of sockets, each with the events to
 * wait for, and sleeps until at least one is ready. The list may have any length, but the kernel goes through all of
 * it each time, and so does the server afterwards: the more clients there are, even idle ones, the more a message
 * costs.
 *
 * Level-triggered means that poll() reports a socket as long as it is ready. So it need not be emptied at once: the
 * rest can wait for the next turn.
 *
 * Call: `echo_server_poll [-b MICROSECONDS] [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `echo_server_epoll`, where the kernel keeps the list.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/poll_list.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_poll"
#define USAGE                                                             \
    "./echo_server_poll [-b MICROSECONDS] [-l ADDRESS] PORT\n"            \
    "  -b  poll busily for this long before sleeping, 0 to 1000000 (0)\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"
/* The places in the list of the listening socket, of the signals and of the first connection. */
#define LISTENER 0
#define SIGNALS 1
#define FIRST 2

int main(int argc, char *argv[])
{
    struct poll_list list = new_poll_list();
    struct settings settings;
    struct server server;
    struct pollfd *entry;
    sigset_t set;
    int listener, signals, sock, state, unseen, accepts, ready = 0;

    /* [1] Read options and port, and block the signals */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:b:l:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and open a descriptor from which signals are read */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);
    announce_ready(PROGRAM, &settings);
    server.busy_poll = settings.busy_poll;

    /* [3] Put the listening socket and the signals into the list */
    if (!add_entry(&list, server.listener) || !add_entry(&list, signals))
        fail(PROGRAM, "realloc", errno);

    while (!server.draining || server.open > 0) {
        /* [4] Leave the listening socket out while accept() is paused: poll() ignores a negative descriptor */
        list.fds[LISTENER].fd = can_accept(&server) ? server.listener : -1;

        /* [5] Sleep until a descriptor is ready; the kernel stores its events in `revents` */
        if ((ready = poll(list.fds, list.count, poll_timeout(&server, ready))) < 0) {
            wait_failed(&server, "poll", errno);
            /* It has stored no events; those in the list are older. Only a signal may have come. */
            ready = 0;
            list.fds[LISTENER].revents = 0;
            list.fds[SIGNALS].revents = POLLIN;
        }

        unseen = ready;

        /* [6] Go through the connections, from the last one: an entry that is removed is replaced by the last one,
           which has had its turn */
        for (int i = list.count - 1; i >= FIRST && unseen > 0; i--) {
            entry = &list.fds[i];

            if (entry->revents == 0)
                continue;

            /* [7] Serve a connection that is ready, and note what it waits for now */
            unseen--;
            state = serve(&server, entry->fd);

            if (state == CLOSED)
                remove_entry(&list, i);
            else
                entry->events = state == WANT_WRITE ? POLLOUT : POLLIN;
        }

        /* [8] Accept connections */
        if (list.fds[LISTENER].revents != 0) {
            accepts = 0;

            while (accepts < MAX_ACCEPTS) {
                accepts++;

                if ((sock = accept_connection(&server)) < 0)
                    break;

                if (!add_entry(&list, sock))
                    reset_connection(&server, sock, "realloc", errno);
            }
        }

        /* [9] Handle a signal: it starts the shutdown, which ends with the last connection */
        if (list.fds[SIGNALS].revents != 0)
            handle_signalfd(&server, signals);
    }

    exit(0);
}
