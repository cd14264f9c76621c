/*
 * Half close: what can still be sent and received after SHUT_WR, close(), SHUT_RD and SHUT_RDWR.
 *
 * The tutorial's shutdown() (lines 234-238). Each of four clients sends a question and then ends its connection, or
 * one direction of it, in a way of its own; then the server sends its answer. After SHUT_WR the answer arrives. After
 * close() it is lost, and a reset tells the server so. SHUT_RD sends the server nothing.
 *
 * Usage: `half_close`. Both ends of its connections are in this program. Read next: `linger`.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "half_close"
#define USAGE "./half_close"
#define CONNECTIONS 4
#define BUFFER_SIZE 16

/* Sends a word. Without MSG_NOSIGNAL, SIGPIPE would kill the program once nothing more can be sent. */
static void send_and_print(const char *side, int sock, const char *word)
{
    size_t length = strlen(word);
    ssize_t sent;

    if ((sent = send(sock, word, length, MSG_NOSIGNAL)) >= 0)
        printf("  %s send() takes %zd bytes: %s\n", side, sent, word);
    else if (errno == EPIPE)
        printf("  %s send() fails: %s (errno %d)\n", side, strerror(errno), errno);
    else
        fail(PROGRAM, "send", errno);
}

/* Receives what has arrived, or waits for it. */
static void receive_and_print(const char *side, int sock)
{
    char buffer[BUFFER_SIZE] = {0};
    ssize_t received;

    if ((received = recv(sock, buffer, BUFFER_SIZE - 1, 0)) < 0)
        fail(PROGRAM, "recv", errno);

    if (received > 0)
        printf("  %s recv() returns %zd bytes: %s\n", side, received, buffer);
    else
        printf("  %s recv() returns 0\n", side);
}

/* Shuts down one direction, or both. */
static void shut_down_and_print(const char *side, int sock, int how, const char *name)
{
    if (shutdown(sock, how) < 0)
        fail(PROGRAM, "shutdown", errno);

    printf("  %s shutdown(%s)\n", side, name);
}

/* Waits for a reset from the other end: with no events requested, poll() returns only on an error or a hang-up. */
static void wait_for_reset(int sock)
{
    struct pollfd entry = {.fd = sock, .events = 0, .revents = 0};

    if (poll(&entry, 1, -1) < 0)
        fail(PROGRAM, "poll", errno);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address;
    int listener, clients[CONNECTIONS], servers[CONNECTIONS];
    struct linger linger = {.l_onoff = 1, .l_linger = 60};

    /* [1] Take no arguments from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Listen on 127.0.0.1, and find out the port */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    if (listen(listener, CONNECTIONS) < 0)
        fail(PROGRAM, "listen", errno);

    server_address = own_address(PROGRAM, listener);

    /* [3] Make four connections, from 127.0.0.2 to 127.0.0.5 */
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i, &server_address);
        servers[i] = accept_client(PROGRAM, listener);
    }

    /* [4] Shut down sending: the server reads up to the end, and its answer arrives */
    printf("SHUT_WR: the client has sent everything, and can still receive\n");
    send_and_print("client:", clients[0], "question");
    shut_down_and_print("client:", clients[0], SHUT_WR, "SHUT_WR");
    send_and_print("client:", clients[0], "more");
    receive_and_print("server:", servers[0]);
    receive_and_print("server:", servers[0]);
    send_and_print("server:", servers[0], "answer");
    receive_and_print("client:", clients[0]);

    /* [5] Close: send() takes the answer, but there is no receiver, and a reset comes back */
    printf("\nclose(): the client has sent everything, and can receive nothing\n");
    send_and_print("client:", clients[1], "question");
    close(clients[1]);
    printf("  client: close()\n");
    receive_and_print("server:", servers[1]);
    receive_and_print("server:", servers[1]);
    send_and_print("server:", servers[1], "answer");
    wait_for_reset(servers[1]);
    send_and_print("server:", servers[1], "more");

    /* [6] Shut down receiving: recv() no longer waits. The server does not notice, and Linux accepts its answer */
    printf("\nSHUT_RD: the client does not wait for anything, and can still send\n");

    /* Let the server's close() wait until everything has arrived, because the client's recv() will not. */
    if (setsockopt(servers[2], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    shut_down_and_print("client:", clients[2], SHUT_RD, "SHUT_RD");
    receive_and_print("client:", clients[2]);
    send_and_print("client:", clients[2], "question");
    receive_and_print("server:", servers[2]);
    send_and_print("server:", servers[2], "answer");
    close(servers[2]);
    printf("  server: close(), which waits until everything has arrived\n");
    receive_and_print("client:", clients[2]);

    /* [7] Shut down both: the answer is lost as after close(), but the client still has its socket */
    printf("\nSHUT_RDWR: the client can neither send nor receive\n");
    send_and_print("client:", clients[3], "question");
    shut_down_and_print("client:", clients[3], SHUT_RDWR, "SHUT_RDWR");
    send_and_print("client:", clients[3], "more");
    receive_and_print("client:", clients[3]);
    receive_and_print("server:", servers[3]);
    receive_and_print("server:", servers[3]);
    send_and_print("server:", servers[3], "answer");
    wait_for_reset(servers[3]);
    send_and_print("server:", servers[3], "more");
    succeed(PROGRAM);
}
