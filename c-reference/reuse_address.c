/*
 * Reuse of an address: why a restarted server cannot bind to its port, and how it can.
 *
 * The tutorial's section on SO_REUSEADDR (lines 386-393), with its fragment (390-391) in set_reuse_address. A
 * connection that the server has closed first stays in TIME_WAIT for a minute and keeps the port in use (erratum 29).
 * With the option, a restarted server can bind nevertheless. On Linux, the first server must have set it as well, and
 * both before bind().
 *
 * Usage: `reuse_address`. All servers and clients are in this program. Read next: `linger`, `echo_server`.
 *
 * In the fragment, erratum 8 is corrected.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "reuse_address"
#define USAGE "./reuse_address"

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
    succeed(PROGRAM);
}
