/*
 * What a server takes over from whoever started it: nothing that could harm it later.
 *
 * A process inherits much over exec(): which descriptors are open, which signals are ignored and which are kept
 * back, timers that run. A server that relies on what is usual can then be ended by somebody else's alarm, send
 * its messages to a client, or never be ended at all.
 */
#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "explain.h"

/*
 * Has what is written to a standard stream be lost where its reader has no room for it, or is gone: a server does not
 * wait for its log. A pipe or terminal is opened anew, so that nobody else who has it open notices.
 */
static void never_wait_for(int descriptor, const char *path)
{
    struct stat status;
    int opened;

    if (fstat(descriptor, &status) < 0)
        return;

    if ((status.st_mode & S_IFMT) == S_IFIFO || (status.st_mode & S_IFMT) == S_IFCHR) {
        if ((opened = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY)) >= 0) {
            dup2(opened, descriptor);
            close(opened);
            return;
        }
    }

    /* A socket cannot be opened, nor another user's pipe. A terminal stays as it is: others type there. */
    if ((status.st_mode & S_IFMT) == S_IFIFO || (status.st_mode & S_IFMT) == S_IFSOCK)
        fcntl(descriptor, F_SETFL, O_NONBLOCK);
}

/* Makes the process what it would be if it had been started in the usual way. Comes before all else. */
void inherit_nothing(const char *program)
{
    const int timers[3] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    const int heard[3] = {SIGTERM, SIGINT, SIGCHLD};
    const int ignored[6] = {SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGXFSZ, SIGTTOU};
    struct itimerval none;
    struct stat status;
    sigset_t signals;

    /* Without this a socket could get the number of a standard stream, and a client what is said there. */
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fstat(descriptor, &status) < 0 && open("/dev/null", O_RDWR) < 0)
            fail(program, "open", errno);

    never_wait_for(1, "/proc/self/fd/1");
    never_wait_for(2, "/proc/self/fd/2");

    /* Timers that run would go off here. */
    memset(&none, 0, sizeof(none));

    for (int i = 0; i < 3; i++)
        setitimer(timers[i], &none, NULL);

    /* Children whose end is not told cannot be waited for, and a request to end must not go unheard. */
    for (int i = 0; i < 3; i++)
        signal(heard[i], SIG_DFL);

    /* A log that is gone, full or of a terminal in use by others must not end or stop the server. */
    for (int i = 0; i < 6; i++)
        signal(ignored[i], SIG_IGN);

    sigemptyset(&signals);

    if (sigprocmask(SIG_SETMASK, &signals, NULL) < 0)
        fail(program, "sigprocmask", errno);
}
