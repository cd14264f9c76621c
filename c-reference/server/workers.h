#ifndef WORKERS_H
#define WORKERS_H

#include <signal.h>
#include <sys/types.h>

#include "start.h"

void exit_with_parent(pid_t parent);
int start_listening(const char *program, struct settings *settings, sigset_t *signals, int flags);

#endif
