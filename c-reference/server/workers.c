/*
 * Several processes that serve at one port, with `-w`, and the first process, which looks after them.
 *
 * A server listens once for each worker, makes the workers, and only they serve.
 *
 * A request to end may reach one process only or all of them, by Ctrl-C or from a service manager, and in any order.
 * So a worker takes any number of them for one, and only the first process tells the second request from the first.
 */
#define _GNU_SOURCE
#include "workers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/explain.h"
#include "../common/loopback.h"
#include "signals.h"

/* How long it takes until a worker that was killed is replaced, in nanoseconds. */
#define RESPAWN_DELAY_NS 100000000

/* What the first process knows of its workers. */
struct workers {
    long count;
    pid_t first;
    /* Whether one of them has failed. */
    bool failed;
    /* −1 where a socket is closed. The first process has them for workers to come. */
    int listeners[MAX_WORKERS];
};

/* The workers; 0 where one has ended. */
static volatile pid_t pids[MAX_WORKERS];

/* prctl(): tells this process by SIGTERM when its parent has ended. If that one is gone already, it tells itself. */
void exit_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);

    if (getppid() != parent)
        kill(getpid(), SIGTERM);
}

/* fork(): makes a worker, and returns true in it. Of the listening sockets it keeps its own alone. */
static bool fork_worker(const char *program, struct workers *workers, long number)
{
    if ((pids[number] = fork()) < 0)
        explain_errno(program, "fork", errno);

    if (pids[number] != 0)
        return false;

    exit_with_parent(workers->first);

    for (long i = 0; i < workers->count; i++)
        if (i != number && workers->listeners[i] >= 0)
            close(workers->listeners[i]);

    return true;
}

/* close(): what connects to this worker from now on goes to the others, or is refused if there are none. */
static void close_listener(struct workers *workers, long number)
{
    if (workers->listeners[number] >= 0)
        close(workers->listeners[number]);

    workers->listeners[number] = -1;
}

/* kill(): takes the second request, and has all workers end at once. */
static void on_second_request(int number)
{
    (void)number;

    for (int i = 0; i < MAX_WORKERS; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGUSR2);
}

/* Ends the workers, and with the last of them itself: with 1 if one has failed. */
static _Noreturn void stop_workers(const char *program, struct workers *workers, const sigset_t *signals)
{
    pid_t ended;
    int status;

    for (long i = 0; i < workers->count; i++) {
        close_listener(workers, i);

        if (pids[i] > 0)
            kill(pids[i], SIGTERM);
    }

    signal(SIGTERM, on_second_request);
    signal(SIGINT, on_second_request);
    signal(SIGUSR2, on_second_request);

    if (sigprocmask(SIG_UNBLOCK, signals, NULL) < 0)
        fail(program, "sigprocmask", errno);

    for (long i = 0; i < workers->count; i++) {
        status = 0;

        while (pids[i] > 0) {
            ended = waitpid(pids[i], &status, 0);

            if (ended >= 0 || errno != EINTR)
                break;
        }

        pids[i] = 0;
        workers->failed = workers->failed || status != 0;
    }

    exit(workers->failed ? 1 : 0);
}

/* waitpid(): if this worker has ended, says so, and makes another one if it was killed. Returns true in that one. */
static bool reap_worker(const char *program, struct workers *workers, long number)
{
    const struct timespec rest = {0, RESPAWN_DELAY_NS};
    pid_t worker = pids[number];
    int status;

    if (worker <= 0 || waitpid(worker, &status, WNOHANG) != worker)
        return false;

    pids[number] = 0;

    if (WIFSIGNALED(status)) {
        fprintf(stderr, "%s: worker %d was killed by signal %d, and another one takes its place\n", program, worker,
                WTERMSIG(status));
        /* If that one is killed, too, the log is not filled. */
        nanosleep(&rest, NULL);

        if (fork_worker(program, workers, number))
            return true;

        if (pids[number] > 0)
            return false;
    } else {
        fprintf(stderr, "%s: worker %d has ended with %d, and the others go on\n", program, worker,
                WEXITSTATUS(status));
    }

    workers->failed = workers->failed || status != 0;
    close_listener(workers, number);
    return false;
}

/*
 * Looks after the workers until all have ended, or are to end. Returns only in a worker that has taken the place of
 * another one, with its number.
 */
static long supervise(const char *program, struct workers *workers, const sigset_t *signals)
{
    sigset_t awaited = *signals;
    int number = SIGCHLD;
    long left = workers->count;

    sigaddset(&awaited, SIGCHLD);

    while (left > 0 && (number < 0 || number == SIGCHLD || number == SIGALRM)) {
        if ((number = sigwaitinfo(&awaited, NULL)) != SIGCHLD)
            continue;

        left = 0;

        /* One SIGCHLD may stand for several workers. */
        for (long i = 0; i < workers->count; i++) {
            if (reap_worker(program, workers, i))
                return i;

            left += pids[i] > 0;
        }
    }

    /* A worker hears of the end from anybody, but that it is to end at once only from this process. */
    if (left > 0)
        coalesce_requests();

    stop_workers(program, workers, signals);
}

/* Makes the workers, and announces the server once each of them is ready. Returns only in a worker, with its number. */
static long start_workers(const char *program, struct workers *workers, struct settings *settings, const sigset_t *signals)
{
    int ready[2];
    char byte;

    if (pipe2(ready, O_CLOEXEC) < 0)
        fail(program, "pipe2", errno);

    for (long i = 0; i < workers->count && !workers->failed; i++) {
        if (fork_worker(program, workers, i)) {
            close(ready[0]);
            settings->ready = ready[1];
            return i;
        }

        workers->failed = pids[i] < 0;
    }

    close(ready[1]);

    /* One that cannot serve has said why. When it ends, the pipe does so for want of its byte. */
    for (long i = 0; i < workers->count && !workers->failed; i++)
        workers->failed = read(ready[0], &byte, 1) != 1;

    close(ready[0]);

    if (workers->failed)
        stop_workers(program, workers, signals);

    announce_ready(program, settings);
    return supervise(program, workers, signals);
}

/*
 * Returns the listening socket. With workers it returns in each of them, with a socket of its own, since the kernel
 * shares the connections out among the sockets of a port; the first process only looks after them.
 */
int start_listening(const char *program, struct settings *settings, sigset_t *signals, int flags)
{
    struct workers workers = {.count = settings->workers, .first = getpid()};
    sigset_t children;
    long number = 0;

    raise_descriptor_limit(program);

    /* All of them listen before there are workers, so that none misses a connection. */
    do {
        workers.listeners[number] = listen_on(program, settings, number, flags);

        if (settings->port == 0)
            settings->port = ntohs(own_address(program, workers.listeners[number]).sin_port);

        number++;
    } while (number < settings->workers);

    if (settings->workers == 0)
        return workers.listeners[0];

    /* SIGUSR2 tells a worker to end at once, and SIGCHLD the first process that one has ended. */
    sigaddset(signals, SIGUSR2);
    block_set(program, signals);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    block_set(program, &children);
    number = start_workers(program, &workers, settings, signals);
    settings->is_worker = true;
    return workers.listeners[number];
}
