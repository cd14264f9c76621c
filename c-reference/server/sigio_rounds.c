/*
 * The turns of the signal-driven server: each socket that signals name has one turn in a round, however many signals
 * it has caused.
 *
 * The sockets of a round are in a list, in the order in which they were first named. A socket that is not drained
 * after its turn is put at the end of the signal queue, and so into a later round.
 */
#define _GNU_SOURCE
#include "sigio_rounds.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "signals.h"

/* A round in which nobody has a turn yet. */
struct round new_round(void)
{
    return (struct round){.first = -1};
}

/*
 * poll() and sigqueue(): if the socket is ready, whatever its signals say, it has another turn in a later round. If
 * the queue is full, all sockets have one.
 */
void requeue_if_ready(int sock, short events)
{
    struct pollfd entry = {.fd = sock, .events = events};
    sigval_t value = {.sival_ptr = (void *)(intptr_t)sock};

    if (poll(&entry, 1, 0) != 0 && sigqueue(getpid(), SIGRTMIN, value) < 0)
        kill(getpid(), SIGIO);
}

/* Accepts as many connections as signals have announced. */
static void accept_clients(struct server *server, int clients, bool may_have_missed)
{
    int sock;

    for (int taken = 0; taken < clients && can_accept(server); taken++) {
        if (taken == MAX_ACCEPTS || (sock = accept_connection(server)) < 0) {
            may_have_missed = true;
            break;
        }

        if (enable_sigio(sock, SIGRTMIN) < 0)
            reset_connection(server, sock, "fcntl", errno);
        else
            requeue_if_ready(sock, POLLIN);
    }

    if (may_have_missed && can_accept(server))
        requeue_if_ready(server->listener, POLLIN);
}

/* Serves a connection, unless it is closed by now: a signal can be older than that. */
static void serve_if_open(struct server *server, int sock, bool may_have_missed)
{
    int wanted;

    if (!is_open(server, sock))
        return;

    /* What arrived while it waited to send has used up its signals. */
    if (has_pending(server, sock))
        may_have_missed = true;

    wanted = serve(server, sock);

    /* It may be writable already, if send() failed for another reason than a full send buffer. */
    if (wanted == WANT_WRITE)
        requeue_if_ready(sock, POLLOUT);
    else if (wanted == YIELD || (wanted == WANT_READ && may_have_missed))
        requeue_if_ready(sock, POLLIN);
}

/* Notes that a connection is waiting. */
void schedule_accept(struct round *round, bool may_have_missed)
{
    round->clients++;
    round->may_have_missed = round->may_have_missed || may_have_missed;
}

/* Gives a connection a turn in this round. If there is no memory for that, serves it at once. */
void schedule(struct server *server, struct round *round, int sock, bool may_have_missed)
{
    struct turn *table, *turn;
    int capacity = server->capacity;

    if (!is_open(server, sock))
        return;

    if (round->capacity < capacity) {
        if ((table = grow_array(round->table, sizeof(*table), round->capacity, capacity)) == NULL) {
            serve_if_open(server, sock, true);
            return;
        }

        round->table = table;
        round->capacity = capacity;
    }

    turn = &round->table[sock];
    /* Of two signals, one may be for data and one for the end of file, and a single recv() does not return both. */
    turn->may_have_missed = turn->may_have_missed || may_have_missed || turn->scheduled;

    if (turn->scheduled)
        return;

    turn->scheduled = true;
    turn->next = -1;

    if (round->first < 0)
        round->first = sock;
    else
        round->table[round->last].next = sock;

    round->last = sock;
}

/* Gives all sockets a turn, since nobody knows which of them have lost a signal. */
void schedule_all(struct server *server, struct round *round)
{
    schedule_accept(round, true);

    for (int sock = 0; sock < server->capacity; sock++)
        schedule(server, round, sock, true);
}

/* Serves the connections that have a turn, and accepts those that are waiting. */
void run_round(struct server *server, struct round *round, bool urgent)
{
    struct turn *turn;
    bool may_have_missed;
    int sock;

    while ((sock = round->first) >= 0) {
        turn = &round->table[sock];
        may_have_missed = turn->may_have_missed || urgent;
        turn->scheduled = false;
        turn->may_have_missed = false;
        round->first = turn->next;
        serve_if_open(server, sock, may_have_missed);
    }

    accept_clients(server, round->clients, round->may_have_missed);
    round->clients = 0;
    round->may_have_missed = false;
}
