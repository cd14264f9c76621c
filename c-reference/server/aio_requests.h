#ifndef AIO_REQUESTS_H
#define AIO_REQUESTS_H

#include <aio.h>
#include <stdbool.h>
#include <stddef.h>

#include "connections.h"

/* How many bytes are read at once, at most. */
#define BUFFER_SIZE 65536

/* A connection's request, and what was read and is to be written: `length` bytes, of which `sent` are written. */
struct exchange {
    struct exchange *next;
    int sock;
    struct aiocb request;
    size_t length;
    size_t sent;
    char bytes[BUFFER_SIZE];
};

/* The state of the server. */
struct exchanges {
    /* What it has in common with other servers. */
    struct server server;
    /* A list with one exchange for each connection. */
    struct exchange *first;
    /* How long accept() is paused until the threads are counted again, in milliseconds. */
    long thread_wait;
};

struct exchanges new_exchanges(struct server server);
void start_exchange(struct exchanges *exchanges, int sock);
bool lacks_threads(const struct exchanges *exchanges);
void wait_for_thread(struct exchanges *exchanges);
void wait_longer_for_thread(struct exchanges *exchanges);
void reap_completions(struct exchanges *exchanges);
void aio_on_signal(struct exchanges *exchanges, int number);

#endif
