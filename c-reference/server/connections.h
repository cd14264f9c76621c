#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What a connection waits for once it is served: nothing, because it is over. */
#define GONE 0
/* Until it can receive. */
#define TO_RECEIVE 1
/* Until it can send. */
#define TO_SEND 2
/* For its next turn: more is there already, but others come first. */
#define NEXT_TURN 3

/* What a signal asks for: nothing. */
#define GO_ON 0
/* That the end begins. */
#define FINISH 1
/* That it is completed at once. */
#define ABANDON 2

/* How many connections are taken in one turn, at most: then those that are there have theirs. */
#define MOST_ACCEPTED 64

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
    bool resting;
    int shortage;
    /* How many rests have passed since it failed. */
    int calm;
    /* The last error of a call that waits or asks. */
    int wait_error;
    /* Whether the process is a worker. */
    bool led;
    /* Whether the end has begun. */
    bool finishing;
    char *buffer;
    /* For how many microseconds the server polls busily. */
    long busy_poll;
    struct timespec last_ready;
};

struct server new_server(const char *program, int listener);
void accept_failed(struct server *server, int error);
bool add_connection(struct server *server, int sock);
int accept_connection(struct server *server);
int patience(struct server *server, int ready);
bool is_open(const struct server *server, int sock);
bool is_sending(const struct server *server, int sock);
bool accepting(const struct server *server);
void wait_failed(struct server *server, const char *call, int error);
int serve(struct server *server, int sock);
void close_connection(struct server *server, int sock);
bool next_may_come(int error);
void reset_on_close(const char *program, int sock, const char *call, int error);
void reset_connection(struct server *server, int sock, const char *call, int error);
bool count_received(struct server *server, int sock, size_t length);
int is_all(int sock, uint64_t received);
bool finish_connection(struct server *server, int sock);
void abandon_connection(struct server *server, int sock, const char *call);
void stop_accepting(struct server *server);
int asked_for(struct server *server, int number);
int take_signal(struct server *server, int signals);
void read_signal(struct server *server, int signals);
void obey_signal(struct server *server, int number);

#endif
