#ifndef START_H
#define START_H

#include <netinet/in.h>
#include <stdbool.h>

/* What the command line says. */
struct settings {
    /* The port to listen on; with 0 the kernel chooses one. */
    in_port_t port;
    /* -l, the address to listen on; with INADDR_ANY, every address of this machine. */
    struct in_addr address;
    /* -b, in microseconds. */
    long busy_poll;
    /* -w; without workers 0: this process serves. */
    long workers;
    /* Whether this process is a worker. */
    bool is_worker;
    /* The pipe on which a worker tells its parent that it is ready, or −1. */
    int ready_pipe;
};

/* The most workers that a server may have. */
#define MAX_WORKERS 64

void reset_inherited_state(const char *program);
struct settings read_settings(const char *program, const char *usage, const char *letters, int argc, char *argv[]);
void raise_descriptor_limit(const char *program);
int listen_on(const char *program, const struct settings *settings, long number, int flags);
void announce_ready(const char *program, struct settings *settings);

#endif
