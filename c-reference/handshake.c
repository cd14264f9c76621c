/*
 * Handshake: the segments that open and end a connection, and the states that both ends go through.
 *
 * The tutorial's sections on the TCP connection and its end (lines 113-133). First it counts the segments of a client
 * (TCP_INFO): a connection takes three, and its end four, or three if the ACK of the first FIN travels with the second
 * (erratum 43). Then it shows the state of both ends between those packets, and that a FIN closes one direction only:
 * the server is in CLOSE_WAIT until its program closes as well, and can go on sending (erratum 33).
 *
 * Usage: `handshake`. Both ends of the connections are in this program. Read next: `half_close`.
 *
 * Most of these states pass too quickly to be seen, so each is made to last until it has been read. The server's
 * accept queue is full when the SYN arrives, so it is retransmitted a second later. Each FIN has to wait behind bytes
 * that do not fit the other end's receive buffer, until they are read.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
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
#define RECEIVE_BUFFER_SIZE 4096
#define SEND_BUFFER_SIZE 65536
/* More than the receive buffer holds: the kernel doubles RECEIVE_BUFFER_SIZE. */
#define DATA_SIZE 10000

/* Prints what has happened, and how many segments a client has sent and received. */
static void print_segments(const char *what, int client)
{
    uint32_t sent = 0, received = 0;

    count_segments(PROGRAM, client, &sent, &received);
    printf("%-45s %-12u %u\n", what, sent, received);
}

/* Waits for a FIN. */
static void wait_for_end(int sock)
{
    char byte = 0;

    if (recv(sock, &byte, 1, 0) < 0)
        fail(PROGRAM, "recv", errno);
}

/* Connects a client and shuts both ends down, with no data in between, and prints the client's segments. */
static void connect_and_end(void)
{
    struct sockaddr_in address;
    int listener, client, server;

    listener = bound_socket(PROGRAM, INADDR_LOOPBACK + 3);
    address = own_address(PROGRAM, listener);

    if (listen(listener, 1) < 0)
        fail(PROGRAM, "listen", errno);

    printf("%-45s %-12s %s\n", "Segments of a client", "sent", "received");
    client = connect_client(PROGRAM, INADDR_LOOPBACK + 4, &address);
    print_segments("connect() has returned: SYN, SYN-ACK, ACK", client);
    server = accept_client(PROGRAM, listener);

    if (shutdown(client, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);

    wait_for_end(server);

    /* Send the ACK now. Left alone, it waits up to 40 ms for a segment to travel with, such as the server's FIN. */
    set_option(PROGRAM, server, IPPROTO_TCP, TCP_QUICKACK, 1);

    if (shutdown(server, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);

    wait_for_end(client);
    print_segments("Both ends have shut down: FIN, ACK, FIN, ACK", client);
    close(client);
    close(server);
    close(listener);
}

/* Returns the name of the TCP state of a socket. */
static const char *state_name(int sock)
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
        return "unknown";
    }
}

/* Prints what has happened, and the states of both ends. */
static void print_states(const char *what, int client, int server)
{
    const char *client_state = state_name(client);
    const char *server_state = state_name(server);

    printf("%-45s %-12s %s\n", what, client_state, server_state);
}

/* Sends more than the other end's receive buffer holds; the send buffer has room for the rest. */
static void send_data(int sock)
{
    char buffer[DATA_SIZE];
    ssize_t sent;

    memset(buffer, 'x', sizeof(buffer));

    if ((sent = send(sock, buffer, sizeof(buffer), MSG_DONTWAIT)) != DATA_SIZE) {
        explain_send(PROGRAM, sent, DATA_SIZE);
        exit(1);
    }
}

/* Waits for `count` bytes or a FIN, and prints how many bytes have arrived. */
static void receive(const char *whose, int sock, size_t count)
{
    char buffer[DATA_SIZE];
    ssize_t received;

    if ((received = recv(sock, buffer, count, MSG_WAITALL)) < 0)
        fail(PROGRAM, "recv", errno);

    printf("  The %s's recv returns %zd\n", whose, received);
}

/* Creates a socket with a small receive buffer, and binds it to an address of 127.0.0.0/8. */
static int small_buffer_socket(in_addr_t host)
{
    int sock = open_socket(PROGRAM);

    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_SIZE);
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_SIZE);
    bind_to(PROGRAM, sock, host);
    return sock;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address, client_address;
    int listener, other, client, server, next, bound;
    struct pollfd waiting;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Connect and end, with no data in between: SYN, SYN-ACK, ACK; FIN, ACK, FIN, ACK */
    connect_and_end();

    /* [2] Create the listener and two clients */
    listener = small_buffer_socket(INADDR_LOOPBACK);
    server_address = own_address(PROGRAM, listener);
    other = small_buffer_socket(INADDR_LOOPBACK + 1);
    client = small_buffer_socket(INADDR_LOOPBACK + 2);
    client_address = own_address(PROGRAM, client);

    if (listen(listener, 0) < 0)
        fail(PROGRAM, "listen", errno);

    printf("\n%-45s %-12s %s\n", "", "client", "server");
    print_states("The server listens", client, listener);

    /* [3] Fill the accept queue with the other client's connection: a backlog of 0 leaves room for one */
    connect_to(PROGRAM, other, &server_address);

    waiting = (struct pollfd){.fd = listener, .events = POLLIN};

    if (poll(&waiting, 1, -1) < 0)
        fail(PROGRAM, "poll", errno);

    /* [4] Start to connect without blocking: the SYN is dropped */
    if (fcntl(client, F_SETFL, O_NONBLOCK) < 0)
        fail(PROGRAM, "fcntl", errno);

    if (connect(client, (struct sockaddr *)&server_address, sizeof(server_address)) < 0 && errno != EINPROGRESS)
        fail(PROGRAM, "connect", errno);

    print_states("The client connects; its SYN is dropped", client, listener);

    /* [5] Make room, and wait until the client retransmits its SYN: SYN, SYN-ACK, ACK */
    accept_client(PROGRAM, listener);

    if (fcntl(client, F_SETFL, 0) < 0)
        fail(PROGRAM, "fcntl", errno);

    server = accept_client(PROGRAM, listener);
    print_states("The SYN is retransmitted; the server accepts", client, server);

    /* [6] Shut down the client's sending; its FIN waits behind bytes for which the server has no room */
    send_data(client);

    /* close would send the same FIN, but leave no descriptor to read the state from. */
    if (shutdown(client, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);

    print_states("The client shuts down; its FIN has to wait", client, server);

    /* [7] Let the FIN arrive, and send as many bytes back: they acknowledge it at the latest */
    receive("server", server, DATA_SIZE);
    receive("server", server, 1);
    send_data(server);
    receive("client", client, 1);
    print_states("The FIN and the ACK for it have arrived", client, server);

    /* [8] Shut down the server's sending; its FIN waits behind bytes for which the client has no room */
    if (shutdown(server, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);

    print_states("The server shuts down; its FIN has to wait", client, server);

    /* [9] Let the FIN arrive: the client's socket is in CLOSE, but TIME_WAIT keeps its address in use */
    receive("client", client, DATA_SIZE - 1);
    receive("client", client, 1);
    printf("%-45s %-12s %s\n", "That FIN has arrived, too", state_name(client), "-");
    close(client);

    /* [10] Try to bind to the client's address */
    next = open_socket(PROGRAM);
    bound = bind(next, (struct sockaddr *)&client_address, sizeof(client_address));

    if (bound < 0 && errno != EADDRINUSE)
        fail(PROGRAM, "bind", errno);

    printf("The client's socket is closed. Its address is %s\n",
           bound == 0 ? "free" : "still in use: TIME_WAIT, which has no socket");
    printf("Not shown: SYN_RECV, in which the server has no socket yet, and\n"
           "CLOSE, which the server enters as soon as its FIN is acknowledged\n");

    close(next);
    close(server);
    close(listener);
    succeed(PROGRAM);
}
