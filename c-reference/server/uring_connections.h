#ifndef URING_CONNECTIONS_H
#define URING_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "connections.h"
#include "uring.h"

/* The requests of a connection, and its state. */
struct stream {
    /* The next connection that waits for buffers. */
    int next;
    /* The list of buffers to be sent: the first one and the last one. */
    uint8_t first;
    uint8_t last;
    bool receiving;
    bool cancelled;
    bool waiting;
    /* Whether it has waited, and is to receive one piece only. */
    bool once;
    bool sending;
    bool ended;
    bool failed;
};

/* What a buffer holds, and the next one in the list. */
struct piece {
    uint32_t length;
    uint8_t next;
};

/* The state of the server. */
struct streams {
    /* What it has in common with other servers. */
    struct server server;
    /* The rings. */
    struct uring uring;
    struct stream *table;
    int capacity;
    int first_waiting;
    int last_waiting;
    struct piece pieces[BUFFER_COUNT];
};

struct streams new_streams(struct server server);
void on_accept(struct streams *streams, int result);
void on_recv(struct streams *streams, int sock, int result, uint32_t flags);
void on_send(struct streams *streams, int sock, int result);
void resume_waiting(struct streams *streams);
void uring_on_signal(struct streams *streams, int number);

#endif
