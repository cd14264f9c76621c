/*
 * Echo server, asynchronous with POSIX AIO: requests to read and write are submitted, and a signal says when they
 * have completed.
 *
 * Waits: one process, for all sockets; behind it a thread of the C library for each request.
 * In: sigwaitinfo().
 * For: completions. A connection waiting for accept() is a signal of its own.
 *
 * The last of the five I/O models that the tutorial's chapter begins to describe (lines 671 to the end). With the
 * others, the server learns that a socket is ready, and then receives; here the data is already in the buffer when
 * the server is notified. Each connection has one request in progress at any time: to read, or to write what was read.
 *
 * The kernel has no part in it: glibc hands each request to a thread, which makes the call (pread(), which fails on a
 * socket, and then read()) and blocks in it. So each client costs a thread, idle or not. The cost of a message grows
 * with the number of clients, because the library searches the list of all requests for each one.
 *
 * The signal for completions is SIGIO, which is pending only once, however many requests have completed. So it cannot
 * be lost, as one queued signal for each request would be when the queue is full; but all requests must be checked.
 *
 * Call: `echo_server_aio [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `server/aio_requests`, the requests; then `echo_server_uring`, where the kernel does the work.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/explain.h"
#include "server/aio_requests.h"
#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_aio"
#define USAGE                               \
    "./echo_server_aio [-l ADDRESS] PORT\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"

/* poll() and kill(): if a connection is waiting, sends a signal for it, whatever signals there were before. */
static void requeue_if_ready(int listener)
{
    struct pollfd entry = {.fd = listener, .events = POLLIN};

    if (poll(&entry, 1, 0) != 0)
        kill(getpid(), SIGUSR1);
}

int main(int argc, char *argv[])
{
    struct aioinit threads;
    struct settings settings;
    struct server server;
    struct exchanges exchanges;
    sigset_t signals;
    int listener, number, sock;
    bool listening = false;

    /* [1] Read options and port, and block the signals. SIGPIPE is ignored: a write to a gone client fails instead */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:h", argc, argv);
    signals = block_signals(PROGRAM);
    sigaddset(&signals, SIGIO);
    sigaddset(&signals, SIGUSR1);
    block_set(PROGRAM, &signals);

    /* [2] Allow as many threads as the system creates, and keep those that are idle */
    memset(&threads, 0, sizeof(threads));
    threads.aio_threads = INT_MAX;
    threads.aio_idle_time = INT_MAX;
    aio_init(&threads);

    /* [3] Listen, and request a signal when a connection is waiting. Connections block: it is threads that wait */
    listener = start_listening(PROGRAM, &settings, &signals, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    server.flags = SOCK_CLOEXEC;
    exchanges = new_exchanges(server);
    announce_ready(PROGRAM, &settings);

    if (enable_sigio(listener, SIGUSR1) < 0)
        fail(PROGRAM, "fcntl", errno);

    while (!exchanges.server.draining || exchanges.server.open > 0) {
        /* [4] Look for connections that arrived before the signal was requested, or while accept() was paused */
        if (can_accept(&exchanges.server) && !listening)
            requeue_if_ready(listener);

        listening = can_accept(&exchanges.server);

        /* [5] Sleep until a signal arrives */
        if ((number = sigwaitinfo(&signals, NULL)) < 0) {
            wait_failed(&exchanges.server, "sigwaitinfo", errno);
        } else if (number == SIGUSR1) {
            /* [6] Accept a connection and start to read. If others are waiting, they have the next turn */
            if (can_accept(&exchanges.server) && (sock = accept_connection(&exchanges.server)) >= 0)
                start_exchange(&exchanges, sock);

            /* [7] A thread is missing: it is not created yet, or cannot be. Pause accept(), and count again later */
            if (can_accept(&exchanges.server) && lacks_threads(&exchanges))
                wait_for_thread(&exchanges);

            if (can_accept(&exchanges.server))
                requeue_if_ready(listener);
        } else if (number == SIGIO) {
            /* [8] Requests have completed: continue with those connections */
            reap_completions(&exchanges);
        } else {
            /* [9] Handle a signal: it starts the shutdown, which ends with the last connection; or ends a pause */
            aio_on_signal(&exchanges, number);

            /* [10] A thread is still missing: extend the pause. In the end, give up the connections without one */
            if (can_accept(&exchanges.server) && lacks_threads(&exchanges))
                wait_longer_for_thread(&exchanges);
        }
    }

    exit(0);
}
