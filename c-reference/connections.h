#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* What a connection waits for once it is served: nothing, because it is gone; to receive; to send; its next turn. */
#define GONE 0
#define TO_RECEIVE 1
#define TO_SEND 2
#define NEXT_TURN 3

/* What was received and could not be sent yet: `length` bytes, of which `sent` are on their way. */
struct pending {
    size_t length;
    size_t sent;
    char bytes[];
};

/* One entry for each descriptor. */
struct connection {
    struct pending *pending;
    bool open;
};

struct server {
    const char *program;
    int listener;
    struct connection *connections;
    int capacity;
    int open;
    bool resting;
    bool finishing;
    char *buffer;
    long busy_poll;
    struct timespec last_ready;
};

struct server new_server(const char *program, int listener);
int accept_connection(struct server *server);
int patience(struct server *server, int ready);
bool accepting(const struct server *server);
int serve(struct server *server, int sock);
void drop(struct server *server, int sock, const char *call, int error);
void read_signal(struct server *server, int signals);
void obey_signal(struct server *server, int number);

#endif
