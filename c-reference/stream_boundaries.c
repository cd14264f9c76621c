/*
 * Stream boundaries: TCP carries a stream of bytes and keeps no message boundaries.
 *
 * The tutorial's section on send() and recv() (lines 287-304). A client sends three messages of 100, 50 and 250
 * bytes, and the server receives one stream of 400. It shows that:
 *
 * - send returns once the bytes are in the send buffer, here even before the connection is accepted (erratum 18);
 * - recv returns whatever has arrived and fits its buffer: everything, or a piece that begins and ends anywhere;
 * - a receiver that knows the lengths can tell the messages apart;
 * - a send that must not wait (MSG_DONTWAIT) takes as much as there is room for, and fails if there is none (erratum
 * 18);
 * - a recv with MSG_WAITALL returns as many bytes as the receiver wants, even those that have not arrived yet (erratum
 *   47);
 * - recv returns 0 after the other end has closed.
 *
 * Usage: `stream_boundaries`. Both ends of the connection are in this program. Read next: `half_close`.
 *
 * The server waits until all bytes have arrived before it receives them. Otherwise what a recv returns would also
 * depend on timing: any count from 1 up.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "stream_boundaries"
#define USAGE "./stream_boundaries"
/* The three messages together, and the buffers: one for more than all of them, one for less. */
#define TOTAL_SIZE 400
#define LARGE_SIZE 512
#define SMALL_SIZE 128
/* A stream, and buffers that are too small for it: in the send buffer fits more than in the receive buffer. */
#define STREAM_SIZE 524288
#define SEND_BUFFER_SIZE 65536
#define RECEIVE_BUFFER_SIZE 16384

/* Sends a message that repeats one letter, so that each byte shows which message it belongs to. */
static void send_message(int client, char letter, size_t length)
{
    char message[TOTAL_SIZE];
    ssize_t sent;

    memset(message, letter, length);

    if ((sent = send(client, message, length, 0)) != (ssize_t)length) {
        explain_send(PROGRAM, sent, length);
        exit(1);
    }

    printf("  send of %zu %c: returned %zd\n", length, letter, sent);
}

/* Sends the three messages. */
static void send_messages(int client)
{
    send_message(client, 'a', 100);
    send_message(client, 'b', 50);
    send_message(client, 'c', 250);
}

/* Waits until all three messages have arrived, and leaves them in the receive buffer. */
static void wait_for_messages(int server)
{
    char buffer[TOTAL_SIZE];

    if (recv(server, buffer, TOTAL_SIZE, MSG_PEEK | MSG_WAITALL) < 0)
        fail(PROGRAM, "recv", errno);
}

/* Calls recv once, and prints how many bytes of each message it returned. */
static ssize_t receive(int server, size_t size, int flags)
{
    char buffer[LARGE_SIZE];
    const char *byte;
    ssize_t received;
    int first = 0, second = 0, third = 0;

    if ((received = recv(server, buffer, size, flags)) < 0)
        fail(PROGRAM, "recv", errno);

    for (byte = buffer; byte < buffer + received; byte++) {
        first += *byte == 'a';
        second += *byte == 'b';
        third += *byte == 'c';
    }

    printf("  recv of %zu: returned %zd, which are %d a, %d b, %d c\n", size, received, first, second, third);
    return received;
}

/* Sends without waiting, until there is no room for more. Returns how many bytes were taken. */
static size_t send_until_full(int client, int server)
{
    /* Static, because it is too much for a small stack. */
    static char stream[STREAM_SIZE];
    size_t total = 0;
    ssize_t sent;

    memset(stream, 'd', STREAM_SIZE);

    while (total < STREAM_SIZE) {
        if ((sent = send(client, stream, STREAM_SIZE - total, MSG_DONTWAIT)) < 0) {
            if (errno != EAGAIN)
                fail(PROGRAM, "send", errno);

            printf("  send of %zu d: %zu were taken, and then: %s\n", sizeof(stream), total, strerror(EAGAIN));
            break;
        }

        total += sent;
        /* Have acknowledged at once what has arrived. Otherwise there would be room for more up to 40 ms later. */
        set_option(PROGRAM, server, IPPROTO_TCP, TCP_QUICKACK, 1);
    }

    return total;
}

/* Calls recv once for a part of the stream, and prints how many bytes it returned. */
static size_t receive_stream(int server, size_t size, int flags)
{
    static char stream[STREAM_SIZE];
    ssize_t received;

    if ((received = recv(server, stream, size, flags)) < 0)
        fail(PROGRAM, "recv", errno);

    printf("  recv of %zu: returned %zd\n", size, received);
    return received;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    int listener, client, server;
    ssize_t received, total;
    size_t taken, arrived;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Listen on a port of 127.0.0.1 that the kernel chooses */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    address = own_address(PROGRAM, listener);

    if (listen(listener, 1) < 0)
        fail(PROGRAM, "listen", errno);

    /* [2] Connect a client */
    client = open_socket(PROGRAM);
    connect_to(PROGRAM, client, &address);

    /* [3] Send the three messages before the connection is accepted */
    printf("The client sends before its connection is accepted:\n");
    send_messages(client);

    /* [4] Accept the connection, and receive with a buffer larger than all messages together */
    server = accept_client(PROGRAM, listener);
    wait_for_messages(server);
    printf("The server accepts, and receives with a large buffer:\n");
    receive(server, LARGE_SIZE, 0);

    /* [5] Send them again, and receive with a smaller buffer */
    printf("The client sends again:\n");
    send_messages(client);
    wait_for_messages(server);
    printf("The server receives with a small buffer:\n");
    total = 0;

    do {
        received = receive(server, SMALL_SIZE, 0);
        total += received;
    } while (received > 0 && total < TOTAL_SIZE);

    /* [6] Send them again, and receive each by its length, which the server has to know */
    printf("The client sends again:\n");
    send_messages(client);
    printf("The server knows the lengths, and waits for each message as a whole:\n");
    receive(server, 100, MSG_WAITALL);
    receive(server, 50, MSG_WAITALL);
    receive(server, 250, MSG_WAITALL);

    /* [7] Close the client's socket: the server receives end of file */
    close(client);
    printf("The client has closed:\n");
    receive(server, LARGE_SIZE, 0);

    close(server);

    /* [8] Connect another client, with buffers that are too small for a stream */
    set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_SIZE);
    client = connect_client(PROGRAM, INADDR_LOOPBACK + 1, &address);
    set_option(PROGRAM, client, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_SIZE);
    server = accept_client(PROGRAM, listener);

    /* [9] Send without waiting, while the server does not receive */
    printf("Another client sends with MSG_DONTWAIT, and again what was not taken:\n");
    taken = send_until_full(client, server);

    /* [10] Receive what has arrived, and then wait for the rest: receiving makes room for it */
    printf("The server receives what has arrived, and with MSG_WAITALL all the rest:\n");
    arrived = receive_stream(server, taken, 0);

    if (arrived < taken)
        receive_stream(server, taken - arrived, MSG_WAITALL);

    close(client);
    close(server);
    close(listener);
    succeed(PROGRAM);
}
