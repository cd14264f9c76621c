/*
 * Several processes that serve the same port (`-w`), and their parent, which supervises them.
 *
 * The parent opens a listening socket for each worker and forks the workers; only they accept connections.
 *
 * A request to shut down may reach one process or all of them (Ctrl-C, a service manager), in any order. So a worker
 * takes any number of them for one, and only the parent tells the second request from the first.
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

/* How long the parent waits before it replaces a worker that was killed, in nanoseconds. */
#define RESPAWN_DELAY_NS 100000000

/* What the parent knows of its workers. */
struct workers {
    long count;
    pid_t parent;
    /* Whether one of them has failed. */
    bool failed;
    /* The socket of each worker, or −1. The parent keeps them open for workers that replace others. */
    int listeners[MAX_WORKERS];
};

/* The process IDs of the workers; 0 where one has exited. */
static volatile pid_t pids[MAX_WORKERS];

/* prctl(): has SIGTERM sent to this process when its parent exits, or at once if it is gone already. */
void exit_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);

    if (getppid() != parent)
        kill(getpid(), SIGTERM);
}

/* fork(): starts a worker, which keeps no listening socket but its own. Returns true in the worker. */
static bool fork_worker(const char *program, struct workers *workers, long number)
{
    if ((pids[number] = fork()) < 0)
        explain_errno(program, "fork", errno);

    if (pids[number] != 0)
        return false;

    exit_with_parent(workers->parent);

    for (long i = 0; i < workers->count; i++)
        if (i != number && workers->listeners[i] >= 0)
            close(workers->listeners[i]);

    return true;
}

/* close(): new connections now go to the other workers, or are refused if there are none. */
static void close_listener(struct workers *workers, long number)
{
    if (workers->listeners[number] >= 0)
        close(workers->listeners[number]);

    workers->listeners[number] = -1;
}

/* kill(): handles the second request to shut down: all workers exit at once. */
static void on_second_request(int number)
{
    (void)number;

    for (int i = 0; i < MAX_WORKERS; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGUSR2);
}

/* Shuts the workers down, and exits once all have: with 1 if one has failed. */
static _Noreturn void stop_workers(const char *program, struct workers *workers, const sigset_t *signals)
{
    const int numbers[3] = {SIGTERM, SIGINT, SIGUSR2};
    pid_t exited;
    int status;

    for (long i = 0; i < workers->count; i++) {
        close_listener(workers, i);

        if (pids[i] > 0)
            kill(pids[i], SIGTERM);
    }

    for (int i = 0; i < 3; i++)
        signal(numbers[i], on_second_request);

    if (sigprocmask(SIG_UNBLOCK, signals, NULL) < 0)
        fail(program, "sigprocmask", errno);

    for (long i = 0; i < workers->count; i++) {
        status = 0;

        while (pids[i] > 0) {
            exited = waitpid(pids[i], &status, 0);

            if (exited >= 0 || errno != EINTR)
                break;
        }

        pids[i] = 0;
        workers->failed = workers->failed || status != 0;
    }

    exit(workers->failed ? 1 : 0);
}

/* waitpid(): if a worker has exited, reports it, and replaces it if it was killed. Returns true in the new worker. */
static bool reap_worker(const char *program, struct workers *workers, long number)
{
    const struct timespec delay = {0, RESPAWN_DELAY_NS};
    pid_t worker = pids[number];
    int status;

    if (worker <= 0 || waitpid(worker, &status, WNOHANG) != worker)
        return false;

    pids[number] = 0;

    if (WIFSIGNALED(status)) {
        fprintf(stderr, "%s: worker %d was killed by signal %d: replacing it\n", program, worker, WTERMSIG(status));
        /* If the new one is killed, too, this keeps the log from filling up. */
        nanosleep(&delay, NULL);

        if (fork_worker(program, workers, number))
            return true;

        if (pids[number] > 0)
            return false;
    } else {
        fprintf(stderr, "%s: worker %d exited with %d: not replaced\n", program, worker, WEXITSTATUS(status));
    }

    workers->failed = workers->failed || status != 0;
    close_listener(workers, number);
    return false;
}

/*
 * sigwaitinfo(): waits until all workers have exited or a shutdown is requested, and then stops the server. Returns
 * only in a worker that replaces another one, with its number.
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

    /* A repeated signal must not count as the second request, which only this process passes on to the workers. */
    if (left > 0)
        coalesce_requests();

    stop_workers(program, workers, signals);
}

/* Starts the workers, and announces the server once all are ready. Returns only in a worker, with its number. */
static long start_workers(const char *program, struct workers *workers, struct settings *settings,
                          const sigset_t *signals)
{
    int ready_pipe[2];
    char byte;

    if (pipe2(ready_pipe, O_CLOEXEC) < 0)
        fail(program, "pipe2", errno);

    for (long i = 0; i < workers->count && !workers->failed; i++) {
        if (fork_worker(program, workers, i)) {
            close(ready_pipe[0]);
            settings->ready_pipe = ready_pipe[1];
            return i;
        }

        workers->failed = pids[i] < 0;
    }

    close(ready_pipe[1]);

    /* A worker that fails says why. Once it has exited, the pipe is at its end, one byte short. Even if the last one
       could not be made, the others are waited for, so that they are all at the same point when they are stopped. */
    for (long i = 0; i < workers->count && pids[i] > 0; i++)
        workers->failed = read(ready_pipe[0], &byte, 1) != 1 || workers->failed;

    close(ready_pipe[0]);

    if (workers->failed)
        stop_workers(program, workers, signals);

    announce_ready(program, settings);
    return supervise(program, workers, signals);
}

/*
 * Returns the listening socket. With workers it returns in each of them, with a socket of its own: the kernel
 * distributes the connections among the sockets of a port. In the parent, which only supervises them, it does not
 * return.
 */
int start_listening(const char *program, struct settings *settings, sigset_t *signals, int flags)
{
    struct workers workers = {.count = settings->workers, .parent = getpid()};
    sigset_t children;
    long number = 0;

    raise_descriptor_limit(program);

    /* All sockets listen before a worker starts, so that none misses a connection. */
    do {
        workers.listeners[number] = listen_on(program, settings, number, flags);

        if (settings->port == 0)
            settings->port = ntohs(own_address(program, workers.listeners[number]).sin_port);

        number++;
    } while (number < settings->workers);

    if (settings->workers == 0)
        return workers.listeners[0];

    /* SIGUSR2 makes a worker exit at once. SIGCHLD notifies the parent that one has exited. */
    sigaddset(signals, SIGUSR2);
    block_set(program, signals);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    block_set(program, &children);
    number = start_workers(program, &workers, settings, signals);
    settings->is_worker = true;
    return workers.listeners[number];
}
