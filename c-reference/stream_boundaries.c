/*
 * Stream boundaries: TCP carries a stream of bytes and keeps no message boundaries.
 *
 * The tutorial's section on send() and recv() (lines 287-304). A client sends three messages of 100, 50 and 250
 * bytes, and the server receives one stream of 400. It shows that:
 *
 * - send returns once the bytes are in the send buffer, here even before the connection is accepted (erratum 18);
 * - recv returns whatever has arrived and fits its buffer: everything, or a piece that begins and ends anywhere;
 * - a receiver that knows the lengths can tell the messages apart;
 * - recv returns 0 after the other end has closed.
 *
 * Usage: `stream_boundaries`. Both ends of the connection are in this program. Read next: `half_close`.
 *
 * The server waits until all bytes have arrived before it receives them. Otherwise what a recv returns would also
 * depend on timing: any count from 1 up.
 */
#include <errno.h>
#include <netinet/in.h>
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

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    int listener, client, server;
    ssize_t received, total;

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
    close(listener);
    succeed(PROGRAM);
}
