/*
 * Echo server, asynchronous with POSIX AIO: a request to read or write is handed over, and a signal tells that it
 * is done.
 *
 * The last of the five I/O models of which the tutorial's chapter begins to tell (lines 671 to the end). The
 * others learn that a socket is ready, and then receive; here the bytes are in the buffer when the server hears
 * of them. Each connection has one request under way at any time: it is read, and what was read is written.
 *
 * The kernel has no part in it: the C library hands each request to a thread, which makes the call (pread, which
 * fails for a socket, and then read) and waits in it. So each client costs a thread, idle or not, and a message
 * costs the more the more clients there are, because the library looks for each request among all. Where the
 * system makes no more threads, a request would wait without a word until another client is gone; so that is
 * looked for, and the server then takes no more clients until one has gone.
 *
 * The signal is SIGIO, which waits once, however many requests are done: so it is never lost, as a signal that is
 * queued for each would be when the queue is full, and all requests are looked at. SIGUSR1 tells of connections.
 *
 * Call: `echo_server_aio PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_aio"
#define USAGE "./echo_server_aio PORT"
#define BUFFER_SIZE 65536
/* The last wait for a thread that is lacking, in milliseconds. The first is 1, and each is twice the one before. */
#define MAX_WAIT_MS 64

/* A connection's request, and what was read and is to be written: `length` bytes, of which `sent` are. */
struct exchange {
    struct exchange *next;
    int sock;
    struct aiocb request;
    size_t length;
    size_t sent;
    char bytes[BUFFER_SIZE];
};

/* aio_read(), or aio_write() if there is something to write: hands the next request over. */
static int submit(struct exchange *exchange)
{
    struct aiocb *request = &exchange->request;

    request->aio_buf = exchange->bytes + exchange->sent;

    if (exchange->length == 0) {
        request->aio_nbytes = BUFFER_SIZE;
        return aio_read(request);
    }

    request->aio_nbytes = exchange->length - exchange->sent;
    return aio_write(request);
}

/* Which of the two it is. */
static const char *call_name(const struct exchange *exchange)
{
    return exchange->length == 0 ? "aio_read" : "aio_write";
}

/* free(): forgets a connection that is over. */
static void free_exchange(struct exchange **place)
{
    struct exchange *exchange = *place;

    *place = exchange->next;
    free(exchange);
}

/* malloc(): begins with a connection. */
static void start_exchange(struct server *server, struct exchange **first, int sock)
{
    struct exchange *exchange;
    struct aiocb *request;

    if ((exchange = malloc(sizeof(*exchange))) == NULL) {
        reset_connection(server, sock, "malloc", errno);
        return;
    }

    memset(exchange, 0, offsetof(struct exchange, bytes));
    exchange->sock = sock;
    request = &exchange->request;
    request->aio_fildes = sock;
    request->aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    request->aio_sigevent.sigev_signo = SIGIO;
    exchange->next = *first;
    *first = exchange;

    if (submit(exchange) < 0) {
        reset_connection(server, sock, call_name(exchange), errno);
        free_exchange(first);
    }
}

/* poll(): if a connection waits, whatever the signals have told, there is another one. */
static void requeue_if_ready(int listener)
{
    struct pollfd entry = {.fd = listener, .events = POLLIN};

    if (poll(&entry, 1, 0) != 0)
        kill(getpid(), SIGUSR1);
}

/* stat(): whether each connection has a thread. The directory has a link for each, one for main()'s, and two more. */
static bool enough_threads(const struct server *server)
{
    struct stat threads;

    if (stat("/proc/self/task", &threads) < 0)
        return true;

    return (int)threads.st_nlink - 3 >= server->open;
}

/* aio_cancel(): resets a connection whose request waits for a thread, if there is one. */
static bool cancel_one(struct server *server, struct exchange **place)
{
    struct exchange *exchange;

    while ((exchange = *place) != NULL) {
        if (aio_cancel(exchange->sock, &exchange->request) == AIO_CANCELED) {
            reset_connection(server, exchange->sock, call_name(exchange), EAGAIN);
            free_exchange(place);
            return true;
        }

        place = &exchange->next;
    }

    return false;
}

/* aio_error() and aio_return(): goes on with a connection if its request is done. Says whether it is still there. */
static bool reap_completion(struct server *server, struct exchange *exchange)
{
    struct aiocb *request = &exchange->request;
    int error = aio_error(request);
    ssize_t done;

    if (error == EINPROGRESS)
        return true;

    if ((done = aio_return(request)) < 0) {
        reset_connection(server, exchange->sock, call_name(exchange), error);
        return false;
    }

    if (exchange->length == 0) {
        if (done == 0) {
            close_connection(server, exchange->sock);
            return false;
        }

        if (count_received(server, exchange->sock, done))
            exchange->length = done;
    } else {
        exchange->sent += done;
    }

    if (exchange->length > 0 && exchange->sent == exchange->length) {
        exchange->length = 0;
        exchange->sent = 0;

        if (server->draining && !drain_connection(server, exchange->sock))
            return false;
    }

    if (submit(exchange) == 0)
        return true;

    reset_connection(server, exchange->sock, call_name(exchange), errno);
    return false;
}

/* Looks at all requests, since nobody knows which of them are done. */
static void reap_completions(struct server *server, struct exchange **place)
{
    struct exchange *exchange;

    while ((exchange = *place) != NULL) {
        if (reap_completion(server, exchange))
            place = &exchange->next;
        else
            free_exchange(place);
    }
}

/* Begins the end: what comes is read and written, and then each connection has only the client's end to wait for. */
static void start_draining(struct server *server, struct exchange **place)
{
    struct exchange *exchange;

    reap_completions(server, place);
    stop_accepting(server);

    while ((exchange = *place) != NULL) {
        /* A thread waits with what is left out of the list, and has it until the server ends. */
        if (exchange->length == 0 && !drain_connection(server, exchange->sock))
            *place = exchange->next;
        else
            place = &exchange->next;
    }
}

/* Ends at once. A client whose echo is not complete is reset. The threads still have what they wait with. */
static void abort_all(struct server *server, struct exchange **place)
{
    struct exchange *exchange;

    while ((exchange = *place) != NULL) {
        abort_connection(server, exchange->sock, call_name(exchange));
        place = &exchange->next;
    }
}

int main(int argc, char *argv[])
{
    struct aioinit threads = {.aio_threads = INT_MAX, .aio_idle_time = INT_MAX};
    struct settings settings;
    struct server server;
    struct exchange *first = NULL;
    sigset_t signals;
    int listener, number, sock, wanted;
    long wait = 0;
    bool listening = false;

    /* [1] Take the port, and let signals wait until they are asked for. A client that is gone sends none (SIGPIPE) */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:h", argc, argv);
    signals = block_signals(PROGRAM);
    sigaddset(&signals, SIGIO);
    sigaddset(&signals, SIGUSR1);
    block_set(PROGRAM, &signals);

    /* [2] Have as many threads as the system makes, and keep them */
    aio_init(&threads);

    /* [3] Listen, and be told by a signal that connections wait. The connections block: it is threads that wait */
    listener = start_listening(PROGRAM, &settings, &signals, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    announce_ready(PROGRAM, &settings);
    server.flags = SOCK_CLOEXEC;

    if (enable_sigio(server.listener, SIGUSR1) < 0)
        fail(PROGRAM, "fcntl", errno);

    while (!server.draining || server.open > 0) {
        /* [4] Look for connections that came when accept() was not to be called: before now, or while it rested */
        if (can_accept(&server) && !listening)
            requeue_if_ready(server.listener);

        listening = can_accept(&server);

        /* [5] Sleep until a signal comes */
        if ((number = sigwaitinfo(&signals, NULL)) < 0) {
            wait_failed(&server, "sigwaitinfo", errno);
        } else if (number == SIGUSR1) {
            /* [6] Take a connection and begin to read. If others wait, they have the next turn */
            if (can_accept(&server) && (sock = accept_connection(&server)) >= 0)
                start_exchange(&server, &first, sock);

            /* [7] A thread is lacking: it is not made yet, or cannot be made. Rest, and see */
            if (can_accept(&server) && !enough_threads(&server)) {
                server.accept_paused = true;
                wait = 1;
                set_timer(PROGRAM, wait);
            }

            if (can_accept(&server))
                requeue_if_ready(server.listener);
        } else if (number == SIGIO) {
            /* [8] Requests are done: go on with those connections */
            reap_completions(&server, &first);
        } else {
            /* [9] A signal begins the end, which is when the last connection has ended; or ends a rest */
            wanted = shutdown_request(&server, number);

            if (wanted != CONTINUE && !server.draining)
                start_draining(&server, &first);

            if (wanted == ABORT)
                abort_all(&server, &first);

            /* [10] It goes on as long as threads are lacking. In the end connections are given up for the others */
            if (can_accept(&server) && !enough_threads(&server)) {
                if (wait < MAX_WAIT_MS) {
                    wait *= 2;
                    server.accept_paused = true;
                } else {
                    server.accept_paused = cancel_one(&server, &first);
                }

                if (!enough_threads(&server))
                    set_timer(PROGRAM, wait);
            }
        }
    }

    exit(0);
}
