/*
 * Echo server, multiplexing with poll: one process waits for all its sockets at once.
 *
 * The tutorial's multiplexing model (lines 671 to the end). poll() is given a list of sockets, each with what
 * is waited for, and sleeps until at least one is ready. It does not limit how many there are, but the kernel
 * looks at all of them each time, and so does the server afterwards: a message costs the more, the more
 * clients there are, even if they are silent. See `echo_server_epoll`.
 *
 * It is level-triggered: a socket is told again and again as long as it is ready. So whatever is left can
 * wait for the next turn.
 *
 * Call: `echo_server_poll [-b MICROSECONDS] PORT`; with port 0 the kernel chooses a free one. Run against it:
 * `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_poll"
#define USAGE                                 \
    "./echo_server_poll [-b MICROSECONDS] PORT\n" \
    "  -b  ask again and again for so long before sleeping, 0 to 1000000 (0)"
/* The places of the listening socket, of the signals and of the first connection in the list. */
#define LISTENER 0
#define SIGNALS 1
#define FIRST 2

/* The list: what is asked of the kernel, and its answer. */
struct list {
    struct pollfd *fds;
    int capacity;
    int count;
};

/* realloc(): puts a socket at the end of the list, to wait until it can be received from. */
static int add(struct list *list, int sock)
{
    struct pollfd *fds;
    int capacity = list->capacity > 0 ? 2 * list->capacity : 64;

    if (list->count == list->capacity) {
        if ((fds = realloc(list->fds, capacity * sizeof(*fds))) == NULL)
            return -1;

        list->fds = fds;
        list->capacity = capacity;
    }

    list->fds[list->count].fd = sock;
    list->fds[list->count].events = POLLIN;
    list->fds[list->count].revents = 0;
    list->count++;
    return 0;
}

int main(int argc, char *argv[])
{
    struct list list = {NULL, 0, 0};
    struct settings settings;
    struct server server;
    struct pollfd *entry;
    sigset_t set;
    int listener, signals, sock, wanted, left, taken, ready = 0;

    /* [1] Take options and port, and keep signals back */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:b:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and let signals be read like bytes */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);
    announce_ready(PROGRAM, &settings);
    server.busy_poll = settings.busy_poll;

    /* [3] Begin the list with the listening socket and the signals */
    if (add(&list, server.listener) < 0 || add(&list, signals) < 0)
        fail(PROGRAM, "realloc", errno);

    while (!server.draining || server.open > 0) {
        /* [4] A negative descriptor is passed over, as the listening socket is while accept() rests */
        list.fds[LISTENER].fd = can_accept(&server) ? server.listener : -1;

        /* [5] Sleep until something is ready; the kernel marks what */
        if ((ready = poll(list.fds, list.count, poll_timeout(&server, ready))) < 0) {
            wait_failed(&server, "poll", errno);
            handle_signalfd(&server, signals);
            ready = 0;
            continue;
        }

        left = ready;

        /* [6] Look for the connections that are marked: from the end, so that one that goes is replaced by one
           that has been looked at */
        for (int i = list.count - 1; i >= FIRST && left > 0; i--) {
            entry = &list.fds[i];

            if (entry->revents == 0)
                continue;

            /* [7] Serve it, and wait for what it waits for now */
            left--;
            wanted = serve(&server, entry->fd);

            if (wanted == CLOSED)
                *entry = list.fds[--list.count];
            else
                entry->events = wanted == WANT_WRITE ? POLLOUT : POLLIN;
        }

        /* [8] Take connections that wait */
        if (list.fds[LISTENER].revents != 0) {
            taken = 0;

            while (taken < MAX_ACCEPTS) {
                taken++;

                if ((sock = accept_connection(&server)) < 0)
                    break;

                if (add(&list, sock) < 0)
                    reset_connection(&server, sock, "realloc", errno);
            }
        }

        /* [9] A signal begins the end, which is when the last connection has ended */
        if (list.fds[SIGNALS].revents != 0)
            handle_signalfd(&server, signals);
    }

    exit(0);
}
