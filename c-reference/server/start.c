/*
 * How a server comes up: what it takes over from whoever started it, its command line, and its listening socket.
 *
 * A process inherits much over exec(): which descriptors are open, which signals are ignored and which are blocked,
 * timers that run. A server that relies on what is usual can then be ended by somebody else's alarm, send its
 * messages to a client, or never be ended at all. So it takes over nothing that could harm it later.
 *
 * A server takes options and a port, raises its limit of descriptors, listens, and says on which port.
 */
#define _GNU_SOURCE
#include "start.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "../common/command_line.h"
#include "../common/explain.h"
#include "../common/loopback.h"

/* How many connections wait for accept() at most; the kernel has a limit of its own (somaxconn). */
#define BACKLOG 4096

/*
 * Has what is written to a standard stream be lost where its reader has no room for it, or is gone: a server does not
 * wait for its log. A pipe or terminal is opened anew, so that nobody else who has it open notices.
 */
static void make_nonblocking(int descriptor, const char *path)
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
void reset_inherited_state(const char *program)
{
    const int timers[3] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    const int restored[3] = {SIGTERM, SIGINT, SIGCHLD};
    const int ignored[6] = {SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGXFSZ, SIGTTOU};
    struct itimerval none;
    struct stat status;
    sigset_t signals;

    /* Without this a socket could get the number of a standard stream, and a client what is said there. */
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fstat(descriptor, &status) < 0 && open("/dev/null", O_RDWR) < 0)
            fail(program, "open", errno);

    make_nonblocking(1, "/proc/self/fd/1");
    make_nonblocking(2, "/proc/self/fd/2");

    /* Timers that run would go off here. */
    memset(&none, 0, sizeof(none));

    for (int i = 0; i < 3; i++)
        setitimer(timers[i], &none, NULL);

    /* Children whose end is not told cannot be waited for, and a request to end must not go unheard. */
    for (int i = 0; i < 3; i++)
        signal(restored[i], SIG_DFL);

    /* A log that is gone, full or of a terminal in use by others must not end or stop the server. */
    for (int i = 0; i < 6; i++)
        signal(ignored[i], SIG_IGN);

    sigemptyset(&signals);

    if (sigprocmask(SIG_SETMASK, &signals, NULL) < 0)
        fail(program, "sigprocmask", errno);
}

/* Takes the options that `letters` names, in getopt's notation, and the port. */
struct settings read_settings(const char *program, const char *usage, const char *letters, int argc, char *argv[])
{
    struct settings settings = {.ready = -1};
    char **operands;
    int letter;

    /* For --help; how many arguments there may be depends on the options. */
    check_arguments(program, usage, argc, argv, argc);

    while ((letter = getopt(argc, argv, letters)) != -1) {
        switch (letter) {
        case 'b':
            settings.busy_poll = number_argument(program, usage, "MICROSECONDS", optarg, 10, 0, 1000000);
            break;
        case 'w':
            settings.workers = number_argument(program, usage, "WORKERS", optarg, 10, 1, MAX_WORKERS);
            break;
        case 'h':
            printf("Usage: %s\n", usage);
            succeed(program);
        case ':':
            fprintf(stderr, "%s: option requires an argument -- '%c'\nUsage: %s\n", program, optopt, usage);
            exit(2);
        default:
            fprintf(stderr, "%s: invalid option -- '%c'\nUsage: %s\n", program, optopt, usage);
            exit(2);
        }
    }

    /* The rest is as if there were no options. */
    operands = argv + optind - 1;
    check_arguments(program, usage, argc - optind + 1, operands, 1);
    settings.port = number_argument(program, usage, "PORT", operands[1], 10, 0, 65535);
    return settings;
}

/* setrlimit(): lets the process have as many descriptors as it may. If it cannot, it serves with those that it has. */
void raise_descriptor_limit(const char *program)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        explain_errno(program, "getrlimit", errno);
        return;
    }

    limit.rlim_cur = limit.rlim_max;

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        explain_errno(program, "setrlimit", errno);
}

/*
 * socket(), bind() and listen(): on every interface. `flags` are those of the socket, as SOCK_NONBLOCK. Of several
 * workers each has a socket, with a number from 0 on.
 */
int listen_on(const char *program, const struct settings *settings, long number, int flags)
{
    struct sockaddr_in address;
    int listener;

    if ((listener = socket(PF_INET, SOCK_STREAM | flags, IPPROTO_TCP)) < 0)
        fail(program, "socket", errno);

    /* A restart need not wait until the old connections are forgotten. */
    set_option(program, listener, SOL_SOCKET, SO_REUSEADDR, 1);

    if (number > 0)
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);

    /* The connections have these from the listening socket, on Linux. Every echo leaves at once. */
    set_option(program, listener, IPPROTO_TCP, TCP_NODELAY, 1);
    /* An urgent byte is one like the others. */
    set_option(program, listener, SOL_SOCKET, SO_OOBINLINE, 1);
    /* A client that is gone without a word does not keep its descriptor: two minutes later it is found out. */
    set_option(program, listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPCNT, 6);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(settings->port);

    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(program, "bind", errno);

    /* The first one gets the port only if nobody has it, another server with workers neither. */
    if (settings->workers > 0 && number == 0)
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);

    if (listen(listener, BACKLOG) < 0)
        fail(program, "listen", errno);

    return listener;
}

/* Says that the server serves: a worker to the first process, and that one, or one that is alone, to everybody. */
void announce_ready(const char *program, struct settings *settings)
{
    if (settings->ready >= 0) {
        /* That one may have given up waiting. */
        if (write(settings->ready, "", 1) < 0 && errno != EPIPE)
            explain_errno(program, "write", errno);

        close(settings->ready);
        settings->ready = -1;
    } else if (!settings->is_worker) {
        printf("Waiting for connections on port %d\n", settings->port);
        fflush(stdout);
    }
}
