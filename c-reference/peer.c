/*
 * Peer: one program that is server and client at once.
 *
 * The tutorial's section on client and server (lines 16-25), where it comes to peer-to-peer programs. It
 * shows that server and client are the two ends of a connection, and not two kinds of program: the server
 * is the one that listened, the client the one that connected. A peer does both, with a socket for each.
 *
 * Call: `peer PORT [PEER_IP PEER_PORT]`. It listens on PORT of every interface, and serves one peer. If it
 * is given one, it connects to that as well, as its client. On every connection both ends send their
 * greeting at once, a line of text, and print the other one's. The program ends when it has served, and
 * has been served. Run against it: itself, with `peer 5000 127.0.0.1 5000`; or `peer 5000`, and beside it
 * `peer 5001 127.0.0.1 5000`, which then waits for a client of its own.
 *
 * It is no robust server: a peer that connects and says nothing keeps it waiting, and one that resets the
 * connection ends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "peer"
#define USAGE "./peer PORT [PEER_IP PEER_PORT]"
/* With the NUL that ends it. What does not fit is not read. */
#define LINE_SIZE 80

/* Sends a greeting. Without MSG_NOSIGNAL, SIGPIPE would end the program if the other end is gone. */
static void greet(int sock, const char *greeting)
{
    ssize_t length = strlen(greeting);
    ssize_t sent = send(sock, greeting, length, MSG_NOSIGNAL);

    if (sent != length) {
        explain_send(PROGRAM, sent, length);
        exit(1);
    }
}

/* Receives the other end's greeting, prints it, and closes the socket. */
static void hear(int sock, const char *as)
{
    char line[LINE_SIZE];
    char *end;
    size_t length = 0;
    ssize_t received;

    /* One recv may bring only a part of the line. 0 bytes are the end of the stream. */
    do {
        if ((received = recv(sock, line + length, LINE_SIZE - 1 - length, 0)) < 0)
            fail(PROGRAM, "recv", errno);

        length += received;
        line[length] = '\0';
        end = strchr(line, '\n');
    } while (received > 0 && length < LINE_SIZE - 1 && end == NULL);

    if (end != NULL)
        *end = '\0';

    printf("As a %s: the other end says \"%s\"\n", as, line);
    close(sock);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in own_address, peer_address;
    struct pollfd ends[2];
    socklen_t length;
    in_port_t port;
    int server, accepted;
    int client = -1;
    int on = 1;

    memset(&own_address, 0, sizeof(own_address));
    memset(&peer_address, 0, sizeof(peer_address));

    /* [1] Take the port from the command line, and the address of a peer if there is one */
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    port = number_argument(PROGRAM, USAGE, "PORT", argv[1], 10, 1, 65535);
    own_address.sin_family = AF_INET;
    own_address.sin_addr.s_addr = htonl(INADDR_ANY);
    own_address.sin_port = htons(port);

    if (argc > 2) {
        peer_address.sin_family = AF_INET;
        peer_address.sin_addr = address_argument(PROGRAM, USAGE, "PEER_IP", argv[2]);
        peer_address.sin_port = htons(number_argument(PROGRAM, USAGE, "PEER_PORT", argv[3], 10, 1, 65535));
    }

    /* [2] Be a server: bind and listen, also where an earlier peer's connections are in TIME_WAIT */
    if ((server = socket(PF_INET, SOCK_STREAM, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    if (setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    if (bind(server, (struct sockaddr *)&own_address, sizeof(own_address)) < 0)
        fail(PROGRAM, "bind", errno);

    if (listen(server, 1) < 0)
        fail(PROGRAM, "listen", errno);

    printf("As a server: listening on port %d\n", port);

    /* [3] Be a client, too, if there is a peer: connect and send the greeting */
    if (argc > 2) {
        if ((client = socket(PF_INET, SOCK_STREAM, 0)) < 0)
            fail(PROGRAM, "socket", errno);

        if (connect(client, (struct sockaddr *)&peer_address, sizeof(peer_address)) < 0)
            fail(PROGRAM, "connect", errno);

        printf("As a client: connected to %s\n", inet_ntoa(peer_address.sin_addr));
        greet(client, "hello from your client\n");
    }

    /* [4] Wait for both at once, until there is nothing left to wait for */
    ends[0].fd = server;
    ends[0].events = POLLIN;
    ends[1].fd = client;
    ends[1].events = POLLIN;

    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        /* A descriptor that is negative is passed over. */
        if (poll(ends, 2, -1) < 0)
            fail(PROGRAM, "poll", errno);

        /* [5] Somebody connects: serve this one, and nobody else */
        if (ends[0].revents != 0) {
            length = sizeof(peer_address);

            if ((accepted = accept(server, (struct sockaddr *)&peer_address, &length)) < 0)
                fail(PROGRAM, "accept", errno);

            close(server);
            ends[0].fd = -1;
            printf("As a server: %s has connected\n", inet_ntoa(peer_address.sin_addr));
            greet(accepted, "hello from your server\n");
            hear(accepted, "server");
        }

        /* [6] The server that this one is a client of has answered */
        if (ends[1].revents != 0) {
            ends[1].fd = -1;
            hear(client, "client");
        }
    }

    succeed(PROGRAM);
}
