/*
 * Reference count: close() drops a reference to a socket, shutdown() ends its connection.
 *
 * The tutorial's reference counter (lines 228-238). After a fork() two processes share each socket. close() drops one
 * reference, and TCP ends the connection with the last one. shutdown() ignores the count: it ends the connection for
 * both.
 *
 * Usage: `reference_count`. Both ends of its connections are in this program. Read next: `half_close`, which shows
 * what else shutdown() can do.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "reference_count"
#define USAGE "./reference_count"
#define CONNECTIONS 2
#define BUFFER_SIZE 16

/* Receives what has arrived, or waits for it. */
static ssize_t receive(int sock, char buffer[BUFFER_SIZE])
{
    ssize_t received;

    if ((received = recv(sock, buffer, BUFFER_SIZE, 0)) < 0)
        fail(PROGRAM, "recv", errno);

    return received;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address;
    int listener, clients[CONNECTIONS], servers[CONNECTIONS];
    sigset_t signals;
    pid_t child;
    int status;
    char buffer[BUFFER_SIZE];
    ssize_t received, sent;

    /* [1] Take no arguments from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Listen on 127.0.0.1, and find out the port */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    if (listen(listener, CONNECTIONS) < 0)
        fail(PROGRAM, "listen", errno);

    server_address = own_address(PROGRAM, listener);

    /* [3] Make two connections, from 127.0.0.2 and 127.0.0.3 */
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i, &server_address);
        servers[i] = accept_client(PROGRAM, listener);
    }

    /* [4] Block SIGCHLD, which could arrive at any moment: waitpid reports the child's end */
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);

    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    /* [5] Flush the output, or both processes would write it, and create the child */
    printf("Two connections to a server, which then calls fork().\n");
    printf("Each of its two sockets has 2 references: the parent's and the child's.\n");

    if (fflush(stdout) < 0)
        fail(PROGRAM, "fflush", errno);

    if ((child = fork()) < 0)
        fail(PROGRAM, "fork", errno);

    if (child == 0) {
        /* [6] The child closes its copies of the client sockets, so that their connections end with the parent */
        close(clients[0]);
        close(clients[1]);

        /* [7] Echo once on the first connection, and close it */
        if ((received = receive(servers[0], buffer)) == 0)
            exit(1);

        if (send(servers[0], buffer, received, 0) < 0)
            fail(PROGRAM, "send", errno);

        close(servers[0]);

        /* [8] Wait until the second one ends. Without MSG_NOSIGNAL, SIGPIPE would kill the child */
        received = receive(servers[1], buffer);
        printf("  child:  recv() returns %zd\n", received);

        if ((sent = send(servers[1], "hello", 5, MSG_NOSIGNAL)) < 0)
            printf("  child:  send() fails: %s (errno %d)\n", strerror(errno), errno);
        else
            printf("  child:  send() takes %zd bytes\n", sent);

        succeed(PROGRAM);
    }

    /* [9] The parent closes the first socket; the child still serves the client */
    printf("\nConnection 1: close() takes one reference away\n");
    close(servers[0]);
    printf("  parent: close(), 1 reference is left\n");

    if ((sent = send(clients[0], "hello", 5, 0)) < 0)
        fail(PROGRAM, "send", errno);

    printf("  client: send() takes %zd bytes\n", sent);
    received = receive(clients[0], buffer);
    printf("  client: recv() returns %zd bytes, an echo: the child has the connection\n", received);

    /* [10] The child closes it, too */
    received = receive(clients[0], buffer);
    printf("  client: recv() returns %zd: the child has closed it, 0 references are left\n", received);

    /* [11] Shut down the second one. Flush first, so that the parent's output precedes the child's */
    printf("\nConnection 2: shutdown() does not count\n");
    printf("  parent: shutdown(SHUT_RDWR), 2 references are left\n");

    if (fflush(stdout) < 0)
        fail(PROGRAM, "fflush", errno);

    if (shutdown(servers[1], SHUT_RDWR) < 0)
        fail(PROGRAM, "shutdown", errno);

    if (waitpid(child, &status, 0) < 0)
        fail(PROGRAM, "waitpid", errno);

    received = receive(clients[1], buffer);
    printf("  client: recv() returns %zd\n", received);

    if (status != 0)
        exit(1);

    succeed(PROGRAM);
}
