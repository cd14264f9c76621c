/*
 * What the servers of the I/O models do alike before they come to their model: arguments, socket, signals.
 *
 * A server takes options and a port, raises its limit of descriptors, listens, and says on which port.
 * With `-w` it listens once for each worker, makes the workers, and looks after them: only they serve.
 *
 * A server is told by signals what does not come from a socket, and keeps them back, so that none arrives
 * in the middle of something else. SIGTERM, SIGINT and SIGHUP ask it to end. SIGALRM is its own timer.
 *
 * Such a request may reach one process only or all of them, by Ctrl-C or from a service manager, and in any order.
 * So a worker takes any number of them for one, and only the first process tells the second request from the first.
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
#include <time.h>
#include <unistd.h>

#include "command_line.h"
#include "explain.h"
#include "loopback.h"

/* How many connections wait for accept() at most; the kernel has a limit of its own (somaxconn). */
#define BACKLOG 4096
#define MOST_WORKERS 64
/* How long it takes until a worker that was killed is replaced, and until a request to end counts as another one. In
   nanoseconds. */
#define REST 100000000
#define MOMENT 30000000

/* What the first process knows of its workers. */
struct workers {
    long count;
    pid_t first;
    /* Whether one of them has failed. */
    bool failed;
    /* −1 where a socket is closed. The first process has them for workers to come. */
    int listeners[MOST_WORKERS];
};

/* The workers; 0 where one has ended. */
static volatile pid_t pids[MOST_WORKERS];

/* Takes the options that `letters` names, in getopt's notation, and the port. */
struct settings read_settings(const char *program, const char *usage, const char *letters, int argc, char *argv[])
{
    struct settings settings = {.ready = -1};
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
            succeed(program);
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

/* prctl(): tells this process by SIGTERM when its parent has ended. If that one is gone already, it tells itself. */
void end_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);

    if (getppid() != parent)
        kill(getpid(), SIGTERM);
}

/* fork(): makes a worker, and returns true in it. Of the listening sockets it keeps its own alone. */
static bool make_worker(const char *program, struct workers *workers, long number)
{
    if ((pids[number] = fork()) < 0)
        explain_errno(program, "fork", errno);

    if (pids[number] != 0)
        return false;

    end_with(workers->first);

    for (long i = 0; i < workers->count; i++)
        if (i != number && workers->listeners[i] >= 0)
            close(workers->listeners[i]);

    return true;
}

/* close(): what connects to this worker from now on goes to the others, or is refused if there are none. */
static void stop_listening(struct workers *workers, long number)
{
    if (workers->listeners[number] >= 0)
        close(workers->listeners[number]);

    workers->listeners[number] = -1;
}

/* kill(): takes the second request, and has all workers end at once. */
static void hurry(int number)
{
    (void)number;

    for (int i = 0; i < MOST_WORKERS; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGUSR2);
}

/* Ends the workers, and with the last of them itself: with 1 if one has failed. */
static _Noreturn void end_workers(const char *program, struct workers *workers, const sigset_t *signals)
{
    pid_t ended;
    int status;

    for (long i = 0; i < workers->count; i++) {
        stop_listening(workers, i);

        if (pids[i] > 0)
            kill(pids[i], SIGTERM);
    }

    signal(SIGTERM, hurry);
    signal(SIGINT, hurry);
    signal(SIGUSR2, hurry);

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
static bool look_after(const char *program, struct workers *workers, long number)
{
    const struct timespec rest = {0, REST};
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

        if (make_worker(program, workers, number))
            return true;

        if (pids[number] > 0)
            return false;
    } else {
        fprintf(stderr, "%s: worker %d has ended with %d, and the others go on\n", program, worker,
                WEXITSTATUS(status));
    }

    workers->failed = workers->failed || status != 0;
    stop_listening(workers, number);
    return false;
}

/*
 * Looks after the workers until all have ended, or are to end. Returns only in a worker that has taken the place of
 * another one, with its number.
 */
static long watch_over(const char *program, struct workers *workers, const sigset_t *signals)
{
    sigset_t heard = *signals;
    int number = SIGCHLD;
    long left = workers->count;

    sigaddset(&heard, SIGCHLD);

    while (left > 0 && (number < 0 || number == SIGCHLD || number == SIGALRM)) {
        if ((number = sigwaitinfo(&heard, NULL)) != SIGCHLD)
            continue;

        left = 0;

        /* One SIGCHLD may stand for several workers. */
        for (long i = 0; i < workers->count; i++) {
            if (look_after(program, workers, i))
                return i;

            left += pids[i] > 0;
        }
    }

    /* A worker hears of the end from anybody, but that it is to end at once only from this process. */
    if (left > 0)
        take_as_one();

    end_workers(program, workers, signals);
}

/* Makes the workers, and announces the server once each of them is ready. Returns only in a worker, with its number. */
static long lead(const char *program, struct workers *workers, struct settings *settings, const sigset_t *signals)
{
    int ready[2];
    char byte;

    if (pipe2(ready, O_CLOEXEC) < 0)
        fail(program, "pipe2", errno);

    for (long i = 0; i < workers->count && !workers->failed; i++) {
        if (make_worker(program, workers, i)) {
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
        end_workers(program, workers, signals);

    announce(program, settings);
    return watch_over(program, workers, signals);
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
    block_signals(program, signals);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    block_signals(program, &children);
    number = lead(program, &workers, settings, signals);
    settings->led = true;
    return workers.listeners[number];
}

/* Says that the server serves: a worker to the first process, and that one, or one that is alone, to everybody. */
void announce(const char *program, struct settings *settings)
{
    if (settings->ready >= 0) {
        /* That one may have given up waiting. */
        if (write(settings->ready, "", 1) < 0 && errno != EPIPE)
            explain_errno(program, "write", errno);

        close(settings->ready);
        settings->ready = -1;
    } else if (!settings->led) {
        printf("Waiting for connections on port %d\n", settings->port);
        fflush(stdout);
    }
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

    /* The terminal is gone, which ends a server like the others; but not if it was started by nohup. */
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN)
        sigaddset(signals, SIGHUP);

    block_signals(program, signals);
}

/*
 * nanosleep() and sigtimedwait(): takes what asks for the end once more at the same moment for the same request.
 * timeout(1) sends its signal to a process and then to the group that it is in. SIGALRM is that of an older timer.
 */
void take_as_one(void)
{
    const struct timespec moment = {0, MOMENT}, none = {0, 0};
    sigset_t requests;

    sigemptyset(&requests);
    sigaddset(&requests, SIGTERM);
    sigaddset(&requests, SIGINT);
    sigaddset(&requests, SIGHUP);
    sigaddset(&requests, SIGALRM);
    nanosleep(&moment, NULL);

    while (sigtimedwait(&requests, NULL, &none) > 0)
        continue;
}

/* signalfd(): a descriptor from which the signals are read. */
int open_signals(const char *program, const sigset_t *signals)
{
    int descriptor;

    if ((descriptor = signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
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
