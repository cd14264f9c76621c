/*
 * Reuse of an address: why a restarted server cannot bind to its port, and how it can.
 *
 * The tutorial's section on SO_REUSEADDR (lines 386-393), with its fragment (390-391) in set_reuse_address. A
 * connection that the server has closed first stays in TIME_WAIT for a minute and keeps the port in use (erratum 29).
 * With the option, a restarted server can bind nevertheless: it sets it before bind(). On Linux, the first server must
 * have set it as well, before its client connects (erratum 31). SO_LINGER {1, 0}, the tutorial's first remedy, frees
 * the port, too, but by a reset: the client loses what has not been sent yet. TIME_WAIT keeps the port even if
 * everything has arrived (erratum 36).
 *
 * Usage: `reuse_address`. All servers and clients are in this program. Read next: `linger`, `echo_server`.
 *
 * In the fragment, erratum 8 is corrected.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "reuse_address"
#define USAGE "./reuse_address"

/* The bytes that a server sends, and buffer sizes: one that is too small for these bytes, one that is large enough. */
#define DATA_SIZE 32768
#define SMALL_BUFFER_SIZE 4096
#define LARGE_BUFFER_SIZE 65536

/* When a server sets the option. */
#define NEVER 0
#define BEFORE_BIND 1
#define AFTER_BIND 2

/* Closes a socket that nothing uses any more. */
static void close_socket(int sock)
{
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
}

/* Sets SO_REUSEADDR. */
static void set_reuse_address(int ListenSocket)
{
    /* Erratum 8: the fragment declares nResue and then uses nReuse. */
    int nReuse = 1;

    if (setsockopt(ListenSocket, SOL_SOCKET, SO_REUSEADDR, &nReuse, sizeof(nReuse)) < 0)
        fail(PROGRAM, "setsockopt", errno);
}

/* Returns an address for a server, with port 0, so that the kernel chooses the port. */
static struct sockaddr_in server_address(int number)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
    return address;
}

/* Starts a server. Returns its socket, or -1 if the port is in use. */
static int start_server(struct sockaddr_in *address, int when)
{
    int ListenSocket = open_socket(PROGRAM);
    int bound;

    if (when == BEFORE_BIND)
        set_reuse_address(ListenSocket);
    bound = bind(ListenSocket, (struct sockaddr *)address, sizeof(*address));
    if (bound < 0 && (errno != EADDRINUSE || address->sin_port == 0))
        fail(PROGRAM, "bind", errno);
    if (when == AFTER_BIND)
        set_reuse_address(ListenSocket);

    if (bound < 0) {
        close_socket(ListenSocket);
        return -1;
    }
    if (listen(ListenSocket, 1) < 0)
        fail(PROGRAM, "listen", errno);
    *address = own_address(PROGRAM, ListenSocket);
    return ListenSocket;
}

/* Starts a server again, prints whether it could, and stops it. */
static void restart_server(const char *how, struct sockaddr_in *address, int when)
{
    int listener = start_server(address, when);

    if (listener < 0) {
        printf("  %s: Address already in use\n", how);
    } else {
        printf("  %s: it listens\n", how);
        close_socket(listener);
    }
}

/* Waits until the other end has closed the connection. */
static void wait_for_close(int sock)
{
    char byte = 0;

    if (recv(sock, &byte, 1, 0) < 0)
        fail(PROGRAM, "recv", errno);
}

/* Connects a client to a server, and closes the connection: first one end, then the other. */
static void serve_client(int listener, const struct sockaddr_in *address, int server_closes_first)
{
    /* close() waits until the FIN is acknowledged, so that the connection is over when it returns. */
    const struct linger linger = {1, 60};
    int client, server, first, second;

    client = open_socket(PROGRAM);
    connect_to(PROGRAM, client, address);
    server = accept_client(PROGRAM, listener);

    first = server_closes_first ? server : client;
    second = server_closes_first ? client : server;
    if (setsockopt(second, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        fail(PROGRAM, "setsockopt", errno);
    if (shutdown(first, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);
    wait_for_close(second);
    close_socket(second);
    wait_for_close(first);
    close_socket(first);
}

/* Sends a client more than it has room for, closes the connection, and prints what the client can read of it. */
static void send_and_close(int listener, const struct sockaddr_in *address, struct linger linger)
{
    char data[DATA_SIZE] = {0};
    int client, server, total = 0;
    ssize_t sent, received;
    const char *end;

    client = open_socket(PROGRAM);
    set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL_BUFFER_SIZE);
    connect_to(PROGRAM, client, address);
    server = accept_client(PROGRAM, listener);
    set_option(PROGRAM, server, SOL_SOCKET, SO_SNDBUF, LARGE_BUFFER_SIZE);
    if (setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        fail(PROGRAM, "setsockopt", errno);
    if ((sent = send(server, data, sizeof(data), MSG_DONTWAIT)) != DATA_SIZE) {
        explain_send(PROGRAM, sent, DATA_SIZE);
        exit(1);
    }
    close_socket(server);

    /* Where close() resets the connection, wait for the reset. */
    if (linger.l_onoff != 0) {
        struct pollfd event = {.fd = client, .events = 0};

        if (poll(&event, 1, -1) < 0)
            fail(PROGRAM, "poll", errno);
    }
    while ((received = recv(client, data, sizeof(data), MSG_WAITALL)) > 0)
        total += received;
    end = received == 0 ? "end of file" : strerror(errno);
    printf("  the client reads %d of %d bytes, then %s\n", total, DATA_SIZE, end);
    close_socket(client);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    int listener;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Start a server without the option, and let it close a connection first */
    printf("Without SO_REUSEADDR, connection ended by the server; started again\n");
    address = server_address(0);
    listener = start_server(&address, NEVER);
    serve_client(listener, &address, 1);
    close_socket(listener);

    /* [2] Start it again, without the option and with it */
    restart_server("without the option", &address, NEVER);
    restart_server("with the option", &address, BEFORE_BIND);

    /* [3] Let the client close first: the connection is in TIME_WAIT at its end */
    printf("Without SO_REUSEADDR, connection ended by the client; started again\n");
    address = server_address(1);
    listener = start_server(&address, NEVER);
    serve_client(listener, &address, 0);
    close_socket(listener);
    restart_server("without the option", &address, NEVER);

    /* [4] Start a server with the option, and a second one while it listens */
    printf("With SO_REUSEADDR, connection ended by the server; started again\n");
    address = server_address(2);
    listener = start_server(&address, BEFORE_BIND);
    serve_client(listener, &address, 1);
    restart_server("with the option, while the first one listens", &address, BEFORE_BIND);
    close_socket(listener);

    /* [5] Start it again: without the option, with the option too late, and in time */
    restart_server("without the option", &address, NEVER);
    restart_server("with the option after bind()", &address, AFTER_BIND);
    restart_server("with the option before bind()", &address, BEFORE_BIND);

    /* [6] Close with bytes unsent, as by default: they still arrive, and then TIME_WAIT keeps the port in use */
    printf("Without SO_REUSEADDR, SO_LINGER {0, 0}, connection ended by the server; started again\n");
    address = server_address(3);
    listener = start_server(&address, NEVER);
    send_and_close(listener, &address, (struct linger){0, 0});
    close_socket(listener);
    restart_server("without the option", &address, NEVER);

    /* [7] Close so that the connection is reset: the port is free, and the bytes are lost */
    printf("Without SO_REUSEADDR, SO_LINGER {1, 0}, connection ended by the server; started again\n");
    address = server_address(4);
    listener = start_server(&address, NEVER);
    send_and_close(listener, &address, (struct linger){1, 0});
    close_socket(listener);
    restart_server("without the option", &address, NEVER);
    succeed(PROGRAM);
}
