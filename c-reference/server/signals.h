#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

void block_signals(const char *program, sigset_t *signals);
void block_set(const char *program, const sigset_t *signals);
void coalesce_requests(void);
int open_signalfd(const char *program, const sigset_t *signals);
int enable_sigio(int sock, int number);
void set_timer(const char *program, long milliseconds);

#endif
