#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>

void keep_back_signals(const char *program, sigset_t *signals);
void block_signals(const char *program, const sigset_t *signals);
void take_as_one(void);
int open_signals(const char *program, const sigset_t *signals);
int drive_by_signals(int sock, int number);
void set_timer(const char *program, long milliseconds);

#endif
