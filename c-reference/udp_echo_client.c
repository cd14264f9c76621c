/*
 * UDP echo client: sends a word in one datagram to an echo server and prints and checks the answer.
 *
 * The tutorial describes UDP (lines 62-65) without a listing. There is no connection: the first datagram is sent
 * without any agreement, and the socket receives what anybody sends to it. So the client checks the sender of each
 * datagram, and accepts only one from the server. Datagrams can get lost without notice, so it does not wait forever;
 * it does not send again. Nor does UDP make a datagram an echo: the answer is compared with the word, and another one
 * ends the program with 1.
 *
 * Usage: `udp_echo_client SERVER_IP WORD [PORT]`, with `udp_echo_server PORT` running. Read next:
 * `multicast_receiver`.
 *
 * A UDP socket can be given to `connect`, too. That sends no packet: the kernel itself then drops what others send,
 * and reports a port that nobody listens on (ECONNREFUSED), as `socket_types` shows. Here the socket is not connected,
 * to show UDP itself. Nor may it send to a broadcast address (EACCES): that takes the option SO_BROADCAST.
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
#include "common/echo.h"
#include "common/explain.h"

#define PROGRAM "udp_echo_client"
#define USAGE "./udp_echo_client SERVER_IP WORD [PORT]"
/* The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header. */
#define DATAGRAM_SIZE 65507
/* How long to wait for a datagram. */
#define TIMEOUT_S 5
/* How many datagrams from others to ignore: each restarts the timeout. */
#define MAX_STRAYS 16

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address, sender_address = {0};
    socklen_t address_length;
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct in_addr server_ip;
    const char *word;
    char buffer[DATAGRAM_SIZE];
    size_t word_length;
    ssize_t length;
    in_port_t port;
    int sock, strays;

    /* [1] Take the address, the word and the port from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    server_ip = unicast_argument(PROGRAM, USAGE, "SERVER_IP", argv[1]);
    word = string_argument(PROGRAM, USAGE, "WORD", argv[2]);

    /* Without a port: 7, the well-known port of the echo service. */
    port = 7;

    if (argc > 3)
        port = number_argument(PROGRAM, USAGE, "PORT", argv[3], 10, 1, 65535);

    /* [2] Create the datagram socket */
    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);

    /* [3] Set a timeout for recvfrom */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    /* [4] Fill in the server's address */
    memset(&server_address, 0, sizeof(server_address));
    server_address.sin_family = AF_INET;
    server_address.sin_addr = server_ip;
    server_address.sin_port = htons(port);

    /* A datagram to 0.0.0.0 goes to 127.0.0.1, and the answer comes from there. */
    if (server_ip.s_addr == htonl(INADDR_ANY))
        server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    /* [5] Send the word in one datagram, without the NUL that ends it: an empty word is an empty datagram */
    word_length = strlen(word);

    if (sendto(sock, word, word_length, 0, (struct sockaddr *)&server_address, sizeof(server_address)) < 0)
        fail(PROGRAM, "sendto", errno);

    strays = 0;

    for (;;) {
        address_length = sizeof(sender_address);

        /* [6] Receive a datagram, or wait for one: it arrives whole, whoever sent it */
        length = recvfrom(sock, buffer, DATAGRAM_SIZE, 0, (struct sockaddr *)&sender_address, &address_length);

        if (length < 0) {
            /* The process was stopped and continued. */
            if (errno == EINTR)
                continue;

            if (errno != EAGAIN)
                fail(PROGRAM, "recvfrom", errno);

            fprintf(stderr, "%s: no answer within %d seconds: a datagram was lost, or nobody is there\n", PROGRAM,
                    TIMEOUT_S);
            exit(1);
        }

        /* [7] Accept it as the answer only if it comes from the server's address and port */
        if (sender_address.sin_addr.s_addr == server_address.sin_addr.s_addr &&
            sender_address.sin_port == server_address.sin_port)
            break;

        fprintf(stderr, "%s: ignored a datagram from %s, port %d: not from the server\n", PROGRAM,
                inet_ntoa(sender_address.sin_addr), ntohs(sender_address.sin_port));
        strays++;

        if (strays == MAX_STRAYS) {
            fprintf(stderr, "%s: no answer, but %d datagrams from others\n", PROGRAM, strays);
            exit(1);
        }
    }

    /* [8] Print the answer, which may contain a NUL */
    printf("Received: ");
    fwrite(buffer, 1, length, stdout);
    printf("\n");

    /* [9] Close the socket: nothing is sent, because there was no connection */
    close(sock);

    /* [10] Compare the answer with the word: an echo has the same bytes, and as many */
    check_echo(PROGRAM, word, word_length, buffer, length);
    succeed(PROGRAM);
}
