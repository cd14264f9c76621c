/*
 * What the servers of the I/O models do alike before they come to their model: arguments, socket, signals.
 *
 * A server takes options and a port, raises its limit of descriptors, listens, and says on which port.
 * With `-w` it listens once for each worker, makes the workers, and waits for them: only they serve.
 *
 * A server is told by signals what does not come from a socket, and keeps them back, so that none arrives
 * in the middle of something else. SIGTERM and SIGINT ask it to end. SIGALRM is its own timer.
 */
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command_line.h"
#include "explain.h"
#include "loopback.h"

/* How many connections wait for accept() at most; the kernel has a limit of its own (somaxconn). */
#define BACKLOG 4096
#define MOST_WORKERS 64

/* Takes the options that `letters` names, in getopt's notation, and the port. */
struct settings read_settings(const char *program, const char *usage, const char *letters, int argc, char *argv[])
{
    struct settings settings = {0, 0, 0};
    char **words;
    int letter;

    /* For --help; how many words there may be depends on the options. */
    check_arguments(program, usage, argc, argv, argc);

    while ((letter = getopt(argc, argv, letters)) != -1) {
        switch (letter) {
        case 'b':
            settings.busy_poll = number_argument(program, usage, "MICROSECONDS", optarg, 10, 0, 1000000);
            break;
        case 'w':
            settings.workers = number_argument(program, usage, "WORKERS", optarg, 10, 1, MOST_WORKERS);
            break;
        case 'h':
            printf("Usage: %s\n", usage);
            exit(0);
        default:
            fprintf(stderr, "%s: -%c is no option, or its value is missing\nUsage: %s\n", program, optopt, usage);
            exit(2);
        }
    }

    /* What is left is as if there were no options. */
    words = argv + optind - 1;
    check_arguments(program, usage, argc - optind + 1, words, 1);
    settings.port = number_argument(program, usage, "PORT", words[1], 10, 0, 65535);
    return settings;
}

/* setrlimit(): lets the process have as many descriptors as it may. */
void raise_descriptor_limit(const char *program)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail(program, "getrlimit", errno);

    limit.rlim_cur = limit.rlim_max;

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail(program, "setrlimit", errno);
}

/* socket(), bind() and listen(): on every interface. `flags` are those of the socket, as SOCK_NONBLOCK. */
int listen_on(const char *program, in_port_t port, int flags, bool shared)
{
    struct sockaddr_in address;
    int listener;

    if ((listener = socket(PF_INET, SOCK_STREAM | flags, IPPROTO_TCP)) < 0)
        fail(program, "socket", errno);

    /* A restart need not wait until the old connections are forgotten. */
    set_option(program, listener, SOL_SOCKET, SO_REUSEADDR, 1);

    if (shared)
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);

    /* Every echo leaves at once. On Linux the connections have it from the listening socket. */
    set_option(program, listener, IPPROTO_TCP, TCP_NODELAY, 1);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(port);

    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(program, "bind", errno);

    if (listen(listener, BACKLOG) < 0)
        fail(program, "listen", errno);

    return listener;
}

/* Ends the workers when it is told to, and itself when all have ended: with 1 if one of them has failed. */
static void wait_for_workers(const char *program, pid_t workers[], long count)
{
    sigset_t signals;
    long left = count;
    int number, status, worst = 0;
    pid_t ended;

    keep_back_signals(program, &signals);
    sigaddset(&signals, SIGCHLD);
    block_signals(program, &signals);

    while (left > 0) {
        if ((number = sigwaitinfo(&signals, NULL)) < 0)
            continue;

        /* One SIGCHLD may stand for several workers. The number of one that has ended can be another's soon. */
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
            left--;
            worst = status != 0 ? 1 : worst;

            for (long i = 0; i < count; i++)
                if (workers[i] == ended)
                    workers[i] = 0;
        }

        for (long i = 0; i < count; i++)
            if (number != SIGCHLD && workers[i] != 0)
                kill(workers[i], SIGTERM);
    }

    exit(worst);
}

/*
 * Returns the listening socket, once it is said that it listens. With workers it returns in each of
 * them, with a socket of its own: the kernel shares the connections out among the sockets of a port.
 */
int start_listening(const char *program, struct settings settings, int flags)
{
    int listeners[MOST_WORKERS];
    pid_t workers[MOST_WORKERS];
    in_port_t port = settings.port;
    long count = settings.workers > 0 ? settings.workers : 1;

    raise_descriptor_limit(program);

    /* All of them listen before there are workers, so that none misses a connection. */
    for (long i = 0; i < count; i++) {
        listeners[i] = listen_on(program, port, flags, settings.workers > 0);

        if (port == 0)
            port = ntohs(own_address(program, listeners[i]).sin_port);
    }

    printf("Waiting for connections on port %d\n", port);
    fflush(stdout);

    if (settings.workers == 0)
        return listeners[0];

    for (long i = 0; i < count; i++) {
        if ((workers[i] = fork()) < 0)
            fail(program, "fork", errno);

        if (workers[i] > 0)
            continue;

        /* A worker ends with the one that made it. Ctrl-C reaches both, and only that one passes it on. */
        prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);
        signal(SIGINT, SIG_IGN);

        for (long j = 0; j < count; j++)
            if (j != i)
                close(listeners[j]);

        return listeners[i];
    }

    for (long i = 0; i < count; i++)
        close(listeners[i]);

    wait_for_workers(program, workers, count);
    return -1;
}

/* sigprocmask(): from now on these signals come only when they are asked for. */
void block_signals(const char *program, const sigset_t *signals)
{
    if (sigprocmask(SIG_BLOCK, signals, NULL) < 0)
        fail(program, "sigprocmask", errno);
}

/* Keeps back those that every server is told by, and leaves them in the set. */
void keep_back_signals(const char *program, sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGALRM);
    block_signals(program, signals);
}

/* signalfd(): a descriptor from which the signals are read. */
int open_signals(const char *program)
{
    sigset_t signals;
    int descriptor;

    keep_back_signals(program, &signals);

    if ((descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        fail(program, "signalfd", errno);

    return descriptor;
}

/* fcntl(): from now on this process gets a signal for what happens on the socket, which is non-blocking. */
int drive_by_signals(int sock, int number)
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
