/*
 * Peer: one program that is server and client at once.
 *
 * The tutorial's section on client and server (lines 16-25), where it mentions peer-to-peer programs. It shows that
 * server and client are the two ends of a connection, not two kinds of program: the server is the end that listened,
 * the client the end that connected. A peer does both, with a socket for each.
 *
 * Usage: `peer PORT [PEER_IP PEER_PORT]`. It listens on PORT of every interface and serves one peer. If PEER_IP and
 * PEER_PORT are given, it also connects to that peer as its client. On every connection both ends send a greeting at
 * once, a line of text, and print the one they receive. The program exits after it has served and has been served.
 * Run it against itself, as `peer 5000 127.0.0.1 5000`; or run `peer 5000` and then `peer 5001 127.0.0.1 5000`, which
 * goes on to wait for a client of its own.
 *
 * It is not robust: a peer that connects and stays silent blocks it, and one that resets the connection ends it.
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
/* Includes the NUL. What does not fit is not read. */
#define LINE_SIZE 80

/* Sends a greeting. MSG_NOSIGNAL keeps SIGPIPE from ending the program if the other end has closed. */
static void send_greeting(int sock, const char *greeting)
{
    ssize_t length = strlen(greeting);
    ssize_t sent = send(sock, greeting, length, MSG_NOSIGNAL);

    if (sent != length) {
        explain_send(PROGRAM, sent, length);
        exit(1);
    }
}

/* Receives the other end's greeting, prints it, and closes the socket. */
static void receive_greeting(int sock, const char *role)
{
    char line[LINE_SIZE];
    char *end;
    size_t length = 0;
    ssize_t received;

    /* One recv may return only a part of the line; 0 bytes mean end of file. */
    do {
        if ((received = recv(sock, line + length, LINE_SIZE - 1 - length, 0)) < 0)
            fail(PROGRAM, "recv", errno);

        length += received;
        line[length] = '\0';
        end = strchr(line, '\n');
    } while (received > 0 && length < LINE_SIZE - 1 && end == NULL);

    if (end != NULL)
        *end = '\0';

    printf("As a %s: the other end says \"%s\"\n", role, line);
    close(sock);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in own_address, peer_address;
    struct pollfd fds[2];
    socklen_t length;
    in_port_t port;
    int server, accepted;
    int client = -1;
    int on = 1;

    memset(&own_address, 0, sizeof(own_address));
    memset(&peer_address, 0, sizeof(peer_address));

    /* [1] Take the port from the command line, and the peer's address if there is one */
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

    /* [2] Be a server: bind, even if earlier connections on the port are in TIME_WAIT, and listen */
    if ((server = socket(PF_INET, SOCK_STREAM, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    if (setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    if (bind(server, (struct sockaddr *)&own_address, sizeof(own_address)) < 0)
        fail(PROGRAM, "bind", errno);

    if (listen(server, 1) < 0)
        fail(PROGRAM, "listen", errno);

    printf("As a server: listening on port %d\n", port);

    /* [3] If there is a peer, be a client, too: connect and send the greeting */
    if (argc > 2) {
        if ((client = socket(PF_INET, SOCK_STREAM, 0)) < 0)
            fail(PROGRAM, "socket", errno);

        if (connect(client, (struct sockaddr *)&peer_address, sizeof(peer_address)) < 0)
            fail(PROGRAM, "connect", errno);

        printf("As a client: connected to %s\n", inet_ntoa(peer_address.sin_addr));
        send_greeting(client, "hello from your client\n");
    }

    /* [4] Wait for both sockets at once, until there is nothing left to wait for */
    fds[0].fd = server;
    fds[0].events = POLLIN;
    fds[1].fd = client;
    fds[1].events = POLLIN;

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        /* poll ignores negative descriptors. */
        if (poll(fds, 2, -1) < 0)
            fail(PROGRAM, "poll", errno);

        /* [5] A client connects: serve this one, and no other */
        if (fds[0].revents != 0) {
            length = sizeof(peer_address);

            if ((accepted = accept(server, (struct sockaddr *)&peer_address, &length)) < 0)
                fail(PROGRAM, "accept", errno);

            close(server);
            fds[0].fd = -1;
            printf("As a server: %s has connected\n", inet_ntoa(peer_address.sin_addr));
            send_greeting(accepted, "hello from your server\n");
            receive_greeting(accepted, "server");
        }

        /* [6] The server has sent its greeting, or closed */
        if (fds[1].revents != 0) {
            fds[1].fd = -1;
            receive_greeting(client, "client");
        }
    }

    succeed(PROGRAM);
}
