/*
 * How a server starts: the state that it inherits, its command line, and its listening socket.
 *
 * A process inherits much across exec(): open descriptors, ignored and blocked signals, running timers. A server that
 * relies on the usual defaults can be killed by a timer that somebody else has set, send its messages to a client, or
 * be impossible to stop. So it first resets whatever could harm it later.
 *
 * Then it reads options and port, raises its limit of descriptors, listens, and prints on which port, and with -l on
 * which address.
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

/* The length of the accept queue; the kernel limits it further (net.core.somaxconn). */
#define BACKLOG 4096

/*
 * Makes a standard stream non-blocking: a message is lost if its reader is slow or gone, since a server must not wait
 * for its log. A pipe or terminal is opened anew, so that other processes that have it open are not affected.
 */
static void make_nonblocking(int descriptor, const char *path)
{
    struct stat status;
    int reopened;

    if (fstat(descriptor, &status) < 0)
        return;

    if ((status.st_mode & S_IFMT) == S_IFIFO || (status.st_mode & S_IFMT) == S_IFCHR) {
        if ((reopened = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY)) >= 0) {
            dup2(reopened, descriptor);
            close(reopened);
            return;
        }
    }

    /* A socket cannot be opened anew, nor another user's pipe. A terminal is left alone: a shell may read from it. */
    if ((status.st_mode & S_IFMT) == S_IFIFO || (status.st_mode & S_IFMT) == S_IFSOCK)
        fcntl(descriptor, F_SETFL, O_NONBLOCK);
}

/* Resets what the process has inherited to the defaults. To be called before anything else. */
void reset_inherited_state(const char *program)
{
    const int timers[3] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    const int restored[3] = {SIGTERM, SIGINT, SIGCHLD};
    const int ignored[6] = {SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGXFSZ, SIGTTOU};
    struct itimerval disarmed;
    struct stat status;
    sigset_t signals;

    /* Without this a socket could get the number of a standard stream, and a client would get what is printed. */
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fstat(descriptor, &status) < 0 && open("/dev/null", O_RDWR) < 0)
            fail(program, "open", errno);

    make_nonblocking(1, "/proc/self/fd/1");
    make_nonblocking(2, "/proc/self/fd/2");

    /* A timer survives exec(), and its signal would come here. */
    memset(&disarmed, 0, sizeof(disarmed));

    for (int i = 0; i < 3; i++)
        setitimer(timers[i], &disarmed, NULL);

    /* If SIGCHLD is ignored, waitpid() finds no children; if SIGTERM is, the server cannot be stopped. */
    for (int i = 0; i < 3; i++)
        signal(restored[i], SIG_DFL);

    /* The signal of an old timer must not end the server, nor a log that is closed or full, nor a terminal stop it. */
    for (int i = 0; i < 6; i++)
        signal(ignored[i], SIG_IGN);

    sigemptyset(&signals);

    if (sigprocmask(SIG_SETMASK, &signals, NULL) < 0)
        fail(program, "sigprocmask", errno);
}

/* Reads the options that `letters` names, in getopt()'s notation, and the port. */
struct settings read_settings(const char *program, const char *usage, const char *letters, int argc, char *argv[])
{
    struct settings settings = {.address.s_addr = htonl(INADDR_ANY), .ready_pipe = -1};
    char **operands;
    int letter;

    /* For --help; how many arguments there may be depends on the options. */
    check_arguments(program, usage, argc, argv, argc);

    while ((letter = getopt(argc, argv, letters)) != -1) {
        switch (letter) {
        case 'b':
            settings.busy_poll = number_argument(program, usage, "MICROSECONDS", optarg, 10, 0, 1000000);
            break;
        case 'l':
            settings.address = unicast_argument(program, usage, "ADDRESS", optarg);
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

    /* What follows the options is checked as if there were none. */
    operands = argv + optind - 1;
    check_arguments(program, usage, argc - optind + 1, operands, 1);
    settings.port = number_argument(program, usage, "PORT", operands[1], 10, 0, 65535);
    return settings;
}

/* setrlimit(): raises the limit of descriptors as far as allowed. If that fails, the server runs with what it has. */
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
 * socket(), bind() and listen(): listens on the address of -l, or on every one. `flags` are those of the socket, such
 * as SOCK_NONBLOCK. Each worker has a socket of its own; `number` is the worker's, from 0.
 */
int listen_on(const char *program, const struct settings *settings, long number, int flags)
{
    struct sockaddr_in address;
    int listener;

    if ((listener = socket(PF_INET, SOCK_STREAM | flags, IPPROTO_TCP)) < 0)
        fail(program, "socket", errno);

    /* A restart need not wait for old connections in TIME_WAIT. */
    set_option(program, listener, SOL_SOCKET, SO_REUSEADDR, 1);

    if (number > 0)
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);

    /* On Linux a connection inherits these from its listening socket. An echo is sent without delay. */
    set_option(program, listener, IPPROTO_TCP, TCP_NODELAY, 1);
    /* Urgent data is echoed in its place, like all other data. */
    set_option(program, listener, SOL_SOCKET, SO_OOBINLINE, 1);
    /* A client that vanishes without a FIN is detected after two minutes, which frees its descriptor. */
    set_option(program, listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPCNT, 6);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr = settings->address;
    address.sin_port = htons(settings->port);

    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(program, "bind", errno);

    /* Set after bind() on the first socket: bind() fails if the port is in use, even by a server with workers. */
    if (settings->workers > 0 && number == 0)
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);

    if (listen(listener, BACKLOG) < 0)
        fail(program, "listen", errno);

    return listener;
}

/* Announces that the server is ready: a worker to its parent, any other process on stdout. */
void announce_ready(const char *program, struct settings *settings)
{
    if (settings->ready_pipe >= 0) {
        /* The parent may have given up and closed the pipe. */
        if (write(settings->ready_pipe, "", 1) < 0 && errno != EPIPE)
            explain_errno(program, "write", errno);

        close(settings->ready_pipe);
        settings->ready_pipe = -1;
    } else if (!settings->is_worker) {
        if (settings->address.s_addr == htonl(INADDR_ANY))
            printf("Waiting for connections on port %d\n", settings->port);
        else
            printf("Waiting for connections on %s, port %d\n", inet_ntoa(settings->address), settings->port);

        fflush(stdout);
    }
}
