#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

sigset_t block_signals(const char *program);
void block_set(const char *program, const sigset_t *signals);
void coalesce_requests(void);
int open_signalfd(const char *program, const sigset_t *signals);
int enable_sigio(int sock, int number);
void set_timer(const char *program, long milliseconds);

#endif
