/*
 * Echo server, blocking, a process for each client: every call sleeps until it can be done.
 *
 * The tutorial's blocking model (lines 671 to the end), with what it lacks to serve more than one client. A
 * call that blocks keeps its process from everything else, so whatever is to be waited for has a process of
 * its own, which fork() makes: each client; the next client; and signals, for which the first process waits.
 * Each is as simple as can be, and the kernel does the rest. What it costs is a process per client.
 *
 * The first process is told that the end has come, and ends when all the others have ended, which are a group. The one
 * that accepts ends at once. That tells those that it has made, whose parent it is, to let go out what was received. It
 * is told itself, too, when the first process is gone.
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
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "echo_server_fork"
#define USAGE "./echo_server_fork PORT"
/* What is received at once, at most. A process has as much of it in memory as its client has filled. */
#define BUFFER_SIZE 262144
/* How long accept() and fork() rest if the system has not enough for another client, in nanoseconds. */
#define ACCEPT_BACKOFF_NS 100000000
/* After so long without a failure a shortage is over, in milliseconds. */
#define RECOVERY_MS 1000
/* What a process is told by signals. */
#define DRAINING 1
#define TIMED_OUT 2

static volatile sig_atomic_t shutdown_state;
static int connection;
/* The process that accepts, and the group of all but the first process. */
static pid_t acceptor;
/* What is short, as long as accept() or fork() fails, and whether it has not failed for some time. */
static int shortage;
static volatile sig_atomic_t recovered;

/*
 * Takes the signals of a client's process: SIGTERM, and SIGALRM, which comes when the time is over. No call on
 * the connection sleeps from now on, be it asleep already or about to be made, so that no moment is wrong.
 */
static void on_signal(int number)
{
    if (number == SIGALRM)
        shutdown_state = TIMED_OUT;

    if (shutdown_state == 0) {
        shutdown_state = DRAINING;
        alarm(DRAIN_TIMEOUT_MS / 1000);
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
static _Noreturn void reset_and_exit(const char *call, int error)
{
    reset_on_close(PROGRAM, connection, call, error);
    exit(1);
}

/* Whether the echo is complete, of so many bytes. */
static bool is_complete(uint64_t received)
{
    int all = is_fully_received(connection, received);

    if (all < 0)
        reset_and_exit("getsockopt", errno);

    return all;
}

/* Takes the signal of the timer that runs while something is short. */
static void on_recovery_timer(int number)
{
    (void)number;
    recovered = 1;
}

/* nanosleep(): rests after `call` failed for want of something. That is said once, however often it happens. */
static void back_off(const char *call, int error)
{
    const struct timespec rest = {0, ACCEPT_BACKOFF_NS};

    if (shortage == 0)
        explain_errno(PROGRAM, call, error);

    shortage = error;
    recovered = 0;
    set_timer(PROGRAM, RECOVERY_MS);
    nanosleep(&rest, NULL);
}

/* Says that a shortage is over. */
static void report_recovery(void)
{
    fprintf(stderr, "%s: it is over: %s (errno %d)\n", PROGRAM, strerror(shortage), shortage);
    shortage = 0;
    recovered = 0;
}

/*
 * Takes the signals of the first process once the end has begun. SIGTERM may reach the others from elsewhere as well, and
 * counts once. So it is SIGALRM that tells them to end at once.
 */
static void forward_signal(int number)
{
    (void)number;
    kill(-acceptor, SIGALRM);
}

/* Passes requests to end on to the others, and ends with the last of them. */
static _Noreturn void supervise(sigset_t *signals)
{
    pid_t ended = 0;
    int number, status, failed = 0;

    /* Whoever comes first makes the group: this process, which sends to it, or the one that is in it. */
    setpgid(acceptor, acceptor);

    /* Sleep until a request comes, or the acceptor has ended. */
    do {
        if ((number = sigwaitinfo(signals, NULL)) == SIGCHLD)
            ended = waitpid(acceptor, &status, WNOHANG);
    } while (number < 0 || number == SIGALRM || (number == SIGCHLD && ended != acceptor));

    /* Nobody accepts any more. A request may have reached the acceptor alone, or before this process. */
    if (ended == acceptor && !(WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT))) {
        fprintf(stderr, "%s: the process that accepts has ended\n", PROGRAM);
        failed = 1;
    }

    coalesce_requests();
    signal(SIGTERM, forward_signal);
    signal(SIGINT, forward_signal);
    signal(SIGALRM, forward_signal);
    sigdelset(signals, SIGCHLD);

    if (sigprocmask(SIG_UNBLOCK, signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    /* The end of the acceptor tells its children, which are this process's from then on. */
    if (ended != acceptor) {
        kill(acceptor, SIGTERM);

        while (waitpid(acceptor, NULL, 0) < 0 && errno == EINTR)
            continue;
    }

    /* Children that this process had from the start are not in the group. */
    while (waitpid(-acceptor, NULL, 0) > 0 || errno == EINTR)
        continue;

    exit(failed);
}

int main(int argc, char *argv[])
{
    struct settings settings;
    sigset_t signals;
    pid_t parent, child;
    int listener, sock;
    char *buffer;
    uint64_t total = 0;
    ssize_t received, sent, count;

    /* [1] Take the port, and keep signals back */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:h", argc, argv);
    signals = block_signals(PROGRAM);
    sigaddset(&signals, SIGCHLD);
    block_set(PROGRAM, &signals);

    /* [2] Listen */
    listener = start_listening(PROGRAM, &settings, &signals, SOCK_CLOEXEC);
    announce_ready(PROGRAM, &settings);

    if ((buffer = malloc(BUFFER_SIZE)) == NULL)
        fail(PROGRAM, "malloc", errno);

    /* [3] Make the process that accepts. This one waits for signals, and for the others when that one is gone */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL) < 0)
        fail(PROGRAM, "prctl", errno);

    parent = getpid();

    if ((acceptor = fork()) < 0)
        fail(PROGRAM, "fork", errno);

    if (acceptor > 0) {
        close(listener);
        supervise(&signals);
    }

    /* [4] End when the first process has ended, or sends SIGTERM. Of children that have ended, keep nothing */
    if (setpgid(0, 0) < 0)
        fail(PROGRAM, "setpgid", errno);

    exit_with_parent(parent);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGALRM, on_recovery_timer);

    if (sigprocmask(SIG_UNBLOCK, &signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    parent = getpid();

    for (;;) {
        /* [5] Sleep until a client comes */
        while ((sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
            if (!is_transient_accept_error(errno))
                back_off("accept4", errno);

        /* [6] Make a process for it. The connection is that one's: this one waits for the next client */
        while ((child = fork()) < 0)
            back_off("fork", errno);

        if (child == 0)
            break;

        if (close(sock) < 0)
            explain_errno(PROGRAM, "close", errno);

        if (recovered != 0)
            report_recovery();
    }

    /* [7] In the client's process, signals are heard. It ends with the one that has made it */
    close(listener);
    connection = sock;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGALRM, on_signal);
    exit_with_parent(parent);

    while (shutdown_state == 0 || !is_complete(total)) {
        if (shutdown_state == TIMED_OUT)
            reset_and_exit("recv", ETIMEDOUT);

        /* [8] Sleep until the client sends something. When it has closed, the end of this process does so, too */
        if ((received = recv(sock, buffer, BUFFER_SIZE, 0)) == 0)
            exit(0);

        if (received < 0) {
            if (!interrupted(errno))
                reset_and_exit("recv", errno);

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
                reset_and_exit("send", errno);

            if (shutdown_state == TIMED_OUT)
                reset_and_exit("send", ETIMEDOUT);
        }
    }

    /* [10] The echo is complete, and the client learns it. What it still sends, until it closes, gets no answer */
    if (shutdown(sock, SHUT_WR) < 0)
        reset_and_exit("shutdown", errno);

    while (shutdown_state != TIMED_OUT) {
        received = recv(sock, buffer, BUFFER_SIZE, 0);

        if (received == 0 || (received < 0 && !interrupted(errno)))
            break;
    }

    exit(0);
}
