/*
 * Socket pair: the two addresses by which connections to one port are told apart.
 *
 * The tutorial's bind() and connect() (lines 253-269 and 306-320). Three clients connect to one port of a
 * server that is bound to INADDR_ANY. Each connection has an address and a port at either end, and no two
 * have all four in common. Then a server that is bound to one address refuses what comes for another.
 *
 * Call: `socket_pair`. It holds both ends, so there is nothing to run against it. How many clients may wait
 * to be accepted, `listen_backlog` shows.
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

/* Tells an address. inet_ntoa has one buffer, so there is one address in a printf. */
static void tell_address(const struct sockaddr_in *address)
{
    printf("%s:%d", inet_ntoa(address->sin_addr), ntohs(address->sin_port));
}

/* Asks for a socket's own address, and tells it. */
static struct sockaddr_in tell_own(int sock)
{
    struct sockaddr_in own;
    socklen_t length = sizeof(own);

    if (getsockname(sock, (struct sockaddr *)&own, &length) < 0)
        fail(PROGRAM, "getsockname", errno);

    tell_address(&own);
    return own;
}

/* Tells the socket pair: a socket's own address, and that of its other end. */
static void tell_pair(int sock)
{
    struct sockaddr_in peer;
    socklen_t length = sizeof(peer);

    tell_own(sock);

    if (getpeername(sock, (struct sockaddr *)&peer, &length) < 0)
        fail(PROGRAM, "getpeername", errno);

    printf(" -> ");
    tell_address(&peer);
}

/* Takes the next client. Erratum 11: accept stores a struct sockaddr; there is no struct socket. */
static int tell_accept(int listener)
{
    struct sockaddr_in client;
    socklen_t length = sizeof(client);
    int sock;

    if ((sock = accept(listener, (struct sockaddr *)&client, &length)) < 0)
        fail(PROGRAM, "accept", errno);

    printf("accept() stores ");
    tell_address(&client);
    return sock;
}

int main(int argc, char *argv[])
{
    const char *names[CLIENTS] = {"x", "y", "z"};
    struct sockaddr_in server;
    int listener, sock, clients[CLIENTS], servers[CLIENTS];
    char letter = 0;

    /* [1] There is nothing to take from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Listen on every interface */
    listener = bound_socket(PROGRAM, INADDR_ANY);

    if (listen(listener, CLIENTS) < 0)
        fail(PROGRAM, "listen", errno);

    printf("A server bound to INADDR_ANY: ");
    server = tell_own(listener);
    printf("\n");

    /* [3] Connect x to 127.0.0.1, y to 127.0.0.2, and z, which has asked for an address, to 127.0.0.1 */
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = open_socket(PROGRAM);

        if (i == 2)
            bind_to(PROGRAM, clients[i], INADDR_LOOPBACK + 2);

        printf("\nClient %s: ", names[i]);
        tell_own(clients[i]);
        server.sin_addr.s_addr = htonl(i == 1 ? INADDR_LOOPBACK + 1 : INADDR_LOOPBACK);

        if (connect(clients[i], (struct sockaddr *)&server, sizeof(server)) < 0)
            fail(PROGRAM, "connect", errno);

        printf(", and after connect() ");
        tell_pair(clients[i]);
        printf("\n  ");
        servers[i] = tell_accept(listener);
        printf(", and the server has ");
        tell_pair(servers[i]);
        printf("\n");
    }

    /* [4] Let each client send its name: it comes out of the server's socket for this client */
    printf("\nThe server's three sockets receive:");

    for (int i = 0; i < CLIENTS; i++) {
        if (send(clients[i], names[i], 1, 0) < 0)
            fail(PROGRAM, "send", errno);

        if (recv(servers[i], &letter, 1, 0) < 0)
            fail(PROGRAM, "recv", errno);

        printf(" %c", letter);
    }

    /* [5] Listen on one address alone */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK + 1);

    if (listen(listener, CLIENTS) < 0)
        fail(PROGRAM, "listen", errno);

    printf("\n\nA server bound to one address: ");
    server = tell_own(listener);

    /* [6] Connect to another address of the same interface, and to this one */
    for (int i = 0; i < 2; i++) {
        sock = bound_socket(PROGRAM, INADDR_LOOPBACK + 3 + i);
        server.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
        printf("\n  connect() to ");
        tell_address(&server);

        if (connect(sock, (struct sockaddr *)&server, sizeof(server)) < 0) {
            printf(" fails: %s (errno %d)", strerror(errno), errno);
        } else {
            printf(": ");
            tell_accept(listener);
        }
    }

    printf("\n");
    succeed(PROGRAM);
}
