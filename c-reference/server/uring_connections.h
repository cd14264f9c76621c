#ifndef URING_CONNECTIONS_H
#define URING_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "connections.h"
#include "uring.h"

/* What the kernel is asked to do for a connection, and what is known of it. */
struct stream {
    /* The next one in the line of those that wait for buffers. */
    int next;
    /* Buffers with what was received, from the one that is sent first to the last. */
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

/* What a buffer holds, and which one comes after it. */
struct piece {
    uint32_t length;
    uint8_t next;
};

/* The state of the server. */
struct streams {
    /* What it has in common with other servers. */
    struct server server;
    /* The queues. */
    struct uring uring;
    struct stream *table;
    int capacity;
    int first_waiting;
    int last_waiting;
    struct piece pieces[BUFFER_COUNT];
};

struct streams new_streams(struct server server);
void on_accept(struct streams *streams, int result);
void received(struct streams *streams, int sock, int result, uint32_t flags);
void sent(struct streams *streams, int sock, int result);
void resume_waiting(struct streams *streams);
void on_signal(struct streams *streams, int number);

#endif
