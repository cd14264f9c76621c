/*
 * Reference count: close() lets go of a socket, shutdown() ends its connection.
 *
 * The tutorial's reference counter (lines 228-238). After a fork() two processes have the same socket.
 * close() takes one reference away, and TCP ends the connection with the last one. shutdown() does not
 * count: it ends the connection for both.
 *
 * Call: `reference_count`. It holds both ends, so there is nothing to run against it. What else
 * shutdown() can do, `half_close` shows.
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

/* Receives what has come, or waits for it. */
static ssize_t receive(int sock, char buffer[BUFFER_SIZE])
{
    ssize_t received;

    if ((received = recv(sock, buffer, BUFFER_SIZE, 0)) < 0)
        fail(PROGRAM, "recv", errno);

    return received;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_addr;
    int listener, clients[CONNECTIONS], servers[CONNECTIONS];
    sigset_t signals;
    pid_t child;
    int status;
    char buffer[BUFFER_SIZE];
    ssize_t received, sent;

    /* [1] There is nothing to take from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Listen on 127.0.0.1, and ask which port it is */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    if (listen(listener, CONNECTIONS) < 0)
        fail(PROGRAM, "listen", errno);

    server_addr = own_address(PROGRAM, listener);

    /* [3] Make two connections, from 127.0.0.2 and 127.0.0.3 */
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i, &server_addr);
        servers[i] = accept_client(PROGRAM, listener);
    }

    /* [4] Keep back the signal that tells of a child's end at any moment: waitpid will tell */
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);

    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        fail(PROGRAM, "sigprocmask", errno);

    /* [5] Write out what is said so far, or both processes will, and make the second one */
    printf("Two connections to a server, which then calls fork().\n");
    printf("Each of its two sockets has 2 references: the parent's and the child's.\n");

    if (fflush(stdout) < 0)
        fail(PROGRAM, "fflush", errno);

    if ((child = fork()) < 0)
        fail(PROGRAM, "fork", errno);

    if (child == 0) {
        /* [6] The child leaves the clients to the parent, and so notices if the parent ends */
        close(clients[0]);
        close(clients[1]);

        /* [7] Echo once on the first connection, and close it */
        if ((received = receive(servers[0], buffer)) == 0)
            exit(1);

        if (send(servers[0], buffer, received, 0) < 0)
            fail(PROGRAM, "send", errno);

        close(servers[0]);

        /* [8] Wait on the second one until it ends. Without MSG_NOSIGNAL, SIGPIPE would end the child */
        received = receive(servers[1], buffer);
        printf("  child:  recv() returns %zd\n", received);

        if ((sent = send(servers[1], "hello", 5, MSG_NOSIGNAL)) < 0)
            printf("  child:  send() fails: %s (errno %d)\n", strerror(errno), errno);
        else
            printf("  child:  send() takes %zd bytes\n", sent);

        succeed(PROGRAM);
    }

    /* [9] The parent closes the first socket; the client is still served, by the child */
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

    /* [11] Shut the second one down. What the parent has said comes before what the child will say */
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
