/*
 * Echo server, signal-driven: the kernel sends a signal for everything that happens on a socket.
 *
 * The tutorial's signal-driven model (lines 671 to the end). Each socket is given an owner and a signal, once.
 * From then on nobody asks which socket is ready: the signal says so, and waits in a queue until it is taken.
 * It is a real-time signal, so that each event is queued as one signal of its own and tells the descriptor;
 * SIGIO, which comes otherwise, tells none.
 *
 * A client that sends much causes many signals. So all that wait in the queue are taken before any socket is
 * served, and then each that they tell of has one turn: nobody waits longer than one turn of each of the others.
 *
 * A signal tells that something has come, not that something is there. So what no signal tells of must be
 * looked for: what came before a socket had its owner, while accept() rested, or while a connection waited to
 * send; and what is left after a turn. Such a socket is put at the end of the queue with a signal of our own.
 * The queue has a limit (RLIMIT_SIGPENDING). When it is full the kernel sends SIGIO, and all sockets are asked.
 *
 * Call: `echo_server_sigio PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_sigio"
#define USAGE "./echo_server_sigio PORT"

/* One entry of the table, which has one for each descriptor: whether the connection has a turn, and who is the next. */
struct turn {
    int next;
    bool told;
    /* Whether more may be there than the signals tell of. */
    bool may_have_missed;
};

/* Those that have a turn in this round, each once, however many signals tell of it. */
struct round {
    struct turn *table;
    int capacity;
    int first;
    int last;
    /* How many clients wait, and whether more may. */
    int clients;
    bool may_have_missed;
};

/*
 * poll(): if the socket is ready, whatever the signals have told, it has another turn in the next round. If the queue
 * is full, all have one.
 */
static void requeue_if_ready(int sock, short events)
{
    struct pollfd entry = {.fd = sock, .events = events};
    sigval_t value = {.sival_ptr = (void *)(intptr_t)sock};

    if (poll(&entry, 1, 0) != 0 && sigqueue(getpid(), SIGRTMIN, value) < 0)
        kill(getpid(), SIGIO);
}

/* Takes connections: as many as signals tell of. */
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

/* Serves a connection, if it is still there: a signal can be older than the end of its socket. */
static void serve_if_open(struct server *server, int sock, bool may_have_missed)
{
    int wanted;

    if (!is_open(server, sock))
        return;

    /* What came while it waited to send has used up its signals. */
    if (has_pending(server, sock))
        may_have_missed = true;

    wanted = serve(server, sock);

    /* There is room already if it was not for want of room that nothing was sent. */
    if (wanted == WANT_WRITE)
        requeue_if_ready(sock, POLLOUT);
    else if (wanted == YIELD || (wanted == WANT_READ && may_have_missed))
        requeue_if_ready(sock, POLLIN);
}

/* realloc(): gives a connection its turn in this round. Without memory it has it at once. */
static void schedule(struct server *server, struct round *round, int sock, bool may_have_missed)
{
    struct turn *table, *turn;
    int capacity = server->capacity;

    if (!is_open(server, sock))
        return;

    if (round->capacity < capacity) {
        if ((table = realloc(round->table, capacity * sizeof(*table))) == NULL) {
            serve_if_open(server, sock, true);
            return;
        }

        memset(table + round->capacity, 0, (capacity - round->capacity) * sizeof(*table));
        round->table = table;
        round->capacity = capacity;
    }

    turn = &round->table[sock];
    /* Of two signals the first may tell of bytes and the second of the end, which one recv() does not bring. */
    turn->may_have_missed = turn->may_have_missed || may_have_missed || turn->told;

    if (turn->told)
        return;

    turn->told = true;
    turn->next = -1;

    if (round->first < 0)
        round->first = sock;
    else
        round->table[round->last].next = sock;

    round->last = sock;
}

/* Gives everybody a turn, since nobody knows of which sockets there was no signal. */
static void schedule_all(struct server *server, struct round *round)
{
    round->clients++;
    round->may_have_missed = true;

    for (int sock = 0; sock < server->capacity; sock++)
        schedule(server, round, sock, true);
}

/* Serves those that have a turn, and takes the clients that wait. */
static void run_round(struct server *server, struct round *round, bool urgent)
{
    struct turn *turn;
    bool may_have_missed;
    int sock;

    while ((sock = round->first) >= 0) {
        turn = &round->table[sock];
        may_have_missed = turn->may_have_missed || urgent;
        turn->told = false;
        turn->may_have_missed = false;
        round->first = turn->next;
        serve_if_open(server, sock, may_have_missed);
    }

    accept_clients(server, round->clients, round->may_have_missed);
    round->clients = 0;
    round->may_have_missed = false;
}

int main(int argc, char *argv[])
{
    const struct timespec at_once = {0, 0};
    struct round round = {.first = -1};
    struct settings settings;
    struct server server;
    sigset_t signals;
    siginfo_t told;
    int listener, number, sock;
    bool listening = false, urgent = false, own;

    /* [1] Take the port, and let signals wait until they are asked for */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:h", argc, argv);
    signals = block_signals(PROGRAM);
    sigaddset(&signals, SIGIO);
    sigaddset(&signals, SIGURG);
    sigaddset(&signals, SIGRTMIN);
    block_set(PROGRAM, &signals);

    /* [2] Listen, and be told by a signal of each connection */
    listener = start_listening(PROGRAM, &settings, &signals, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    announce_ready(PROGRAM, &settings);

    if (enable_sigio(server.listener, SIGRTMIN) < 0)
        fail(PROGRAM, "fcntl", errno);

    while (!server.draining || server.open > 0) {
        /* [3] Look for connections that came when accept() was not to be called: before now, or while it rested */
        if (can_accept(&server) && !listening)
            requeue_if_ready(server.listener, POLLIN);

        listening = can_accept(&server);

        /* [4] Sleep until a signal comes */
        if ((number = sigwaitinfo(&signals, &told)) < 0)
            wait_failed(&server, "sigwaitinfo", errno);

        /* [5] Take it, and then all others that have come: some sockets have many, and others wait behind these */
        while (number > 0) {
            if (number == SIGRTMIN) {
                /* [6] Note the socket that it tells of. It may be our own signal, for the next turn */
                own = told.si_code == SI_QUEUE;
                sock = own ? (int)(intptr_t)told.si_ptr : told.si_fd;

                if (sock == server.listener) {
                    round.clients++;
                    round.may_have_missed = round.may_have_missed || own;
                } else {
                    schedule(&server, &round, sock, own);
                }
            } else if (number == SIGIO) {
                /* [7] The queue was full, and nobody knows which sockets the lost signals told of: note all */
                schedule_all(&server, &round);
            } else if (number == SIGURG) {
                /* [8] A recv() stops before an urgent byte. From now on it is not taken to have emptied a socket */
                urgent = true;
                schedule_all(&server, &round);
            } else {
                /* [9] A signal begins the end, which is when the last connection has ended */
                handle_signal(&server, number);
            }

            number = sigtimedwait(&signals, &told, &at_once);
        }

        /* [10] Serve each socket that was noted, once */
        run_round(&server, &round, urgent);
    }

    exit(0);
}
