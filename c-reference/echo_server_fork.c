/*
 * Echo server, blocking, with a process for each client: every call sleeps until it is done.
 *
 * Waits: a process for each client, one for new clients, one for signals.
 * In: recv() and send(); accept4(); sigwaitinfo().
 * For: nothing beforehand: each call blocks until it is done.
 *
 * The tutorial's blocking model (lines 671 to the end), with what it lacks to serve more than one client. A call that
 * blocks keeps its process from everything else, so whatever is waited for has a process of its own, made by fork():
 * each client; the next client; and signals. Each process is as simple as can be, and the kernel does the scheduling.
 * The price is a process per client.
 *
 * The first process, the supervisor, takes the signals, and exits when all others have, which are a process group. The
 * acceptor is sent SIGTERM and exits at once. Its children, the clients' processes, are then sent SIGTERM by the
 * kernel, because their parent has exited: each finishes its echo. If the supervisor itself is killed, the kernel
 * sends SIGTERM to the acceptor.
 *
 * Call: `echo_server_fork [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
 * Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
 * Read next: `echo_server_nonblocking`, where one process serves all clients.
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
#define USAGE                                \
    "./echo_server_fork [-l ADDRESS] PORT\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"
/* The most bytes that one recv() takes. Of this buffer a process occupies only what its client has filled. */
#define BUFFER_SIZE 262144
/* How long accept() and fork() are paused when there is a shortage, in milliseconds. */
#define ACCEPT_BACKOFF_MS 100
/* After so long without another failure a shortage is over, in milliseconds. */
#define RECOVERY_MS 1000
/* The states of a client's process once it is to shut down. */
#define DRAINING 1
#define TIMED_OUT 2

/* What the signal handlers use. In the supervisor: the acceptor's process group. */
static pid_t group;
/* In the acceptor: whether a shortage is over. */
static volatile sig_atomic_t recovered;
/* In a client's process: its connection, and its state, 0 until it is to shut down. */
static int connection;
static volatile sig_atomic_t shutdown_state;

static int accept_clients(int listener);
static _Noreturn void serve_client(int sock, pid_t parent, char *buffer);

/* signal(): installs a handler for the signals that request or complete a shutdown. */
static void handle_shutdown(void (*handler)(int))
{
    signal(SIGTERM, handler);
    signal(SIGINT, handler);
    signal(SIGALRM, handler);
}

/*
 * kill(): handles the supervisor's signals during a shutdown: all exit at once. SIGALRM says so, because SIGTERM may
 * also reach the others from elsewhere, any number of times, and is one request.
 */
static void forward_signal(int number)
{
    (void)number;
    kill(-group, SIGALRM);
}

/* sigwaitinfo(): the supervisor waits until a shutdown is requested, passes it on, and exits after all others. */
static _Noreturn void supervise(pid_t acceptor, sigset_t *signals)
{
    pid_t exited = 0;
    int number, status, failed = 0;

    /* Both parent and child make the group, so that it exists whichever of them runs first. */
    group = acceptor;
    setpgid(acceptor, acceptor);

    do {
        if ((number = sigwaitinfo(signals, NULL)) == SIGCHLD)
            exited = waitpid(acceptor, &status, WNOHANG);
    } while (number < 0 || number == SIGALRM || (number == SIGCHLD && exited != acceptor));

    /* Without the acceptor the server shuts down. If SIGTERM or SIGINT has ended it, that was a request. */
    if (exited == acceptor && !(WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT))) {
        fprintf(stderr, "%s: the acceptor has exited\n", PROGRAM);
        failed = 1;
    }

    coalesce_requests();
    handle_shutdown(forward_signal);
    sigdelset(signals, SIGCHLD);

    if (sigprocmask(SIG_UNBLOCK, signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    /* When the acceptor exits, its children are sent SIGTERM and become this process's. */
    if (exited != acceptor) {
        kill(acceptor, SIGTERM);

        while (waitpid(acceptor, NULL, 0) < 0 && errno == EINTR)
            continue;
    }

    /* Only the group: this process may have had other children before exec(). */
    while (waitpid(-acceptor, NULL, 0) > 0 || errno == EINTR)
        continue;

    exit(failed);
}

/* Handles the timer that runs during a shortage. */
static void on_recovery_timer(int number)
{
    (void)number;
    recovered = 1;
}

/* nanosleep(): pauses, because `call` failed for want of a resource. Says why, once per shortage. */
static void back_off(int *shortage, const char *call, int error)
{
    const struct timespec delay = {0, ACCEPT_BACKOFF_MS * 1000000};

    if (*shortage == 0)
        explain_errno(PROGRAM, call, error);

    *shortage = error;
    recovered = 0;
    set_timer(PROGRAM, RECOVERY_MS);
    nanosleep(&delay, NULL);
}

/* Reports that a shortage is over. */
static void report_recovery(int *shortage)
{
    fprintf(stderr, "%s: resumed after: %s (errno %d)\n", PROGRAM, strerror(*shortage), *shortage);
    *shortage = 0;
    recovered = 0;
}

/*
 * fcntl(): handles the signals of a client's process: SIGTERM, and SIGALRM at the drain timeout. The connection becomes
 * non-blocking, so that neither a call that sleeps now nor one that is about to be made misses the signal.
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

/* fcntl(): whether a call failed only because of a signal. From now on calls block again. */
static bool interrupted(int error)
{
    fcntl(connection, F_SETFL, 0);
    return error == EAGAIN || error == EINTR;
}

/* Resets the connection, because `call` failed, and exits. */
static _Noreturn void reset_and_exit(const char *call, int error)
{
    reset_on_close(PROGRAM, connection, call, error);
    exit(1);
}

/* Whether the echo is complete after `received` bytes. */
static bool is_complete(uint64_t received)
{
    int complete = is_fully_received(connection, received);

    if (complete < 0)
        reset_and_exit("getsockopt", errno);

    return complete;
}

int main(int argc, char *argv[])
{
    struct settings settings;
    sigset_t signals;
    pid_t parent, acceptor;
    int listener, sock;
    char *buffer;

    /* [1] Read options and port, and block the signals */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:h", argc, argv);
    signals = block_signals(PROGRAM);
    sigaddset(&signals, SIGCHLD);
    block_set(PROGRAM, &signals);

    /* [2] Listen */
    listener = start_listening(PROGRAM, &settings, &signals, SOCK_CLOEXEC);
    announce_ready(PROGRAM, &settings);

    if ((buffer = malloc(BUFFER_SIZE)) == NULL)
        fail(PROGRAM, "malloc", errno);

    /* [3] Fork the acceptor. The supervisor waits for signals, and inherits the acceptor's children when it exits */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL) < 0)
        fail(PROGRAM, "prctl", errno);

    parent = getpid();

    if ((acceptor = fork()) < 0)
        fail(PROGRAM, "fork", errno);

    if (acceptor > 0) {
        close(listener);
        supervise(acceptor, &signals);
    }

    /* [4] In the acceptor: exit with the supervisor or by SIGTERM. The kernel reaps its children (SIG_IGN) */
    if (setpgid(0, 0) < 0)
        fail(PROGRAM, "setpgid", errno);

    exit_with_parent(parent);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGALRM, on_recovery_timer);

    if (sigprocmask(SIG_UNBLOCK, &signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    parent = getpid();
    sock = accept_clients(listener);
    serve_client(sock, parent, buffer);
}

/* Accepts clients, and forks a process for each. Returns only in such a process, with the connection. */
static int accept_clients(int listener)
{
    pid_t child;
    int sock, shortage = 0;

    for (;;) {
        /* [5] Sleep until a client connects */
        while ((sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
            if (!is_transient_accept_error(errno))
                back_off(&shortage, "accept4", errno);

        /* [6] Fork a process for it. That one closes the listening socket, the acceptor the connection */
        while ((child = fork()) < 0)
            back_off(&shortage, "fork", errno);

        if (child == 0) {
            close(listener);
            return sock;
        }

        if (close(sock) < 0)
            explain_errno(PROGRAM, "close", errno);

        if (recovered != 0)
            report_recovery(&shortage);
    }
}

/* Echoes until the client closes, or until the echo is complete if the server shuts down. */
static _Noreturn void serve_client(int sock, pid_t parent, char *buffer)
{
    uint64_t total = 0;
    ssize_t received, sent, count;

    /* [7] In the client's process: handle the signals that shut it down, and exit with the acceptor */
    connection = sock;
    handle_shutdown(on_signal);
    exit_with_parent(parent);

    while (shutdown_state == 0 || !is_complete(total)) {
        if (shutdown_state == TIMED_OUT)
            reset_and_exit("recv", ETIMEDOUT);

        /* [8] Sleep until the client sends something. If it has closed, exit, which closes this end, too */
        if ((received = recv(sock, buffer, BUFFER_SIZE, 0)) == 0)
            exit(0);

        if (received < 0) {
            if (!interrupted(errno))
                reset_and_exit("recv", errno);

            continue;
        }

        /* [9] Send it back, and sleep while the client does not read */
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

    /* [10] The echo is complete: send an end of file. What the client still sends until it closes is not echoed */
    if (shutdown(sock, SHUT_WR) < 0)
        reset_and_exit("shutdown", errno);

    while (shutdown_state != TIMED_OUT) {
        received = recv(sock, buffer, BUFFER_SIZE, 0);

        if (received == 0 || (received < 0 && !interrupted(errno)))
            break;
    }

    exit(0);
}
