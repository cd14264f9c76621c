/*
 * Handshake: the states that both ends of a connection go through, from the first SYN to the last FIN.
 *
 * The tutorial's sections on the TCP connection and its end (lines 113-133). It shows what the kernel calls
 * the two ends between those packets (TCP_INFO), and that a FIN closes one direction only: the server is
 * in CLOSE_WAIT until its program closes as well, and may go on sending.
 *
 * Call: `handshake`. It needs nothing to run against: both ends are in this program. Read next: `half_close`.
 *
 * Most of these states pass too quickly to be seen, so each is made to last until it has been read. The
 * server's queue is full when the SYN comes, which has to come again, a second later. And each FIN has to
 * wait behind bytes that do not fit into the other end's receive buffer, until they are read. The first byte
 * of struct tcp_info is the state, and all that is asked for here: the rest is measurements.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "handshake"
#define USAGE "./handshake"
#define RECEIVE_BUFFER 4096
#define SEND_BUFFER 65536
/* More than the kernel makes of RECEIVE_BUFFER, which is twice as much. */
#define MUCH 10000

/* What the kernel calls the state of a socket. */
static const char *state_of(int sock)
{
    switch (tcp_state(PROGRAM, sock)) {
    case TCP_ESTABLISHED:
        return "ESTABLISHED";
    case TCP_SYN_SENT:
        return "SYN_SENT";
    case TCP_FIN_WAIT1:
        return "FIN_WAIT1";
    case TCP_FIN_WAIT2:
        return "FIN_WAIT2";
    case TCP_CLOSE:
        return "CLOSE";
    case TCP_CLOSE_WAIT:
        return "CLOSE_WAIT";
    case TCP_LAST_ACK:
        return "LAST_ACK";
    case TCP_LISTEN:
        return "LISTEN";
    default:
        return "another one";
    }
}

/* Says what has happened, and in which state both ends are now. */
static void show(const char *what, int client, int server)
{
    const char *client_state = state_of(client);
    const char *server_state = state_of(server);

    printf("%-45s %-12s %s\n", what, client_state, server_state);
}

/* Sends more than the other end's receive buffer holds; the send buffer has room for it. */
static void send_much(int sock)
{
    char buffer[MUCH];
    ssize_t sent;

    memset(buffer, 'x', sizeof(buffer));

    if ((sent = send(sock, buffer, sizeof(buffer), MSG_DONTWAIT)) != MUCH) {
        explain_send(PROGRAM, sent, MUCH);
        exit(1);
    }
}

/* Waits for as many bytes as that, or for a FIN, and says how many bytes have come. */
static void receive(const char *whose, int sock, size_t count)
{
    char buffer[MUCH];
    ssize_t received;

    if ((received = recv(sock, buffer, count, MSG_WAITALL)) < 0)
        fail(PROGRAM, "recv", errno);

    printf("  The %s's recv returns %zd\n", whose, received);
}

/* Creates a socket with a small receive buffer, an address of 127.0.0.0/8 and a port that the kernel chooses. */
static int small_socket(in_addr_t host, struct sockaddr_in *address)
{
    int sock = open_socket(PROGRAM);

    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
    bind_to(PROGRAM, sock, host);
    *address = own_address(PROGRAM, sock);
    return sock;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address, other_address, client_address;
    int listener, other, client, server, next, taken;
    struct pollfd waiting;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Create the socket that listens, and the client's */
    listener = small_socket(INADDR_LOOPBACK, &server_address);
    other = small_socket(INADDR_LOOPBACK + 1, &other_address);
    client = small_socket(INADDR_LOOPBACK + 2, &client_address);

    if (listen(listener, 0) < 0)
        fail(PROGRAM, "listen", errno);

    printf("%-45s %-12s %s\n", "", "client", "server");
    show("The server listens", client, listener);

    /* [2] Fill the queue with another client's connection: a backlog of 0 leaves room for one */
    connect_to(PROGRAM, other, &server_address);

    waiting.fd = listener;
    waiting.events = POLLIN;
    waiting.revents = 0;

    if (poll(&waiting, 1, -1) < 0)
        fail(PROGRAM, "poll", errno);

    /* [3] Begin to connect, without waiting for the end: nobody takes the SYN */
    if (fcntl(client, F_SETFL, O_NONBLOCK) < 0)
        fail(PROGRAM, "fcntl", errno);

    if (connect(client, (struct sockaddr *)&server_address, sizeof(server_address)) < 0 && errno != EINPROGRESS)
        fail(PROGRAM, "connect", errno);

    show("The client connects; its SYN finds no room", client, listener);

    /* [4] Make room, and wait for the next SYN of the client: SYN, SYN and ACK, ACK */
    accept_client(PROGRAM, listener);

    if (fcntl(client, F_SETFL, 0) < 0)
        fail(PROGRAM, "fcntl", errno);

    server = accept_client(PROGRAM, listener);
    show("It comes again, to an empty queue: accept", client, server);

    /* [5] End the client's sending; its FIN comes after bytes for which the server has no room */
    /* close would send the same FIN, but it would leave no descriptor to ask for the state. */
    send_much(client);

    if (shutdown(client, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);

    show("The client shuts down; its FIN has to wait", client, server);

    /* [6] Let the FIN come, and send as much back: the acknowledgement comes with it, at the latest */
    receive("server", server, MUCH);
    receive("server", server, 1);
    send_much(server);
    receive("client", client, 1);
    show("The FIN has come, and so has the ACK for it", client, server);

    /* [7] End the server's sending, too; the client has no room for all that comes before the FIN */
    if (shutdown(server, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);

    show("The server shuts down; its FIN has to wait", client, server);

    /* [8] Let the FIN come: the client's socket is out of it, but TIME_WAIT keeps its address */
    receive("client", client, MUCH - 1);
    receive("client", client, 1);
    printf("%-45s %-12s %s\n", "That FIN has come, too", state_of(client), "-");
    close(client);

    /* [9] Try to take the client's address */
    next = open_socket(PROGRAM);
    taken = bind(next, (struct sockaddr *)&client_address, sizeof(client_address));

    if (taken < 0 && errno != EADDRINUSE)
        fail(PROGRAM, "bind", errno);

    printf("The client's socket is closed. Its address is %s\n",
           taken == 0 ? "free" : "still in use: TIME_WAIT, which has no socket");
    printf("Not to be seen: SYN_RECV, in which the server has no socket yet, and\n"
           "CLOSE, in which the server is as soon as its FIN is acknowledged\n");

    close(next);
    close(server);
    close(listener);
    succeed(PROGRAM);
}
