/*
 * Stream boundaries: three messages are sent, and what recv hands out knows nothing of three.
 *
 * The tutorial's section on send() and recv() (lines 287-304). It shows that send returns when the bytes
 * are in the send buffer, here before anybody has accepted the connection (erratum 18); that 100, 50 and
 * 250 bytes arrive as 400, which recv hands out as far as they fit the buffer that it is given, be it all
 * at once or in pieces that begin and end anywhere; that a receiver that knows the lengths finds the
 * messages again; and that recv returns 0 after the other end has closed.
 *
 * Call: `stream_boundaries`. It needs nothing to run against: client and server are in this program. Read
 * next: `half_close`.
 *
 * Before it receives, the server waits until all bytes have come. Without that, how many a recv hands out
 * would also depend on how fast they come: any number from 1 on is right.
 */
#include <arpa/inet.h>
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

#define PROGRAM "stream_boundaries"
#define USAGE "./stream_boundaries"
#define ALL 400
#define LARGE 512
#define SMALL 128

/* Sends a message that consists of one letter, so that it shows to which message a byte belongs. */
static void send_message(int client, char letter, size_t length)
{
    char message[ALL];
    ssize_t sent;

    memset(message, letter, length);
    sent = send(client, message, length, 0);

    if (sent != (ssize_t)length) {
        explain_send(PROGRAM, sent, length);
        exit(1);
    }

    printf("  send of %zu %c: returned %zd\n", length, letter, sent);
}

/* Sends the three messages. */
static void send_three(int client)
{
    send_message(client, 'a', 100);
    send_message(client, 'b', 50);
    send_message(client, 'c', 250);
}

/* Waits until all bytes have come, and leaves them where they are. */
static void wait_for_all(int server)
{
    char buffer[ALL];

    if (recv(server, buffer, ALL, MSG_PEEK | MSG_WAITALL) < 0)
        fail(PROGRAM, "recv", errno);
}

/* Receives once, and says how much of which message came. */
static ssize_t receive(int server, size_t size, int flags)
{
    char buffer[LARGE];
    ssize_t received, index;
    int first = 0, second = 0, third = 0;

    if ((received = recv(server, buffer, size, flags)) < 0)
        fail(PROGRAM, "recv", errno);

    for (index = 0; index < received; index++) {
        char byte = buffer[index];

        first += byte == 'a';
        second += byte == 'b';
        third += byte == 'c';
    }

    printf("  recv of %zu: returned %zd, which are %d a, %d b, %d c\n", size, received, first, second, third);
    return received;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int listener, client, server;
    ssize_t received, total;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Listen on a port of 127.0.0.1 that the kernel chooses */
    if ((listener = socket(PF_INET, SOCK_STREAM, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(PROGRAM, "bind", errno);

    if (getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail(PROGRAM, "getsockname", errno);

    if (listen(listener, 1) < 0)
        fail(PROGRAM, "listen", errno);

    /* [2] Connect a client */
    if ((client = socket(PF_INET, SOCK_STREAM, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    if (connect(client, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(PROGRAM, "connect", errno);

    /* [3] Send three messages, before anybody has accepted the connection */
    printf("The client sends. Nobody has accepted its connection yet:\n");
    send_three(client);

    /* [4] Accept, and receive with a buffer that is larger than all of them */
    if ((server = accept(listener, NULL, NULL)) < 0)
        fail(PROGRAM, "accept", errno);

    wait_for_all(server);
    printf("The server accepts, and receives with a large buffer:\n");
    receive(server, LARGE, 0);

    /* [5] The same three messages, received with a smaller buffer */
    printf("The client sends again:\n");
    send_three(client);
    wait_for_all(server);
    printf("The server receives with a small buffer:\n");
    total = 0;

    do {
        received = receive(server, SMALL, 0);
        total += received;
    } while (received > 0 && total < ALL);

    /* [6] The same three messages, received by their lengths, which the server must know */
    printf("The client sends again:\n");
    send_three(client);
    printf("The server receives what it knows the messages to be, and waits for all of each:\n");
    receive(server, 100, MSG_WAITALL);
    receive(server, 50, MSG_WAITALL);
    receive(server, 250, MSG_WAITALL);

    /* [7] Close the client's end: the server receives the end of the stream */
    close(client);
    printf("The client has closed:\n");
    receive(server, LARGE, 0);

    close(server);
    close(listener);
    succeed(PROGRAM);
}
