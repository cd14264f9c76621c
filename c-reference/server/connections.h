#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What a connection waits for once it is served: nothing, because it is over. */
#define CLOSED 0
/* Until it can receive. */
#define WANT_READ 1
/* Until it can send. */
#define WANT_WRITE 2
/* For its next turn: more is there already, but others come first. */
#define YIELD 3

/* What a signal asks for: nothing. */
#define CONTINUE 0
/* That the end begins. */
#define DRAIN 1
/* That it is completed at once. */
#define ABORT 2

/* How many connections are taken in one turn, at most: then those that are there have theirs. */
#define MAX_ACCEPTS 64
/* How long the connections have to end once the server shuts down, in milliseconds. */
#define DRAIN_TIMEOUT_MS 5000

/* What was received and could not be sent yet: `length` bytes, of which `sent` are on their way. */
struct pending {
    size_t length;
    size_t sent;
    char bytes[];
};

/* One entry of the table, which has one for each descriptor. */
struct connection {
    struct pending *pending;
    /* How many bytes were received. */
    uint64_t received;
    bool open;
    /* Whether the client has been told that the echo is complete. */
    bool shut;
};

/* The state of a server. */
struct server {
    const char *program;
    /* The listening socket. */
    int listener;
    /* Those that a connection gets from accept4(). */
    int flags;
    struct connection *connections;
    /* How many entries the table has. */
    int capacity;
    /* How many connections there are. */
    int open;
    /* Whether accept() rests, for want of what the error says, which is 0 if nothing is short. */
    bool accept_paused;
    int shortage;
    /* How many rests have passed since it failed. */
    int quiet_backoffs;
    /* The last error of a call that waits or asks. */
    int wait_error;
    /* Whether the process is a worker. */
    bool is_worker;
    /* Whether the end has begun. */
    bool draining;
    char *buffer;
    /* For how many microseconds the server polls busily. */
    long busy_poll;
    struct timespec last_ready;
};

struct server new_server(const char *program, int listener);
void accept_failed(struct server *server, int error);
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
