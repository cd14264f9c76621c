#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What serve() leaves a connection in: it is closed. */
#define CLOSED 0
/* It is to be served again once it is readable. */
#define WANT_READ 1
/* It is to be served again once it is writable: bytes are pending. */
#define WANT_WRITE 2
/* It may be readable still, but other connections are served first. */
#define YIELD 3

/* What a signal requests: nothing. */
#define CONTINUE 0
/* To stop accepting, and to close each connection once its echo is complete. */
#define DRAIN 1
/* To close all connections at once. */
#define ABORT 2

/* The most connections to accept in one turn, so that those that are open have theirs. */
#define MAX_ACCEPTS 64
/* How long the connections have to drain once the server shuts down, in milliseconds. */
#define DRAIN_TIMEOUT_MS 5000

/* Bytes that were received and not yet sent back: `length` of them, of which send() has taken `sent`. */
struct pending {
    size_t length;
    size_t sent;
    char bytes[];
};

/* One entry of the table of connections, which is indexed by descriptor. */
struct connection {
    struct pending *pending;
    /* How many bytes were received. */
    uint64_t received;
    bool open;
    /* Whether the sending side is shut down: the echo is complete. */
    bool shut;
};

/* The state of a server. */
struct server {
    const char *program;
    /* The listening socket. */
    int listener;
    /* The flags that accept4() sets on a connection. */
    int flags;
    struct connection *connections;
    /* How many entries the table has. */
    int capacity;
    /* How many connections are open. */
    int open;
    /* Whether accept() is paused because of a shortage, and the error that reported it, or 0. */
    bool accept_paused;
    int shortage;
    /* How many pauses have passed since accept() last failed. */
    int quiet_backoffs;
    /* The last error of a call that waits. */
    int wait_error;
    /* Whether the process is a worker. */
    bool is_worker;
    /* Whether the server is shutting down. */
    bool draining;
    char *buffer;
    /* How long to busy-poll before a wait sleeps, in microseconds. */
    long busy_poll;
    struct timespec last_ready;
};

struct server new_server(const char *program, int listener);
void accept_failed(struct server *server, int error);
void *grow_array(void *array, size_t size, int before, int capacity);
bool add_connection(struct server *server, int sock);
int accept_connection(struct server *server);
int poll_timeout(struct server *server, int ready);
bool is_open(const struct server *server, int sock);
bool has_pending(const struct server *server, int sock);
bool can_accept(const struct server *server);
void wait_failed(struct server *server, const char *call, int error);
int serve(struct server *server, int sock);
void close_connection(struct server *server, int sock);
bool is_transient_accept_error(int error);
void reset_on_close(const char *program, int sock, const char *call, int error);
void reset_connection(struct server *server, int sock, const char *call, int error);
bool count_received(struct server *server, int sock, size_t length);
int is_fully_received(int sock, uint64_t received);
bool drain_connection(struct server *server, int sock);
void abort_connection(struct server *server, int sock, const char *call);
void stop_accepting(struct server *server);
int shutdown_request(struct server *server, int number);
int read_signalfd(struct server *server, int signals);
void handle_signalfd(struct server *server, int signals);
void handle_signal(struct server *server, int number);

#endif
