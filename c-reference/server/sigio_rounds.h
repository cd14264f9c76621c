#ifndef SIGIO_ROUNDS_H
#define SIGIO_ROUNDS_H

#include <poll.h>
#include <stdbool.h>

#include "connections.h"

/* One entry of the table, which has one for each descriptor: whether the connection has a turn, and who is next. */
struct turn {
    int next;
    bool scheduled;
    /* Whether there may be more to receive than the signals say. */
    bool may_have_missed;
};

/* The connections that have a turn in this round. */
struct round {
    struct turn *table;
    int capacity;
    int first;
    int last;
    /* How many connections are waiting for accept(), and whether there may be more. */
    int clients;
    bool may_have_missed;
};

struct round new_round(void);
void requeue_if_ready(int sock, short events);
void schedule_accept(struct round *round, bool may_have_missed);
void schedule(struct server *server, struct round *round, int sock, bool may_have_missed);
void schedule_all(struct server *server, struct round *round);
void run_round(struct server *server, struct round *round, bool urgent);

#endif
