/*
 * What the servers of the I/O models have in common once the model says which socket is ready: how they accept,
 * echo and shut down.
 *
 * All sockets are non-blocking. A connection that is ready is served at once: bytes are received into one large
 * buffer, which all connections share, and sent back. What send() does not take, because the client does not read, is
 * copied and kept pending for this connection alone; until it is sent, nothing more is received from the client. With
 * this back-pressure a slow client slows only itself, and never costs more than the buffer's size.
 *
 * When bytes that were received cannot be sent back, the connection is reset, so that no client takes a truncated
 * echo for a complete one. For the same reason a shutdown waits for each connection until all bytes that the kernel
 * has received from the client are sent back, even those that were still unread when the signal came.
 */
#define _GNU_SOURCE
#include "connections.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/explain.h"
#include "signals.h"

/* The most bytes that one recv() takes. The larger, the fewer calls for a client that sends much. */
#define BUFFER_SIZE 262144
/* How long accept() is paused at least when there is a shortage, in milliseconds. */
#define ACCEPT_BACKOFF_MS 100
/* After so many pauses without another failure, a shortage is over. */
#define RECOVERY_BACKOFFS 10
/* The index of tcpi_bytes_received in the kernel's struct tcp_info, as an array of uint64_t: glibc's ends before it. */
#define BYTES_RECEIVED 16

/* malloc(): the state of a server that has a listening socket and no connection. */
struct server new_server(const char *program, int listener)
{
    struct server server = {.program = program, .listener = listener, .flags = SOCK_NONBLOCK | SOCK_CLOEXEC};

    if ((server.buffer = malloc(BUFFER_SIZE)) == NULL)
        fail(program, "malloc", errno);

    return server;
}

/* close(): closes a connection. That frees a descriptor, so accept() may be called again. */
void close_connection(struct server *server, int sock)
{
    struct connection *connection = &server->connections[sock];

    free(connection->pending);
    connection->pending = NULL;
    connection->open = false;
    server->open--;
    server->accept_paused = false;

    if (close(sock) < 0)
        explain_errno(server->program, "close", errno);
}

/* setsockopt(): makes close() reset a connection, because `call` failed. Says why, unless the client has reset it. */
void reset_on_close(const char *program, int sock, const char *call, int error)
{
    struct linger linger = {1, 0};

    if (error != ECONNRESET && error != EPIPE && error != ENOTCONN)
        explain_errno(program, call, error);

    if (setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        explain_errno(program, "setsockopt", errno);
}

/* Resets and closes a connection, because `call` failed. */
void reset_connection(struct server *server, int sock, const char *call, int error)
{
    reset_on_close(server->program, sock, call, error);
    close_connection(server, sock);
}

/* realloc(): grows an array of `before` elements, each of `size` bytes, to `capacity`, and sets the new ones to zero.
   Returns NULL, and leaves the array as it is, if there is no memory. */
void *grow_array(void *array, size_t size, int before, int capacity)
{
    char *grown;

    if ((grown = realloc(array, capacity * size)) != NULL)
        memset(grown + before * size, 0, (capacity - before) * size);

    return grown;
}

/* Grows the table until it has an entry for a descriptor. */
static bool grow_table(struct server *server, int sock)
{
    struct connection *connections;
    int before = server->capacity;
    int capacity = before > 0 ? before : 64;

    if (sock < before)
        return true;

    while (capacity <= sock)
        capacity *= 2;

    if ((connections = grow_array(server->connections, sizeof(*connections), before, capacity)) == NULL)
        return false;

    server->connections = connections;
    server->capacity = capacity;
    return true;
}

/* Whether accept() can be called again at once after this error. */
bool is_transient_accept_error(int error)
{
    switch (error) {
    /* The connection is gone, or another process has accepted it. The next one may be in the queue. */
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ETIMEDOUT:
    case ENETDOWN:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

/* Handles an error of accept(): pauses it, unless the error is transient. */
void accept_failed(struct server *server, int error)
{
    if (is_transient_accept_error(error))
        return;

    /* Out of descriptors or memory: the connection stays in the queue, so that a call at once would fail again. */
    server->accept_paused = true;
    server->quiet_backoffs = 0;

    if (server->shortage != 0)
        return;

    /* Reported once per shortage, even if accept() succeeds now and then because a connection was closed. */
    explain_errno(server->program, "accept4", error);
    server->shortage = error;
    set_timer(server->program, ACCEPT_BACKOFF_MS);
}

/* Resumes accept(), and reports the end of a shortage once accept() has not failed for some time. */
static void resume_accepting(struct server *server)
{
    server->accept_paused = false;

    if (server->shortage == 0)
        return;

    server->quiet_backoffs++;

    if (server->quiet_backoffs < RECOVERY_BACKOFFS) {
        set_timer(server->program, ACCEPT_BACKOFF_MS);
        return;
    }

    fprintf(stderr, "%s: accept4: resumed after: %s (errno %d)\n", server->program, strerror(server->shortage),
            server->shortage);
    server->shortage = 0;
}

/*
 * nanosleep(): handles an error of a call that only waits, and that the server will make again. Backs off, so that
 * the server does not spin, and reports an error that repeats only once.
 */
void wait_failed(struct server *server, const char *call, int error)
{
    const struct timespec delay = {0, ACCEPT_BACKOFF_MS * 1000000};

    if (error == EINTR)
        return;

    if (server->wait_error != error)
        explain_errno(server->program, call, error);

    server->wait_error = error;
    nanosleep(&delay, NULL);
}

/* Adds a connection to the table. If there is no memory, closes it and returns false. */
bool add_connection(struct server *server, int sock)
{
    struct connection *connection;

    if (!grow_table(server, sock)) {
        explain_errno(server->program, "realloc", ENOMEM);
        close(sock);
        return false;
    }

    connection = &server->connections[sock];
    connection->received = 0;
    connection->open = true;
    connection->shut = false;
    server->open++;
    return true;
}

/* accept4(): accepts a connection, if one is in the queue, and returns it, or −1. */
int accept_connection(struct server *server)
{
    int sock;

    if ((sock = accept4(server->listener, NULL, NULL, server->flags)) < 0) {
        accept_failed(server, errno);
        return -1;
    }

    return add_connection(server, sock) ? sock : -1;
}

/*
 * clock_gettime(): the timeout of the next wait, in milliseconds, after one that found so many descriptors ready: 0
 * while the server busy-polls, else −1, which is none.
 */
int poll_timeout(struct server *server, int ready)
{
    struct timespec now;

    if (server->busy_poll == 0)
        return -1;

    clock_gettime(CLOCK_MONOTONIC, &now);

    if (ready > 0)
        server->last_ready = now;

    if ((now.tv_sec - server->last_ready.tv_sec) * 1000000 + (now.tv_nsec - server->last_ready.tv_nsec) / 1000 <
        server->busy_poll)
        return 0;

    return -1;
}

/* Whether a descriptor is that of an open connection. */
bool is_open(const struct server *server, int sock)
{
    return sock >= 0 && sock < server->capacity && server->connections[sock].open;
}

/* Whether bytes are pending, which are sent before more is received. */
bool has_pending(const struct server *server, int sock)
{
    return server->connections[sock].pending != NULL;
}

/* Whether the server accepts connections: it is neither paused nor shutting down. */
bool can_accept(const struct server *server)
{
    return !server->accept_paused && !server->draining;
}

/* Counts bytes that were received. Returns whether to send them back: not once the echo is complete. */
bool count_received(struct server *server, int sock, size_t length)
{
    struct connection *connection = &server->connections[sock];

    connection->received += length;
    return !connection->shut;
}

/*
 * getsockopt(): whether `received` bytes are all that the kernel has received from a client, whose end of file counts
 * as one more. Whether recv() finds more would not tell: a thread may have received it just now.
 */
int is_fully_received(int sock, uint64_t received)
{
    uint64_t info[BYTES_RECEIVED + 1] = {0};
    socklen_t length = sizeof(info);

    if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, info, &length) < 0)
        return -1;

    return info[BYTES_RECEIVED] == received;
}

/*
 * shutdown(): sends the client an end of file if its echo is complete. What it still sends is received and not echoed.
 * Otherwise there is more to receive, after which this is called again. Returns false if the connection was reset.
 */
bool drain_connection(struct server *server, int sock)
{
    struct connection *connection = &server->connections[sock];
    int complete = is_fully_received(sock, connection->received);

    if (complete < 0) {
        reset_connection(server, sock, "getsockopt", errno);
        return false;
    }

    if (!complete)
        return true;

    connection->shut = true;

    if (shutdown(sock, SHUT_WR) == 0)
        return true;

    reset_connection(server, sock, "shutdown", errno);
    return false;
}

/* Handles an error of send(). Returns the state of the connection. */
static int send_failed(struct server *server, int sock, int error)
{
    if (error == EAGAIN || error == EINTR)
        return WANT_WRITE;

    reset_connection(server, sock, "send", error);
    return CLOSED;
}

/* send(): sends pending bytes. Returns the state of the connection, WANT_READ once all are sent. */
static int send_pending(struct server *server, int sock)
{
    struct connection *connection = &server->connections[sock];
    struct pending *pending = connection->pending;
    const char *unsent = pending->bytes + pending->sent;
    ssize_t sent;

    if ((sent = send(sock, unsent, pending->length - pending->sent, MSG_NOSIGNAL)) < 0)
        return send_failed(server, sock, errno);

    pending->sent += sent;

    if (pending->sent < pending->length)
        return WANT_WRITE;

    free(pending);
    connection->pending = NULL;

    if (server->draining && !drain_connection(server, sock))
        return CLOSED;

    return WANT_READ;
}

/* malloc(): keeps what send() has not taken: all of it if it failed, the rest after a short write. */
static int keep_unsent(struct server *server, int sock, ssize_t received, ssize_t sent)
{
    struct pending *pending;
    size_t length;

    if (sent < 0) {
        if (send_failed(server, sock, errno) == CLOSED)
            return CLOSED;

        sent = 0;
    }

    length = received - sent;

    if ((pending = malloc(sizeof(*pending) + length)) == NULL) {
        reset_connection(server, sock, "malloc", errno);
        return CLOSED;
    }

    pending->length = length;
    pending->sent = 0;
    memcpy(pending->bytes, server->buffer + sent, length);
    server->connections[sock].pending = pending;
    return WANT_WRITE;
}

/* Handles a recv() that returned no data: an end of file or an error. */
static int handle_no_data(struct server *server, int sock, ssize_t received)
{
    if (received == 0)
        close_connection(server, sock);
    else if (errno == EAGAIN)
        return WANT_READ;
    else if (errno == EINTR)
        return YIELD;
    else
        reset_connection(server, sock, "recv", errno);

    return CLOSED;
}

/* Sends and receives once, as far as possible without blocking. Returns the state of the connection. */
int serve(struct server *server, int sock)
{
    ssize_t received, sent;
    int state;

    if (has_pending(server, sock)) {
        if ((state = send_pending(server, sock)) != WANT_READ)
            return state;
    }

    if ((received = recv(sock, server->buffer, BUFFER_SIZE, 0)) <= 0)
        return handle_no_data(server, sock, received);

    if (!count_received(server, sock, received))
        return YIELD;

    if ((sent = send(sock, server->buffer, received, MSG_NOSIGNAL)) != received)
        return keep_unsent(server, sock, received, sent);

    if (server->draining && !drain_connection(server, sock))
        return CLOSED;

    /* If the buffer is not full, the socket is empty. Otherwise the other connections come first. */
    return received < BUFFER_SIZE ? WANT_READ : YIELD;
}

/* close(): accepts no more connections. SIGALRM will come if those that are open do not drain in time. */
void stop_accepting(struct server *server)
{
    server->draining = true;
    close(server->listener);
    set_timer(server->program, DRAIN_TIMEOUT_MS);
}

/* Starts to shut down: each connection is closed once its echo is complete. */
static void start_draining(struct server *server)
{
    stop_accepting(server);

    for (int sock = 0; sock < server->capacity; sock++)
        if (is_open(server, sock) && !has_pending(server, sock))
            drain_connection(server, sock);
}

/* Closes a connection at once. If its echo is not complete, it is reset, and `call` is reported to have timed out. */
void abort_connection(struct server *server, int sock, const char *call)
{
    if (server->connections[sock].shut)
        close_connection(server, sock);
    else
        reset_connection(server, sock, call, ETIMEDOUT);
}

/* Closes all connections at once. */
static void abort_all(struct server *server)
{
    const char *call;

    for (int sock = 0; sock < server->capacity; sock++) {
        if (is_open(server, sock)) {
            call = has_pending(server, sock) ? "send" : "recv";
            abort_connection(server, sock, call);
        }
    }
}

/*
 * What a signal requests. SIGTERM, SIGINT and SIGHUP start a shutdown; a second one, or the timer, completes it. For a
 * worker any number of them is one request, and SIGUSR2 is the second. Before a shutdown, SIGALRM ends a pause.
 */
int shutdown_request(struct server *server, int number)
{
    if (number == 0)
        return CONTINUE;

    if (number == SIGALRM && !server->draining) {
        resume_accepting(server);
        return CONTINUE;
    }

    if (number == SIGALRM || number == SIGUSR2)
        return ABORT;

    /* The SIGALRM of a pause must not be mistaken for that of the drain timeout. */
    if (!server->draining) {
        set_timer(server->program, 0);
        coalesce_requests();
        return DRAIN;
    }

    return server->is_worker ? CONTINUE : ABORT;
}

/* Does what a signal requests. */
void handle_signal(struct server *server, int number)
{
    int request = shutdown_request(server, number);

    if (request != CONTINUE && !server->draining)
        start_draining(server);

    if (request == ABORT)
        abort_all(server);
}

/* read(): reads a signal from the descriptor that signalfd() made. Returns 0 if none is pending. */
int read_signalfd(struct server *server, int signals)
{
    struct signalfd_siginfo signal;
    ssize_t length = read(signals, &signal, sizeof(signal));

    if (length == sizeof(signal))
        return signal.ssi_signo;

    if (length < 0 && errno != EAGAIN)
        wait_failed(server, "read", errno);

    return 0;
}

/* Reads a signal, if one is pending, and does what it requests. */
void handle_signalfd(struct server *server, int signals)
{
    int number = read_signalfd(server, signals);

    handle_signal(server, number);
}
