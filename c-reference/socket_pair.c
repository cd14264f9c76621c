/*
 * Socket pair: the two addresses that identify a connection.
 *
 * The tutorial's bind() and connect() (lines 253-269 and 306-320). Three clients connect to one port of a server that
 * is bound to INADDR_ANY. Each connection has an address and a port at either end, and no two have all four in common:
 * these four values are the socket pair (erratum 41). Then a server that is bound to one address refuses a connection
 * to another.
 *
 * Usage: `socket_pair`. Both ends of its connections are in this program. Read next: `listen_backlog`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "socket_pair"
#define USAGE "./socket_pair"
#define CLIENTS 3

/* Prints an address. inet_ntoa has one buffer, so a printf can print only one. */
static void print_address(const struct sockaddr_in *address)
{
    printf("%s:%d", inet_ntoa(address->sin_addr), ntohs(address->sin_port));
}

/* Prints and returns a socket's own address. */
static struct sockaddr_in print_own_address(int sock)
{
    struct sockaddr_in own = own_address(PROGRAM, sock);

    print_address(&own);
    return own;
}

/* Prints the socket pair: a socket's own address, and its peer's. */
static void print_pair(int sock)
{
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof(peer);

    print_own_address(sock);

    if (getpeername(sock, (struct sockaddr *)&peer, &length) < 0)
        fail(PROGRAM, "getpeername", errno);

    printf(" -> ");
    print_address(&peer);
}

/* Accepts the next client, and prints its address. Erratum 11: accept stores a struct sockaddr, not a struct socket. */
static int accept_and_print(int listener)
{
    struct sockaddr_in client = {0};
    socklen_t length = sizeof(client);
    int sock;

    if ((sock = accept(listener, (struct sockaddr *)&client, &length)) < 0)
        fail(PROGRAM, "accept", errno);

    printf("accept() stores ");
    print_address(&client);
    return sock;
}

int main(int argc, char *argv[])
{
    const char *names[CLIENTS] = {"x", "y", "z"};
    struct sockaddr_in server;
    int listener, sock, clients[CLIENTS], servers[CLIENTS];
    char letter = 0;

    /* [1] Take no arguments from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Listen on every interface */
    listener = bound_socket(PROGRAM, INADDR_ANY);

    if (listen(listener, CLIENTS) < 0)
        fail(PROGRAM, "listen", errno);

    printf("A server bound to INADDR_ANY: ");
    server = print_own_address(listener);
    printf("\n");

    /* [3] Connect x to 127.0.0.1, y to 127.0.0.2, and z, which is bound to 127.0.0.3, to 127.0.0.1 */
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = open_socket(PROGRAM);

        if (i == 2)
            bind_to(PROGRAM, clients[i], INADDR_LOOPBACK + 2);

        printf("\nClient %s: ", names[i]);
        print_own_address(clients[i]);
        server.sin_addr.s_addr = htonl(i == 1 ? INADDR_LOOPBACK + 1 : INADDR_LOOPBACK);

        connect_to(PROGRAM, clients[i], &server);
        printf(", and after connect() ");
        print_pair(clients[i]);
        printf("\n  ");
        servers[i] = accept_and_print(listener);
        printf(", and the server has ");
        print_pair(servers[i]);
        printf("\n");
    }

    /* [4] Let each client send its name: it arrives at the server's socket for this client */
    printf("\nThe server's three sockets receive:");

    for (int i = 0; i < CLIENTS; i++) {
        if (send(clients[i], names[i], 1, 0) < 0)
            fail(PROGRAM, "send", errno);

        if (recv(servers[i], &letter, 1, 0) < 0)
            fail(PROGRAM, "recv", errno);

        printf(" %c", letter);
    }

    /* [5] Listen on one address only */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK + 1);

    if (listen(listener, CLIENTS) < 0)
        fail(PROGRAM, "listen", errno);

    printf("\n\nA server bound to one address: ");
    server = print_own_address(listener);

    /* [6] Connect to another address of the same interface, then to this one */
    for (int i = 0; i < 2; i++) {
        sock = bound_socket(PROGRAM, INADDR_LOOPBACK + 3 + i);
        server.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
        printf("\n  connect() to ");
        print_address(&server);

        if (connect(sock, (struct sockaddr *)&server, sizeof(server)) < 0) {
            printf(" fails: %s (errno %d)", strerror(errno), errno);
        } else {
            printf(": ");
            accept_and_print(listener);
        }
    }

    printf("\n");
    succeed(PROGRAM);
}
