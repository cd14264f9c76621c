/*
 * The requests of the POSIX AIO server: one for each connection, to read, or to write what was read.
 *
 * glibc hands each request to a thread, which makes the call and blocks in it. If the system creates no more threads,
 * aio_read() reports no error: the request waits, unnoticed, until another connection ends. So the server counts the
 * threads after each accept(), and pauses accept() while there are fewer than connections.
 *
 * A thread uses its request and the buffer until the request completes. Only then are they freed; those of requests
 * still in progress at shutdown are left to exit().
 */
#include "aio_requests.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "signals.h"

/* The longest wait for a missing thread, in milliseconds. The first is 1, and each is twice the one before. */
#define MAX_THREAD_WAIT_MS 64

/* The state of a server that has no connection yet. */
struct exchanges new_exchanges(struct server server)
{
    return (struct exchanges){.server = server};
}

/* aio_read(), or aio_write() if there is something to write: submits the next request. */
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

/* Which of the two the request is. */
static const char *call_name(const struct exchange *exchange)
{
    return exchange->length == 0 ? "aio_read" : "aio_write";
}

/* Resets a connection whose request failed. */
static void reset_exchange(struct server *server, const struct exchange *exchange, int error)
{
    reset_connection(server, exchange->sock, call_name(exchange), error);
}

/* free(): removes the exchange of a closed connection from the list. */
static void free_exchange(struct exchange **place)
{
    struct exchange *exchange = *place;

    *place = exchange->next;
    free(exchange);
}

/* malloc(): starts to read from a new connection. */
void start_exchange(struct exchanges *exchanges, int sock)
{
    struct exchange *exchange;
    struct aiocb *request;

    if ((exchange = malloc(sizeof(*exchange))) == NULL) {
        reset_connection(&exchanges->server, sock, "malloc", errno);
        return;
    }

    memset(exchange, 0, offsetof(struct exchange, bytes));
    exchange->sock = sock;
    request = &exchange->request;
    request->aio_fildes = sock;
    request->aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    request->aio_sigevent.sigev_signo = SIGIO;
    exchange->next = exchanges->first;
    exchanges->first = exchange;

    if (submit(exchange) < 0) {
        reset_exchange(&exchanges->server, exchange, errno);
        free_exchange(&exchanges->first);
    }
}

/* stat(): whether a connection has no thread. The link count is 2, and 1 for each thread, of which main() has one. */
bool lacks_threads(const struct exchanges *exchanges)
{
    struct stat threads;

    if (stat("/proc/self/task", &threads) < 0)
        return false;

    return (int)threads.st_nlink - 3 < exchanges->server.open;
}

/* setitimer(): pauses accept() while a thread is missing. */
void wait_for_thread(struct exchanges *exchanges)
{
    exchanges->server.accept_paused = true;
    exchanges->thread_wait = 1;
    set_timer(exchanges->server.program, exchanges->thread_wait);
}

/* aio_cancel(): resets a connection whose request is waiting for a thread, if there is one. */
static bool cancel_one(struct exchanges *exchanges)
{
    struct exchange **place = &exchanges->first;
    struct exchange *exchange;

    while ((exchange = *place) != NULL) {
        if (aio_cancel(exchange->sock, &exchange->request) == AIO_CANCELED) {
            reset_exchange(&exchanges->server, exchange, EAGAIN);
            free_exchange(place);
            return true;
        }

        place = &exchange->next;
    }

    return false;
}

/* setitimer(): extends the pause if a thread is still missing. After the longest one, a connection is given up. */
void wait_longer_for_thread(struct exchanges *exchanges)
{
    if (exchanges->thread_wait < MAX_THREAD_WAIT_MS) {
        exchanges->thread_wait *= 2;
        exchanges->server.accept_paused = true;
    } else {
        exchanges->server.accept_paused = cancel_one(exchanges);
    }

    if (lacks_threads(exchanges))
        set_timer(exchanges->server.program, exchanges->thread_wait);
}

/* aio_error() and aio_return(): if the request has completed, submits the next one. Returns false if it is over. */
static bool reap_completion(struct server *server, struct exchange *exchange)
{
    struct aiocb *request = &exchange->request;
    int error = aio_error(request);
    ssize_t done;

    if (error == EINPROGRESS)
        return true;

    if ((done = aio_return(request)) < 0) {
        reset_exchange(server, exchange, error);
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

    reset_exchange(server, exchange, errno);
    return false;
}

/* Checks all requests, since the signal does not say which have completed. */
void reap_completions(struct exchanges *exchanges)
{
    struct exchange **place = &exchanges->first;
    struct exchange *exchange;

    while ((exchange = *place) != NULL) {
        if (reap_completion(&exchanges->server, exchange))
            place = &exchange->next;
        else
            free_exchange(place);
    }
}

/* Starts the shutdown: what the kernel has received is echoed, and then each connection waits only for the client. */
static void start_draining(struct exchanges *exchanges)
{
    struct exchange **place = &exchanges->first;
    struct exchange *exchange;

    reap_completions(exchanges);
    stop_accepting(&exchanges->server);

    while ((exchange = *place) != NULL) {
        /* A thread may still use what is removed from the list here, so it is not freed. */
        if (exchange->length == 0 && !drain_connection(&exchanges->server, exchange->sock))
            *place = exchange->next;
        else
            place = &exchange->next;
    }
}

/* Ends all connections at once, and resets those whose echo is not complete. Nothing is freed, as above. */
static void abort_all(struct exchanges *exchanges)
{
    struct exchange *exchange;

    while ((exchange = exchanges->first) != NULL) {
        abort_connection(&exchanges->server, exchange->sock, call_name(exchange));
        exchanges->first = exchange->next;
    }
}

/* Does what a signal requests. */
void aio_on_signal(struct exchanges *exchanges, int number)
{
    int wanted = shutdown_request(&exchanges->server, number);

    if (wanted != CONTINUE && !exchanges->server.draining)
        start_draining(exchanges);

    if (wanted == ABORT)
        abort_all(exchanges);
}
