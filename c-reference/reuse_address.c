/*
 * Reuse of an address: why a server that is started again cannot have its port, and how it gets it.
 *
 * The tutorial's section on SO_REUSEADDR (lines 386-393), with its fragment (390-391) in set_reuse. A
 * connection that the server has ended first rests in TIME_WAIT for a minute, and holds the port
 * (erratum 29). With the option a new server may have it all the same. On Linux the first server must have
 * set it as well, and both of them before bind().
 *
 * Call: `reuse_address`. It plays all servers and clients. Next: `linger`, `echo_server`.
 *
 * Of the fragment, erratum 8 is corrected.
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

/* Closes a socket, which nothing uses any more. */
static void close_socket(int sock)
{
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
}

/* Sets the option. */
static void set_reuse(int ListenSocket)
{
    /* Erratum 8: the fragment declares nResue and then uses nReuse. */
    int nReuse = 1;

    if (setsockopt(ListenSocket, SOL_SOCKET, SO_REUSEADDR, &nReuse, sizeof(nReuse)) < 0)
        fail(PROGRAM, "setsockopt", errno);
}

/* Gives a server an address of its own, with port 0: the kernel is to choose one. */
static struct sockaddr_in new_address(int number)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
    return address;
}

/* Starts a server. Returns its socket, or -1 if somebody has the port. */
static int start(struct sockaddr_in *address, int when)
{
    int ListenSocket = open_socket(PROGRAM);
    int bound;

    if (when == BEFORE_BIND)
        set_reuse(ListenSocket);
    bound = bind(ListenSocket, (struct sockaddr *)address, sizeof(*address));
    if (bound < 0 && (errno != EADDRINUSE || address->sin_port == 0))
        fail(PROGRAM, "bind", errno);
    if (when == AFTER_BIND)
        set_reuse(ListenSocket);

    if (bound < 0) {
        close_socket(ListenSocket);
        return -1;
    }
    if (listen(ListenSocket, 1) < 0)
        fail(PROGRAM, "listen", errno);
    *address = own_address(PROGRAM, ListenSocket);
    return ListenSocket;
}

/* Starts a server again, says what came of it, and stops it. */
static void restart(const char *how, struct sockaddr_in *address, int when)
{
    int listener = start(address, when);

    if (listener < 0) {
        printf("  %s: Address already in use\n", how);
    } else {
        printf("  %s: it listens\n", how);
        close_socket(listener);
    }
}

/* Waits until the other end of a connection has closed it. */
static void wait_for_end(int sock)
{
    char byte;

    if (recv(sock, &byte, 1, 0) < 0)
        fail(PROGRAM, "recv", errno);
}

/* Makes a connection to a server and ends it: one end, and then the other. */
static void serve(int listener, const struct sockaddr_in *address, int server_ends_first)
{
    /* close() is to wait until the end is acknowledged, so that nothing is left behind. */
    const struct linger linger = {1, 60};
    int client, server, first, second;

    client = open_socket(PROGRAM);
    connect_to(PROGRAM, client, address);
    server = accept_client(PROGRAM, listener);

    first = server_ends_first ? server : client;
    second = server_ends_first ? client : server;
    if (setsockopt(second, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        fail(PROGRAM, "setsockopt", errno);
    if (shutdown(first, SHUT_WR) < 0)
        fail(PROGRAM, "shutdown", errno);
    wait_for_end(second);
    close_socket(second);
    wait_for_end(first);
    close_socket(first);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    int listener;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Start a server without the option, and let it end a connection first */
    printf("Without SO_REUSEADDR, connection ended by the server; started again\n");
    address = new_address(0);
    listener = start(&address, NEVER);
    serve(listener, &address, 1);
    close_socket(listener);

    /* [2] Start it again, without the option and with it */
    restart("without the option", &address, NEVER);
    restart("with the option", &address, BEFORE_BIND);

    /* [3] Let the client end the connection first: it is its end that rests */
    printf("Without SO_REUSEADDR, connection ended by the client; started again\n");
    address = new_address(1);
    listener = start(&address, NEVER);
    serve(listener, &address, 0);
    close_socket(listener);
    restart("without the option", &address, NEVER);

    /* [4] Start a server with the option, and a second one beside it */
    printf("With SO_REUSEADDR, connection ended by the server; started again\n");
    address = new_address(2);
    listener = start(&address, BEFORE_BIND);
    serve(listener, &address, 1);
    restart("with the option, while the first one listens", &address, BEFORE_BIND);
    close_socket(listener);

    /* [5] Start it again: without the option, with the option too late, and in time */
    restart("without the option", &address, NEVER);
    restart("with the option after bind()", &address, AFTER_BIND);
    restart("with the option before bind()", &address, BEFORE_BIND);
    succeed(PROGRAM);
}
