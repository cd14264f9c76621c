/*
 * Echo server, blocking, a process for each client: every call sleeps until it can be done.
 *
 * The tutorial's blocking model (lines 671 to the end), with what it lacks to serve more than one client. A
 * call that blocks keeps its process from everything else, so whatever is to be waited for has a process of
 * its own, which fork() makes: each client; the next client; and signals, for which the first process waits.
 * Each is as simple as can be, and the kernel does the rest. What it costs is a process per client.
 *
 * The first process passes on to all the others, which are a group, that the end has come, and ends when all
 * of them have ended. The one that accepts ends at once; the others let what was received go out.
 *
 * Call: `echo_server_fork PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "connections.h"
#include "explain.h"
#include "server.h"

#define PROGRAM "echo_server_fork"
#define USAGE "./echo_server_fork PORT"
/* What is received at once, at most. A process has as much of it in memory as its client has filled. */
#define BUFFER_SIZE 262144
/* How long accept() and fork() rest if the system has not enough for another client, in nanoseconds. */
#define REST 100000000
/* How long the end may take, in seconds. */
#define GRACE 5
/* What a process is told by signals. */
#define TO_END 1
#define TIME_IS_OVER 2

static volatile sig_atomic_t told;
static int connection;
/* The process that accepts, and the group of all but the first process. */
static pid_t acceptor;

/*
 * Takes the signals of a client's process: SIGTERM, and SIGALRM, which comes when the time is over. No call on
 * the connection sleeps from now on, be it asleep already or about to be made, so that no moment is wrong.
 */
static void tell(int number)
{
    if (number == SIGALRM)
        told = TIME_IS_OVER;

    if (told == 0) {
        told = TO_END;
        alarm(GRACE);
    }

    fcntl(connection, F_SETFL, O_NONBLOCK);
}

/* Whether a call on the connection failed for nothing but a signal. From now on calls may sleep again. */
static bool interrupted(int error)
{
    fcntl(connection, F_SETFL, 0);
    return error == EAGAIN || error == EINTR;
}

/* Resets the connection, because `call` failed, and ends its process. */
static _Noreturn void give_up(const char *call, int error)
{
    reset_on_close(PROGRAM, connection, call, error);
    exit(1);
}

/* Whether the echo is complete, of so many bytes. */
static bool is_complete(uint64_t received)
{
    int all = is_all(connection, received);

    if (all < 0)
        give_up("getsockopt", errno);

    return all;
}

/*
 * Takes the signals of the first process, and passes them on. SIGTERM may come from others as well, and counts
 * once. So the second time SIGALRM goes out.
 */
static void pass_on(int number)
{
    (void)number;
    kill(-acceptor, told == 0 ? SIGTERM : SIGALRM);
    told = TO_END;
}

/* Passes signals on to all the others, and waits for the end of the last of these. */
static _Noreturn void watch_over(void)
{
    sigset_t signals;
    pid_t ended;

    /* Whoever comes first makes the group: this process, which sends to it, or the one that is in it. */
    setpgid(acceptor, acceptor);

    signal(SIGTERM, pass_on);
    signal(SIGINT, pass_on);
    signal(SIGALRM, pass_on);

    /* What SIGCHLD says, waitpid() says, too. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);

    if (sigprocmask(SIG_SETMASK, &signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    /* When nobody accepts any more, all are to end. */
    while ((ended = waitpid(-1, NULL, 0)) > 0 || errno == EINTR)
        if (ended == acceptor && told == 0) {
            fprintf(stderr, "%s: the process that accepts has ended\n", PROGRAM);
            kill(-acceptor, SIGTERM);
        }

    exit(told == 0 ? 1 : 0);
}

int main(int argc, char *argv[])
{
    const struct timespec rest = {0, REST};
    struct settings settings;
    sigset_t signals;
    int listener, sock;
    pid_t child;
    char *buffer;
    uint64_t total = 0;
    ssize_t received, sent, count;

    /* [1] Take the port, and keep signals back */
    settings = read_settings(PROGRAM, USAGE, "+:h", argc, argv);
    keep_back_signals(PROGRAM, &signals);
    sigaddset(&signals, SIGCHLD);
    block_signals(PROGRAM, &signals);

    /* [2] Listen */
    listener = start_listening(PROGRAM, settings, SOCK_CLOEXEC);

    if ((buffer = malloc(BUFFER_SIZE)) == NULL)
        fail(PROGRAM, "malloc", errno);

    /* [3] Make the process that accepts. This one waits for signals, and for the others when that one is gone */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL) < 0)
        fail(PROGRAM, "prctl", errno);

    if ((acceptor = fork()) < 0)
        fail(PROGRAM, "fork", errno);

    if (acceptor > 0) {
        close(listener);
        watch_over();
    }

    /* [4] End when the first process ends, or sends SIGTERM. Of children that have ended, keep nothing */
    if (setpgid(0, 0) < 0)
        fail(PROGRAM, "setpgid", errno);

    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);
    signal(SIGCHLD, SIG_IGN);

    if (sigprocmask(SIG_UNBLOCK, &signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    for (;;) {
        /* [5] Sleep until a client comes */
        while ((sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0) {
            if (next_may_come(errno))
                continue;

            explain_errno(PROGRAM, "accept4", errno);
            nanosleep(&rest, NULL);
        }

        /* [6] Make a process for it. The connection is that one's: this one waits for the next client */
        while ((child = fork()) < 0) {
            explain_errno(PROGRAM, "fork", errno);
            nanosleep(&rest, NULL);
        }

        if (child == 0)
            break;

        if (close(sock) < 0)
            explain_errno(PROGRAM, "close", errno);
    }

    /* [7] In the client's process, signals are heard */
    close(listener);
    connection = sock;
    signal(SIGTERM, tell);
    signal(SIGALRM, tell);

    while (told == 0 || !is_complete(total)) {
        if (told == TIME_IS_OVER)
            give_up("recv", ETIMEDOUT);

        /* [8] Sleep until the client sends something. When it has closed, the end of this process does so, too */
        if ((received = recv(sock, buffer, BUFFER_SIZE, 0)) == 0)
            exit(0);

        if (received < 0) {
            if (!interrupted(errno))
                give_up("recv", errno);

            continue;
        }

        /* [9] Send it back, and sleep as long as the client does not read */
        total += received;
        sent = 0;

        while (sent < received) {
            if ((count = send(sock, buffer + sent, received - sent, MSG_NOSIGNAL)) >= 0) {
                sent += count;
                continue;
            }

            if (!interrupted(errno))
                give_up("send", errno);

            if (told == TIME_IS_OVER)
                give_up("send", ETIMEDOUT);
        }
    }

    /* [10] The echo is complete, and the client learns it. What it still sends, until it closes, gets no answer */
    if (shutdown(sock, SHUT_WR) < 0)
        give_up("shutdown", errno);

    while (told != TIME_IS_OVER) {
        received = recv(sock, buffer, BUFFER_SIZE, 0);

        if (received == 0 || (received < 0 && !interrupted(errno)))
            break;
    }

    exit(0);
}
