#ifndef SERVER_H
#define SERVER_H

#include <netinet/in.h>
#include <signal.h>
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
    bool led;
    /* Where a worker tells the first process that it is ready, or −1. */
    int ready;
};

struct settings read_settings(const char *program, const char *usage, const char *letters, int argc, char *argv[]);
void raise_descriptor_limit(const char *program);
int listen_on(const char *program, const struct settings *settings, long number, int flags);
int start_listening(const char *program, struct settings *settings, sigset_t *signals, int flags);
void announce(const char *program, struct settings *settings);
void keep_back_signals(const char *program, sigset_t *signals);
void block_signals(const char *program, const sigset_t *signals);
void take_as_one(void);
void end_with(pid_t parent);
int open_signals(const char *program, const sigset_t *signals);
int drive_by_signals(int sock, int number);
void set_timer(const char *program, long milliseconds);

#endif
