/*
 * UDP echo client: sends a word in one datagram to an echo server and prints the one that comes back.
 *
 * The tutorial describes UDP (lines 62-65) without a listing. Nobody is connected: the first datagram goes out
 * with nothing agreed before, and whatever anybody sends to this socket arrives. So the client looks at who
 * sent each datagram, and takes only that of the server it asked. Datagrams get lost without a sign, so it
 * does not wait for ever; it does not send a second time.
 *
 * Call: `udp_echo_client SERVER_IP WORD [PORT]`. Run against it: `udp_echo_server PORT`.
 *
 * A UDP socket can be given to `connect`, too. No packet goes out then: the kernel itself drops what others
 * send, and tells of a port where nobody is (ECONNREFUSED). Here the socket stays without, as UDP itself is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "udp_echo_client"
#define USAGE "./udp_echo_client SERVER_IP WORD [PORT]"
/* The most that a datagram carries over IPv4: 65535 bytes less 20 for the IP header and 8 for UDP's. */
#define DATAGRAM_SIZE 65507
/* How long to wait for a datagram. */
#define SECONDS 5
/* How many of others to wait through: each starts the time anew. */
#define MOST_STRAYS 16

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address, sender_address;
    socklen_t address_length;
    struct timeval timeout;
    struct in_addr server_ip;
    const char *word;
    char buffer[DATAGRAM_SIZE];
    size_t word_length;
    ssize_t length;
    in_port_t port;
    int sock, strays;

    /* [1] Take the address, the word and the port from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    server_ip = address_argument(PROGRAM, USAGE, "SERVER_IP", argv[1]);

    /* Class D: the first four bits are 1110. */
    if (ntohl(server_ip.s_addr) >> 28 == 14)
        reject_argument(PROGRAM, USAGE, "SERVER_IP", argv[1], "a unicast address");

    word = string_argument(PROGRAM, USAGE, "WORD", argv[2]);

    /* Without a port: 7, the well-known port of the echo service. */
    port = 7;

    if (argc > 3)
        port = number_argument(PROGRAM, USAGE, "PORT", argv[3], 10, 1, 65535);

    /* [2] Create the socket, for datagrams */
    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);

    /* [3] Let no recvfrom wait for ever */
    memset(&timeout, 0, sizeof(timeout));
    timeout.tv_sec = SECONDS;

    if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    /* [4] Fill in the server's address */
    memset(&server_address, 0, sizeof(server_address));
    server_address.sin_family = AF_INET;
    server_address.sin_addr = server_ip;
    server_address.sin_port = htons(port);

    /* What is sent to 0.0.0.0 goes to 127.0.0.1, and the answer comes from there. */
    if (server_ip.s_addr == htonl(INADDR_ANY))
        server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    /* [5] Send the word, without the NUL that ends it, in one datagram: an empty word is one, too */
    word_length = strlen(word);

    if (sendto(sock, word, word_length, 0, (struct sockaddr *)&server_address, sizeof(server_address)) < 0)
        fail(PROGRAM, "sendto", errno);

    strays = 0;

    for (;;) {
        address_length = sizeof(sender_address);

        /* [6] Take a datagram, or wait for one: it comes whole, whoever sent it */
        length = recvfrom(sock, buffer, DATAGRAM_SIZE, 0, (struct sockaddr *)&sender_address, &address_length);

        if (length < 0) {
            /* A process that was stopped and goes on. */
            if (errno == EINTR)
                continue;

            if (errno != EAGAIN)
                fail(PROGRAM, "recvfrom", errno);

            fprintf(stderr, "%s: no answer within %d seconds: a datagram was lost, or nobody is there\n", PROGRAM,
                    SECONDS);
            exit(1);
        }

        /* [7] Take it for the answer only if the server sent it, by address and port */
        if (sender_address.sin_addr.s_addr == server_address.sin_addr.s_addr &&
            sender_address.sin_port == server_address.sin_port)
            break;

        fprintf(stderr, "%s: ignored a datagram from %s, port %d: it was not asked\n", PROGRAM,
                inet_ntoa(sender_address.sin_addr), ntohs(sender_address.sin_port));
        strays++;

        if (strays == MOST_STRAYS) {
            fprintf(stderr, "%s: no answer, but %d datagrams from others\n", PROGRAM, strays);
            exit(1);
        }
    }

    /* [8] Print the answer; it is bytes, and may hold a NUL */
    printf("Received: ");
    fwrite(buffer, 1, length, stdout);
    printf("\n");

    /* [9] Close the socket: nothing is sent, because there was no connection */
    close(sock);
    succeed(PROGRAM);
}
