/*
 * What the servers of the I/O models do alike with their connections, once the model says which one is ready.
 *
 * All sockets are non-blocking. A connection that is ready is served at once: what has come is received into
 * one large buffer, which all connections share, and sent back. What cannot be sent, because the client does
 * not read, is kept for this connection alone; until it is sent, nothing more is received from the client. So
 * a slow client slows only itself, and never costs more than the buffer's size.
 *
 * When bytes that were received cannot be sent back, the connection is reset, so that no client takes a
 * cut-off echo for a whole one.
 */
#define _GNU_SOURCE
#include "connections.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "explain.h"
#include "server.h"

/* What is received at once, at most. The larger, the fewer calls for a client that sends much. */
#define BUFFER_SIZE 262144
/* How long accept() rests if no client of ours can end the want, and how long the end may take. In milliseconds. */
#define REST 100
#define GRACE 5000

/* malloc(): the state of a server that has a listening socket and no connection. */
struct server new_server(const char *program, int listener)
{
    struct server server;

    memset(&server, 0, sizeof(server));
    server.program = program;
    server.listener = listener;

    if ((server.buffer = malloc(BUFFER_SIZE)) == NULL)
        fail(program, "malloc", errno);

    return server;
}

/* close(): the connection is over. A descriptor is free, so that accept() may go on. */
static void close_connection(struct server *server, int sock)
{
    free(server->connections[sock].pending);
    server->connections[sock].pending = NULL;
    server->connections[sock].open = false;
    server->open--;
    server->resting = false;

    if (close(sock) < 0)
        explain_errno(server->program, "close", errno);
}

/* Resets a connection for which `call` failed, and says why, unless the client has done it. */
void drop(struct server *server, int sock, const char *call, int error)
{
    struct linger linger = {1, 0};

    if (error != ECONNRESET && error != EPIPE)
        explain_errno(server->program, call, error);

    if (setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        explain_errno(server->program, "setsockopt", errno);

    close_connection(server, sock);
}

/* realloc(): makes the table reach a descriptor. */
static bool make_room(struct server *server, int sock)
{
    struct connection *connections;
    int capacity = server->capacity > 0 ? server->capacity : 64;

    if (sock < server->capacity)
        return true;

    while (capacity <= sock)
        capacity *= 2;

    if ((connections = realloc(server->connections, capacity * sizeof(*connections))) == NULL)
        return false;

    memset(connections + server->capacity, 0, (capacity - server->capacity) * sizeof(*connections));
    server->connections = connections;
    server->capacity = capacity;
    return true;
}

/* Decides what becomes of a failed accept(). */
static void accept_failed(struct server *server, int error)
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
        return;
    }

    /* There is no descriptor or no memory: the connection waits in the backlog, and to ask at once would spin. */
    explain_errno(server->program, "accept4", error);
    server->resting = true;

    if (error != EMFILE || server->open == 0)
        set_timer(server->program, REST);
}

/* accept4(): takes one connection. Returns −1 if there is none. */
int accept_connection(struct server *server)
{
    int sock;

    if ((sock = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
        accept_failed(server, errno);
        return -1;
    }

    if (!make_room(server, sock)) {
        explain_errno(server->program, "realloc", ENOMEM);
        close(sock);
        return -1;
    }

    server->connections[sock].open = true;
    server->open++;
    return sock;
}

/*
 * How long the next wait may last, in milliseconds, after one that found so many ready: for ever, or not at
 * all as long as the server polls busily.
 */
int patience(struct server *server, int ready)
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

/* Whether accept() is to be called when a connection waits. */
bool accepting(const struct server *server)
{
    return !server->resting && !server->finishing;
}

/* malloc(): keeps what could not be sent. */
static bool keep(struct connection *connection, const char *bytes, size_t length)
{
    struct pending *pending = malloc(sizeof(*pending) + length);

    if (pending == NULL)
        return false;

    pending->length = length;
    pending->sent = 0;
    memcpy(pending->bytes, bytes, length);
    connection->pending = pending;
    return true;
}

/* send(): as much as there is room for. Returns how much, or −1 if the connection is gone. */
static ssize_t send_some(struct server *server, int sock, const char *bytes, size_t length)
{
    ssize_t sent;

    while ((sent = send(sock, bytes, length, MSG_NOSIGNAL)) < 0) {
        if (errno == EAGAIN)
            return 0;

        if (errno != EINTR) {
            drop(server, sock, "send", errno);
            return -1;
        }
    }

    return sent;
}

/* shutdown(): the echo is complete, and the client learns it. What it still sends gets no answer. */
static bool finish_connection(struct server *server, int sock)
{
    if (shutdown(sock, SHUT_WR) == 0)
        return true;

    drop(server, sock, "shutdown", errno);
    return false;
}

/* Sends on what was kept. Returns what the connection waits for, TO_RECEIVE once all is sent. */
static int send_pending(struct server *server, int sock)
{
    struct pending *pending = server->connections[sock].pending;
    ssize_t sent = send_some(server, sock, pending->bytes + pending->sent, pending->length - pending->sent);

    if (sent < 0)
        return GONE;

    pending->sent += sent;

    if (pending->sent < pending->length)
        return TO_SEND;

    free(pending);
    server->connections[sock].pending = NULL;

    if (server->finishing && !finish_connection(server, sock))
        return GONE;

    return TO_RECEIVE;
}

/* Sends and receives what can be without waiting, once. Returns what the connection waits for now. */
int serve(struct server *server, int sock)
{
    ssize_t received, sent;
    int wanted;

    if (server->connections[sock].pending != NULL && (wanted = send_pending(server, sock)) != TO_RECEIVE)
        return wanted;

    while ((received = recv(sock, server->buffer, BUFFER_SIZE, 0)) < 0) {
        if (errno == EAGAIN)
            return TO_RECEIVE;

        if (errno != EINTR) {
            drop(server, sock, "recv", errno);
            return GONE;
        }
    }

    if (received == 0) {
        close_connection(server, sock);
        return GONE;
    }

    if (server->finishing)
        return NEXT_TURN;

    if ((sent = send_some(server, sock, server->buffer, received)) < 0)
        return GONE;

    if (sent < received) {
        if (keep(&server->connections[sock], server->buffer + sent, received - sent))
            return TO_SEND;

        drop(server, sock, "malloc", ENOMEM);
        return GONE;
    }

    /* A buffer that is not full has emptied the socket. Otherwise others come first. */
    return received < BUFFER_SIZE ? TO_RECEIVE : NEXT_TURN;
}

/* Begins the end: nobody is accepted, and each connection ends with what was received from it. */
static void finish(struct server *server)
{
    server->finishing = true;
    close(server->listener);
    set_timer(server->program, GRACE);

    for (int sock = 0; sock < server->capacity; sock++)
        if (server->connections[sock].open && server->connections[sock].pending == NULL)
            finish_connection(server, sock);
}

/* Ends at once. A client whose echo is not complete is reset. */
static void abandon(struct server *server)
{
    for (int sock = 0; sock < server->capacity; sock++) {
        if (!server->connections[sock].open)
            continue;

        if (server->connections[sock].pending != NULL)
            drop(server, sock, "send", ETIMEDOUT);
        else
            close_connection(server, sock);
    }
}

/* SIGTERM and SIGINT begin the end; the second one, or the time, completes it. Before that, SIGALRM ends a rest. */
void obey_signal(struct server *server, int number)
{
    if (server->finishing)
        abandon(server);
    else if (number == SIGALRM)
        server->resting = false;
    else
        finish(server);
}

/* read(): takes a signal from the descriptor that signalfd() made. */
void read_signal(struct server *server, int signals)
{
    struct signalfd_siginfo signal;

    if (read(signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal))
        obey_signal(server, signal.ssi_signo);
    else if (errno != EAGAIN && errno != EINTR)
        explain_errno(server->program, "read", errno);
}
