/*
 * Half close: what still comes after SHUT_WR, close(), SHUT_RD and SHUT_RDWR.
 *
 * The tutorial's shutdown() (lines 234-238). Four clients each send a question and end the connection, or
 * a part of it, in a way of their own; then the server sends its answer. After SHUT_WR it arrives. After
 * close() it is lost, and the server is told by a reset. SHUT_RD tells the server nothing.
 *
 * Call: `half_close`. It holds both ends, so there is nothing to run against it. How many processes may
 * share what is ended here, `reference_count` shows.
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

/* Sends a word. Without MSG_NOSIGNAL, SIGPIPE would end the program where nothing can be sent any more. */
static void tell_send(const char *who, int sock, const char *word)
{
    size_t length = strlen(word);
    ssize_t sent;

    if ((sent = send(sock, word, length, MSG_NOSIGNAL)) >= 0)
        printf("  %s send() takes %zd bytes: %s\n", who, sent, word);
    else if (errno == EPIPE)
        printf("  %s send() fails: %s (errno %d)\n", who, strerror(errno), errno);
    else
        fail(PROGRAM, "send", errno);
}

/* Receives what has come, or waits for it. */
static void tell_recv(const char *who, int sock)
{
    char buffer[BUFFER_SIZE] = {0};
    ssize_t received;

    if ((received = recv(sock, buffer, BUFFER_SIZE - 1, 0)) < 0)
        fail(PROGRAM, "recv", errno);

    if (received > 0)
        printf("  %s recv() returns %zd bytes: %s\n", who, received, buffer);
    else
        printf("  %s recv() returns 0\n", who);
}

/* Ends one direction, or both. */
static void tell_shutdown(const char *who, int sock, int how, const char *name)
{
    if (shutdown(sock, how) < 0)
        fail(PROGRAM, "shutdown", errno);

    printf("  %s shutdown(%s)\n", who, name);
}

/* Waits until the other end resets the connection: no event is asked for, so only an error is one. */
static void await_reset(int sock)
{
    struct pollfd entry = {.fd = sock, .events = 0, .revents = 0};

    if (poll(&entry, 1, -1) < 0)
        fail(PROGRAM, "poll", errno);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_addr;
    int listener, clients[CONNECTIONS], servers[CONNECTIONS];
    struct linger until_arrived = {.l_onoff = 1, .l_linger = 60};

    /* [1] There is nothing to take from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Listen on 127.0.0.1, and ask which port it is */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    if (listen(listener, CONNECTIONS) < 0)
        fail(PROGRAM, "listen", errno);

    server_addr = own_address(PROGRAM, listener);

    /* [3] Make four connections, from 127.0.0.2 to 127.0.0.5 */
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i, &server_addr);
        servers[i] = accept_client(PROGRAM, listener);
    }

    /* [4] End sending: the server reads to the end, and its answer arrives */
    printf("SHUT_WR: the client has sent everything, and can still receive\n");
    tell_send("client:", clients[0], "question");
    tell_shutdown("client:", clients[0], SHUT_WR, "SHUT_WR");
    tell_send("client:", clients[0], "more");
    tell_recv("server:", servers[0]);
    tell_recv("server:", servers[0]);
    tell_send("server:", servers[0], "answer");
    tell_recv("client:", clients[0]);

    /* [5] End everything: send() takes the answer, but it meets nobody, and a reset comes back */
    printf("\nclose(): the client has sent everything, and can receive nothing\n");
    tell_send("client:", clients[1], "question");
    close(clients[1]);
    printf("  client: close()\n");
    tell_recv("server:", servers[1]);
    tell_recv("server:", servers[1]);
    tell_send("server:", servers[1], "answer");
    await_reset(servers[1]);
    tell_send("server:", servers[1], "more");

    /* [6] End receiving: recv() waits no more. The server cannot tell, and Linux takes its answer in */
    printf("\nSHUT_RD: the client does not wait for anything, and can still send\n");

    /* The server's close() shall wait until everything has arrived: the client's recv() will not. */
    if (setsockopt(servers[2], SOL_SOCKET, SO_LINGER, &until_arrived, sizeof(until_arrived)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    tell_shutdown("client:", clients[2], SHUT_RD, "SHUT_RD");
    tell_recv("client:", clients[2]);
    tell_send("client:", clients[2], "question");
    tell_recv("server:", servers[2]);
    tell_send("server:", servers[2], "answer");
    close(servers[2]);
    printf("  server: close(), which waits until everything has arrived\n");
    tell_recv("client:", clients[2]);

    /* [7] End both: the answer is lost as after close(), but the client still has its socket */
    printf("\nSHUT_RDWR: the client can neither send nor receive\n");
    tell_send("client:", clients[3], "question");
    tell_shutdown("client:", clients[3], SHUT_RDWR, "SHUT_RDWR");
    tell_send("client:", clients[3], "more");
    tell_recv("client:", clients[3]);
    tell_recv("server:", servers[3]);
    tell_recv("server:", servers[3]);
    tell_send("server:", servers[3], "answer");
    await_reset(servers[3]);
    tell_send("server:", servers[3], "more");
    succeed(PROGRAM);
}
