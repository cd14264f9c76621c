/*
 * An echo server with a thread for each connection: blocking calls, nothing shared, and the
 * kernel's scheduler for an event loop. POSIX threads, as they come with the C library.
 *
 * A thread is detached, and has a stack that is just large enough for its buffer, so that ten
 * thousand of them fit.
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

static void must(int error, const char *what)
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

    /* What goes wrong with a connection, such as a reset, ends that connection only. */
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
        must(errno, "socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        must(errno, "SO_REUSEADDR");
    /* The clients' sockets inherit it. */
    if (setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        must(errno, "TCP_NODELAY");
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        must(errno, "bind");
    if (listen(listener, BACKLOG) < 0)
        must(errno, "listen");

    must(pthread_attr_init(&attributes), "pthread_attr_init");
    must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED), "pthread_attr_setdetachstate");
    must(pthread_attr_setstacksize(&attributes, STACK_SIZE), "pthread_attr_setstacksize");

    while ((client = accept(listener, NULL, NULL)) >= 0)
        must(pthread_create(&thread, &attributes, echo, (void *)(intptr_t)client), "pthread_create");
    must(errno, "accept");
}
