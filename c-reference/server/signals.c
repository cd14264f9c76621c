/*
 * How the servers deal with signals.
 *
 * A server blocks the signals that it handles and takes them where it waits, so that none interrupts it elsewhere.
 * SIGTERM, SIGINT and SIGHUP request a shutdown. SIGALRM is from the server's own timer.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../common/explain.h"

/* Requests to shut down that come within this time count as one, in nanoseconds. */
#define COALESCE_NS 30000000

/* sigprocmask(): blocks these signals: they stay pending until the server takes them. */
void block_set(const char *program, const sigset_t *signals)
{
    if (sigprocmask(SIG_BLOCK, signals, NULL) < 0)
        fail(program, "sigprocmask", errno);
}

/* Blocks the signals that every server handles, and returns their set. */
sigset_t block_signals(const char *program)
{
    const int numbers[3] = {SIGTERM, SIGINT, SIGALRM};
    sigset_t signals;

    sigemptyset(&signals);

    for (int i = 0; i < 3; i++)
        sigaddset(&signals, numbers[i]);

    /* The terminal is gone: a request to shut down, unless nohup has made the server ignore it. */
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN)
        sigaddset(&signals, SIGHUP);

    block_set(program, &signals);
    return signals;
}

/*
 * nanosleep() and sigtimedwait(): discards signals that repeat a request to shut down within a moment. timeout(1), for
 * one, signals the process and then its whole process group. A SIGALRM that is pending is from an earlier timer.
 */
void coalesce_requests(void)
{
    const struct timespec window = {0, COALESCE_NS}, no_wait = {0, 0};
    const int numbers[4] = {SIGTERM, SIGINT, SIGHUP, SIGALRM};
    sigset_t requests;

    sigemptyset(&requests);

    for (int i = 0; i < 4; i++)
        sigaddset(&requests, numbers[i]);

    nanosleep(&window, NULL);

    while (sigtimedwait(&requests, NULL, &no_wait) > 0)
        continue;
}

/* signalfd(): makes a descriptor from which these signals are read. */
int open_signalfd(const char *program, const sigset_t *signals)
{
    int descriptor;

    if ((descriptor = signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        fail(program, "signalfd", errno);

    return descriptor;
}

/* fcntl(): makes a socket non-blocking, and has the kernel send this process a signal for each event on it. */
int enable_sigio(int sock, int number)
{
    if (fcntl(sock, F_SETOWN, getpid()) < 0 || fcntl(sock, F_SETSIG, number) < 0)
        return -1;

    return fcntl(sock, F_SETFL, O_NONBLOCK | O_ASYNC);
}

/* setitimer(): has SIGALRM sent after so many milliseconds. 0 disarms the timer. */
void set_timer(const char *program, long milliseconds)
{
    struct itimerval timer;

    memset(&timer, 0, sizeof(timer));
    timer.it_value.tv_sec = milliseconds / 1000;
    timer.it_value.tv_usec = milliseconds % 1000 * 1000;

    if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
        explain_errno(program, "setitimer", errno);
}
