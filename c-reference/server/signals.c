/*
 * What the servers do alike with signals.
 *
 * A server is told by signals what does not come from a socket, and keeps them back, so that none arrives
 * in the middle of something else. SIGTERM, SIGINT and SIGHUP ask it to end. SIGALRM is its own timer.
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

/* How long it takes until a request to end counts as another one, in nanoseconds. */
#define COALESCE_NS 30000000

/* sigprocmask(): from now on these signals come only when they are asked for. */
void block_set(const char *program, const sigset_t *signals)
{
    if (sigprocmask(SIG_BLOCK, signals, NULL) < 0)
        fail(program, "sigprocmask", errno);
}

/* Keeps back those that every server is told by, and leaves them in the set. */
sigset_t block_signals(const char *program)
{
    const int numbers[3] = {SIGTERM, SIGINT, SIGALRM};
    sigset_t signals;

    sigemptyset(&signals);

    for (int i = 0; i < 3; i++)
        sigaddset(&signals, numbers[i]);

    /* The terminal is gone, which ends a server like the others; but not if it was started by nohup. */
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN)
        sigaddset(&signals, SIGHUP);

    block_set(program, &signals);
    return signals;
}

/*
 * nanosleep() and sigtimedwait(): takes what asks for the end once more at the same moment for the same request.
 * timeout(1) sends its signal to a process and then to the group that it is in. SIGALRM is that of an older timer.
 */
void coalesce_requests(void)
{
    const struct timespec moment = {0, COALESCE_NS}, none = {0, 0};
    const int numbers[4] = {SIGTERM, SIGINT, SIGHUP, SIGALRM};
    sigset_t requests;

    sigemptyset(&requests);

    for (int i = 0; i < 4; i++)
        sigaddset(&requests, numbers[i]);

    nanosleep(&moment, NULL);

    while (sigtimedwait(&requests, NULL, &none) > 0)
        continue;
}

/* signalfd(): a descriptor from which the signals are read. */
int open_signalfd(const char *program, const sigset_t *signals)
{
    int descriptor;

    if ((descriptor = signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        fail(program, "signalfd", errno);

    return descriptor;
}

/* fcntl(): from now on this process gets a signal for what happens on the socket, which is non-blocking. */
int enable_sigio(int sock, int number)
{
    if (fcntl(sock, F_SETOWN, getpid()) < 0 || fcntl(sock, F_SETSIG, number) < 0)
        return -1;

    return fcntl(sock, F_SETFL, O_NONBLOCK | O_ASYNC);
}

/* setitimer(): SIGALRM comes after so long. */
void set_timer(const char *program, long milliseconds)
{
    struct itimerval timer;

    memset(&timer, 0, sizeof(timer));
    timer.it_value.tv_sec = milliseconds / 1000;
    timer.it_value.tv_usec = milliseconds % 1000 * 1000;

    if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
        explain_errno(program, "setitimer", errno);
}
