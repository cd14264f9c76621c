/*
 * Echo server, multiplexing with epoll: one process asks the kernel which of all its sockets are ready.
 *
 * The tutorial's multiplexing model (lines 671 to the end) with a call that Linux adds to select and poll.
 * They are given all descriptors each time, and look at all of them. Here each is given once; the kernel
 * notes what becomes ready, and epoll_wait() returns that alone. So the cost of a message does not depend on
 * how many clients there are.
 *
 * A connection is edge-triggered: it is told once, when something new has come, and not again as long as it
 * is not served. So a connection that is served by halves must be asked about anew. The listening socket is
 * level-triggered: it is told as long as connections wait.
 *
 * Call: `echo_server_epoll [-b MICROSECONDS] [-w WORKERS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
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
#define USAGE                                                                        \
    "./echo_server_epoll [-b MICROSECONDS] [-w WORKERS] PORT\n"                      \
    "  -b  ask again and again for so long before sleeping, 0 to 1000000 (0)\n"      \
    "  -w  serve with so many processes, 1 to 64 (this process alone)"
#define MAX_EVENTS 512
/* What a connection that waits to receive is told of: bytes, the end, and an urgent byte. A recv() stops before that
   one, and has not emptied the socket although it brings less than there is room for. */
#define READ_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLPRI)

/* epoll_ctl(): adds a socket, or asks about it anew. What is there already is told, too. */
static int watch(int epoll, int operation, int sock, uint32_t wanted)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = wanted;
    event.data.fd = sock;
    return epoll_ctl(epoll, operation, sock, &event);
}

int main(int argc, char *argv[])
{
    struct epoll_event events[MAX_EVENTS];
    struct settings settings;
    struct server server;
    sigset_t set;
    int listener, epoll, signals, sock, wanted, count = 0;
    bool listening = true, signalled;

    /* [1] Take options and port, and keep signals back */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:b:w:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen, and let signals be read like bytes. With workers, each goes on from here */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);
    server.busy_poll = settings.busy_poll;
    server.is_worker = settings.is_worker;

    /* [3] Make the set of sockets that the kernel watches: first the listening one, and the signals */
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        fail(PROGRAM, "epoll_create1", errno);

    if (watch(epoll, EPOLL_CTL_ADD, server.listener, EPOLLIN) < 0 || watch(epoll, EPOLL_CTL_ADD, signals, EPOLLIN) < 0)
        fail(PROGRAM, "epoll_ctl", errno);

    announce_ready(PROGRAM, &settings);

    while (!server.draining || server.open > 0) {
        signalled = false;

        /* [4] Sleep until something is ready; the kernel says what */
        if ((count = epoll_wait(epoll, events, MAX_EVENTS, poll_timeout(&server, count))) < 0) {
            wait_failed(&server, "epoll_wait", errno);
            signalled = true;
            count = 0;
        }

        for (struct epoll_event *event = events; event < events + count; event++) {
            sock = event->data.fd;

            if (sock == server.listener) {
                /* [5] A connection waits: take it, and have it watched */
                if ((sock = accept_connection(&server)) < 0)
                    continue;

                if (watch(epoll, EPOLL_CTL_ADD, sock, READ_EVENTS | EPOLLET) < 0)
                    reset_connection(&server, sock, "epoll_ctl", errno);
            } else if (sock == signals) {
                signalled = true;
            } else {
                /* [6] A connection is ready: serve it */
                wanted = serve(&server, sock);

                /* [7] Mostly it waits for what it waited for. Ask anew if not, or if more is there already */
                if (wanted == CLOSED || (wanted == WANT_READ && event->events == EPOLLIN))
                    continue;

                if (watch(epoll, EPOLL_CTL_MOD, sock, EPOLLET | (wanted == WANT_WRITE ? EPOLLOUT : READ_EVENTS)) < 0)
                    reset_connection(&server, sock, "epoll_ctl", errno);
            }
        }

        /* [8] A signal begins the end, which is when the last connection has ended */
        if (signalled)
            handle_signalfd(&server, signals);

        /* [9] Watch the listening socket only while accept() does not rest */
        if (listening == server.accept_paused && !server.draining) {
            listening = !listening;

            if (watch(epoll, EPOLL_CTL_MOD, server.listener, listening ? EPOLLIN : 0) < 0)
                explain_errno(PROGRAM, "epoll_ctl", errno);
        }
    }

    exit(0);
}
