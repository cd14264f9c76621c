/*
 * An echo server with a POSIX thread per connection: blocking calls, no shared state, and the
 * kernel's scheduler instead of an event loop.
 *
 * The threads are detached, and their stacks are just large enough for the buffer, so that 10 000 of
 * them fit into memory.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command_line.h"

#define PROGRAM "thread_per_connection"
#define USAGE "thread_per_connection PORT"
#define BACKLOG 4096
#define BUFFER_SIZE (16 * 1024)
#define STACK_SIZE (BUFFER_SIZE + 32 * 1024)

static void check(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "%s: %s: %s\n", PROGRAM, what, strerror(error));
        exit(1);
    }
}

static int send_all(int client, const char *bytes, ssize_t size)
{
    ssize_t sent;

    for (; size > 0; bytes += sent, size -= sent)
        if ((sent = send(client, bytes, size, MSG_NOSIGNAL)) < 0)
            return 0;
    return 1;
}

static void *echo(void *argument)
{
    int client = (intptr_t)argument;
    char buffer[BUFFER_SIZE];
    ssize_t received;

    /* An error, such as a reset, closes this connection only. */
    while ((received = recv(client, buffer, BUFFER_SIZE, 0)) > 0 && send_all(client, buffer, received))
        ;
    close(client);
    return NULL;
}

int main(int argc, char *argv[])
{
    int on = 1;
    struct sockaddr_in address;
    pthread_attr_t attributes;
    pthread_t thread;
    int listener, client;

    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number_argument(PROGRAM, USAGE, "PORT", argv[1], 10, 0, 65535));

    if ((listener = socket(AF_INET, SOCK_STREAM, 0)) < 0)
        check(errno, "socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        check(errno, "SO_REUSEADDR");
    /* Accepted sockets inherit it. */
    if (setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        check(errno, "TCP_NODELAY");
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        check(errno, "bind");
    if (listen(listener, BACKLOG) < 0)
        check(errno, "listen");

    check(pthread_attr_init(&attributes), "pthread_attr_init");
    check(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED), "pthread_attr_setdetachstate");
    check(pthread_attr_setstacksize(&attributes, STACK_SIZE), "pthread_attr_setstacksize");

    while ((client = accept(listener, NULL, NULL)) >= 0)
        check(pthread_create(&thread, &attributes, echo, (void *)(intptr_t)client), "pthread_create");
    check(errno, "accept");
}
