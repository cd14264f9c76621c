/*
 * What the servers of the I/O models do alike with their connections, once the model says which one is ready.
 *
 * All sockets are non-blocking. A connection that is ready is served at once: what has come is received into
 * one large buffer, which all connections share, and sent back. What cannot be sent, because the client does
 * not read, is kept for this connection alone; until it is sent, nothing more is received from the client. So
 * a slow client slows only itself, and never costs more than the buffer's size.
 *
 * When bytes that were received cannot be sent back, the connection is reset, so that no client takes a
 * cut-off echo for a whole one. For the same reason the end waits for a connection until all that the kernel
 * has taken from the client is sent back, even what was still to be received when the signal came.
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

/* What is received at once, at most. The larger, the fewer calls for a client that sends much. */
#define BUFFER_SIZE 262144
/* How long accept() is left alone at least while there is a shortage, in milliseconds. */
#define ACCEPT_BACKOFF_MS 100
/* After so many rests without another one, a shortage is over. */
#define RECOVERY_BACKOFFS 10
/* Where the kernel's struct tcp_info has tcpi_bytes_received, in units of its size: the C library's ends before it. */
#define BYTES_RECEIVED 16

/* malloc(): the state of a server that has a listening socket and no connection. */
struct server new_server(const char *program, int listener)
{
    struct server server = {.program = program, .listener = listener, .flags = SOCK_NONBLOCK | SOCK_CLOEXEC};

    if ((server.buffer = malloc(BUFFER_SIZE)) == NULL)
        fail(program, "malloc", errno);

    return server;
}

/* close(): the connection is over. A descriptor is free, so that accept() may go on. */
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

/* Has close() reset a connection for which `call` failed, and says why, unless the client has done it. */
void reset_on_close(const char *program, int sock, const char *call, int error)
{
    struct linger linger = {1, 0};

    if (error != ECONNRESET && error != EPIPE && error != ENOTCONN)
        explain_errno(program, call, error);

    if (setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        explain_errno(program, "setsockopt", errno);
}

/* Resets a connection for which `call` failed. */
void reset_connection(struct server *server, int sock, const char *call, int error)
{
    reset_on_close(server->program, sock, call, error);
    close_connection(server, sock);
}

/* realloc(): makes the table reach a descriptor. */
static bool grow_table(struct server *server, int sock)
{
    struct connection *connections;
    int before = server->capacity;
    int capacity = before > 0 ? before : 64;

    if (sock < before)
        return true;

    while (capacity <= sock)
        capacity *= 2;

    if ((connections = realloc(server->connections, capacity * sizeof(*connections))) == NULL)
        return false;

    memset(connections + before, 0, (capacity - before) * sizeof(*connections));
    server->connections = connections;
    server->capacity = capacity;
    return true;
}

/* Whether accept() can be called again at once, although it has failed. */
bool is_transient_accept_error(int error)
{
    switch (error) {
    /* This connection is over already, or somebody else has it. The next one may be there. */
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

/* Decides what becomes of a failed accept(). */
void accept_failed(struct server *server, int error)
{
    if (is_transient_accept_error(error))
        return;

    /* There is no descriptor or no memory: the connection waits in the backlog, and to ask at once would spin. */
    server->accept_paused = true;
    server->quiet_backoffs = 0;

    if (server->shortage != 0)
        return;

    /* It is said once, however often a connection that ends makes room for another one. */
    explain_errno(server->program, "accept4", error);
    server->shortage = error;
    set_timer(server->program, ACCEPT_BACKOFF_MS);
}

/* Lets accept() be called again, and says when it has not failed for some time. */
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

    fprintf(stderr, "%s: accept4: it is over: %s (errno %d)\n", server->program, strerror(server->shortage),
            server->shortage);
    server->shortage = 0;
}

/*
 * nanosleep(): what becomes of a call that failed although it only waits or asks. It is made again, and as long as it
 * fails in the same way, that is said once, and the server does not spin.
 */
void wait_failed(struct server *server, const char *call, int error)
{
    const struct timespec rest = {0, ACCEPT_BACKOFF_MS * 1000000};

    if (error == EINTR)
        return;

    if (server->wait_error != error)
        explain_errno(server->program, call, error);

    server->wait_error = error;
    nanosleep(&rest, NULL);
}

/* Enters a new connection into the table. Returns false, and closes it, if there is no memory. */
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

/* accept4(): takes one connection. Returns −1 if there is none. */
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
 * How long the next wait may last, in milliseconds, after one that found so many ready: for ever, or not at
 * all as long as the server polls busily.
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

/* Whether a descriptor is a connection. */
bool is_open(const struct server *server, int sock)
{
    return sock >= 0 && sock < server->capacity && server->connections[sock].open;
}

/* Whether a connection has something to send before it receives more. */
bool has_pending(const struct server *server, int sock)
{
    return server->connections[sock].pending != NULL;
}

/* Whether accept() is to be called when a connection waits. */
bool can_accept(const struct server *server)
{
    return !server->accept_paused && !server->draining;
}

/* Counts what was received from a client. Says whether it is to be sent back: not after the end of the echo. */
bool count_received(struct server *server, int sock, size_t length)
{
    struct connection *connection = &server->connections[sock];

    connection->received += length;
    return !connection->shut;
}

/*
 * getsockopt(): whether so many bytes are all that the kernel has taken from a client, whose end counts as one
 * more. To ask whether more can be received is not enough: a thread may have received it just now.
 */
int is_fully_received(int sock, uint64_t received)
{
    uint64_t info[BYTES_RECEIVED + 1];
    socklen_t length = sizeof(info);

    if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, info, &length) < 0)
        return -1;

    return info[BYTES_RECEIVED] == received;
}

/*
 * shutdown(): if the echo is complete, the client learns it. What it still sends gets no answer. Otherwise there is
 * more to receive, and this is called again after that. Returns false if the connection is over instead.
 */
bool drain_connection(struct server *server, int sock)
{
    struct connection *connection = &server->connections[sock];
    int all = is_fully_received(sock, connection->received);

    if (all < 0) {
        reset_connection(server, sock, "getsockopt", errno);
        return false;
    }

    if (!all)
        return true;

    connection->shut = true;

    if (shutdown(sock, SHUT_WR) == 0)
        return true;

    reset_connection(server, sock, "shutdown", errno);
    return false;
}

/* Decides what becomes of a connection if send() failed. */
static int send_failed(struct server *server, int sock, int error)
{
    if (error == EAGAIN || error == EINTR)
        return WANT_WRITE;

    reset_connection(server, sock, "send", error);
    return CLOSED;
}

/* send(): sends on what was kept. Returns what the connection waits for, TO_RECEIVE once all is sent. */
static int send_pending(struct server *server, int sock)
{
    struct connection *connection = &server->connections[sock];
    struct pending *pending = connection->pending;
    ssize_t sent;

    if ((sent = send(sock, pending->bytes + pending->sent, pending->length - pending->sent, MSG_NOSIGNAL)) < 0)
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

/* malloc(): keeps what send() has not taken, all of it if it failed. */
static int keep_unsent(struct server *server, int sock, ssize_t received, ssize_t sent)
{
    struct connection *connection = &server->connections[sock];
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
    connection->pending = pending;
    return WANT_WRITE;
}

/* Decides what becomes of a connection if recv() brought nothing. */
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

/* Sends and receives what can be without waiting, once. Returns what the connection waits for now. */
int serve(struct server *server, int sock)
{
    struct connection *connection = &server->connections[sock];
    ssize_t received, sent;
    int wanted;

    if (connection->pending != NULL) {
        if ((wanted = send_pending(server, sock)) != WANT_READ)
            return wanted;
    }

    if ((received = recv(sock, server->buffer, BUFFER_SIZE, 0)) <= 0)
        return handle_no_data(server, sock, received);

    if (!count_received(server, sock, received))
        return YIELD;

    if ((sent = send(sock, server->buffer, received, MSG_NOSIGNAL)) != received)
        return keep_unsent(server, sock, received, sent);

    if (server->draining && !drain_connection(server, sock))
        return CLOSED;

    /* A buffer that is not full has emptied the socket. Otherwise others come first. */
    return received < BUFFER_SIZE ? WANT_READ : YIELD;
}

/* close(): nobody is accepted any more, and SIGALRM will come when the end takes too long. */
void stop_accepting(struct server *server)
{
    server->draining = true;
    close(server->listener);
    set_timer(server->program, DRAIN_TIMEOUT_MS);
}

/* Begins the end: each connection ends once all that was taken from it is sent back. */
static void start_draining(struct server *server)
{
    struct connection *connection;

    stop_accepting(server);

    for (int sock = 0; sock < server->capacity; sock++) {
        connection = &server->connections[sock];

        if (connection->open && connection->pending == NULL)
            drain_connection(server, sock);
    }
}

/* Ends a connection at once. If its echo is not complete, for want of `call`, it is reset. */
void abort_connection(struct server *server, int sock, const char *call)
{
    if (server->connections[sock].shut)
        close_connection(server, sock);
    else
        reset_connection(server, sock, call, ETIMEDOUT);
}

/* Ends all connections at once. */
static void abort_all(struct server *server)
{
    bool sending;

    for (int sock = 0; sock < server->capacity; sock++) {
        if (is_open(server, sock)) {
            sending = has_pending(server, sock);
            abort_connection(server, sock, sending ? "send" : "recv");
        }
    }
}

/*
 * What a signal asks for. SIGTERM, SIGINT and SIGHUP begin the end; the second request, or the time, completes it. A
 * worker takes any number of them for one, and SIGUSR2 for the second. Before the end, SIGALRM ends a rest.
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

    /* A timer that has ended a rest must not be taken for the one that will end all. */
    if (!server->draining) {
        set_timer(server->program, 0);
        coalesce_requests();
        return DRAIN;
    }

    return server->is_worker ? CONTINUE : ABORT;
}

/* Does what a signal asks for. */
void handle_signal(struct server *server, int number)
{
    int wanted = shutdown_request(server, number);

    if (wanted != CONTINUE && !server->draining)
        start_draining(server);

    if (wanted == ABORT)
        abort_all(server);
}

/* read(): takes a signal from the descriptor that signalfd() made. Returns 0 if there is none. */
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

/* Takes a signal, if there is one, and obeys it. */
void handle_signalfd(struct server *server, int signals)
{
    int number = read_signalfd(server, signals);

    handle_signal(server, number);
}
