/*
 * Echo server, multiplexing with epoll: one process waits until any of its sockets is ready.
 *
 * Waits: one process, for all sockets.
 * In: epoll_wait().
 * For: readiness, edge-triggered; of the listening socket and the signals, level-triggered.
 *
 * The tutorial's multiplexing model (lines 671 to the end) with a call that Linux adds to select and poll. Those take
 * all descriptors in each call, and check all of them. Here each descriptor is registered once; the kernel notes those
 * that become ready, and epoll_wait() returns only these. So the cost of a message does not depend on the number of
 * clients.
 *
 * A connection is edge-triggered: it is reported once when something arrives, and not again while it is not served. So
 * a connection that still has data after its turn must be armed again. The listening socket is level-triggered: it is
 * reported as long as connections are waiting.
 *
 * Call: `echo_server_epoll [-b MICROSECONDS] [-l ADDRESS] [-w WORKERS] PORT`; with port 0 the kernel chooses one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `echo_server_sigio`, where signals are queued in place of a list of ready sockets.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_epoll"
#define USAGE                                                                \
    "./echo_server_epoll [-b MICROSECONDS] [-l ADDRESS] [-w WORKERS] PORT\n" \
    "  -b  poll busily for this long before sleeping, 0 to 1000000 (0)\n"    \
    "  -l  listen on this address only (0.0.0.0: on all)\n"                  \
    "  -w  serve with this many worker processes, 1 to 64 (none)"
#define MAX_EVENTS 512
/* The events of a connection that waits to receive: data, end of file, and urgent data. A recv() stops before an urgent
   byte; then it has not drained the socket, although it returns less than the buffer holds. */
#define READ_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLPRI)

/* epoll_ctl(): registers a socket, or arms it again. What is ready already is reported, too. */
static int watch(int epoll, int operation, int sock, uint32_t events)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = events;
    event.data.fd = sock;
    return epoll_ctl(epoll, operation, sock, &event);
}

int main(int argc, char *argv[])
{
    struct epoll_event events[MAX_EVENTS];
    struct settings settings;
    struct server server;
    sigset_t set;
    int listener, epoll, signals, sock, timeout, wanted, count = 0;
    bool listening = true, signalled;

    /* [1] Read options and port, and block the signals */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:b:l:w:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and open a descriptor from which signals are read. With workers, each of them continues from here */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);
    server.busy_poll = settings.busy_poll;
    server.is_worker = settings.is_worker;

    /* [3] Create the epoll instance, and register the listening socket and the signals */
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        fail(PROGRAM, "epoll_create1", errno);

    if (watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN) < 0 || watch(epoll, EPOLL_CTL_ADD, signals, EPOLLIN) < 0)
        fail(PROGRAM, "epoll_ctl", errno);

    announce_ready(PROGRAM, &settings);

    while (!server.draining || server.open > 0) {
        signalled = false;

        /* [4] Sleep until descriptors are ready; the kernel says which */
        timeout = poll_timeout(&server, count);

        if ((count = epoll_wait(epoll, events, MAX_EVENTS, timeout)) < 0) {
            wait_failed(&server, "epoll_wait", errno);
            signalled = true;
            count = 0;
        }

        for (struct epoll_event *event = events; event < events + count; event++) {
            sock = event->data.fd;

            if (sock == listener) {
                /* [5] A connection is waiting: accept it, and register it */
                if ((sock = accept_connection(&server)) < 0)
                    continue;

                if (watch(epoll, EPOLL_CTL_ADD, sock, READ_EVENTS | EPOLLET) < 0)
                    reset_connection(&server, sock, "epoll_ctl", errno);
            } else if (sock == signals) {
                signalled = true;
            } else {
                /* [6] A connection is ready: serve it */
                wanted = serve(&server, sock);

                /* [7] Usually it still waits to receive. Arm it again if not, or if there may be more already */
                if (wanted == CLOSED || (wanted == WANT_READ && event->events == EPOLLIN))
                    continue;

                if (watch(epoll, EPOLL_CTL_MOD, sock, EPOLLET | (wanted == WANT_WRITE ? EPOLLOUT : READ_EVENTS)) < 0)
                    reset_connection(&server, sock, "epoll_ctl", errno);
            }
        }

        /* [8] Handle a signal: it starts the shutdown, which ends with the last connection */
        if (signalled)
            handle_signalfd(&server, signals);

        /* [9] Watch the listening socket only while accept() is not paused */
        if (listening == server.accept_paused && !server.draining) {
            listening = !listening;

            if (watch(epoll, EPOLL_CTL_MOD, listener, listening ? EPOLLIN : 0) < 0)
                explain_errno(PROGRAM, "epoll_ctl", errno);
        }
    }

    exit(0);
}
