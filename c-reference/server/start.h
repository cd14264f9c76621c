#ifndef START_H
#define START_H

#include <netinet/in.h>
#include <stdbool.h>

/* What the options and the one argument say. */
struct settings {
    /* The port to listen on; 0: one that the kernel chooses. */
    in_port_t port;
    /* -b, in microseconds. */
    long busy_poll;
    /* -w; 0: the process itself serves. */
    long workers;
    /* Whether this process is a worker. */
    bool is_worker;
    /* Where a worker tells the first process that it is ready, or −1. */
    int ready;
};

/* The most workers that a server may have. */
#define MAX_WORKERS 64

void reset_inherited_state(const char *program);
struct settings read_settings(const char *program, const char *usage, const char *letters, int argc, char *argv[]);
void raise_descriptor_limit(const char *program);
int listen_on(const char *program, const struct settings *settings, long number, int flags);
void announce_ready(const char *program, struct settings *settings);

#endif
