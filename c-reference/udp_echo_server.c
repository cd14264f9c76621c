/*
 * UDP echo server: every datagram goes back to where it came from.
 *
 * The tutorial describes UDP (lines 62-65) without a listing. Nobody is connected: there is no listen and no
 * accept, one socket serves everyone, and each datagram brings its sender's address along. A datagram comes
 * whole and goes back whole, an empty one too; two are never joined.
 *
 * Call: `udp_echo_server PORT`; with port 0 the kernel chooses a free one. Run against it:
 * `udp_echo_client 127.0.0.1 WORD PORT`. SIGTERM or Ctrl-C ends it.
 *
 * Anyone can write any sender into a datagram. One that seems to come from another echo service would go back
 * and forth between the two for ever (CVE-1999-0103). So a datagram from the ports of the well-known services,
 * 0 to 1023, or from the server's own port gets no answer. An echo service on any other port cannot be told
 * from a client.
 *
 * A shortcut: on a machine with several addresses the kernel chooses from which one an answer comes. It need
 * not be the one that the client had asked, and udp_echo_client takes no answer from another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "server/start.h"

#define PROGRAM "udp_echo_server"
#define USAGE "./udp_echo_server PORT"
/* The most that a datagram carries over IPv4: 65535 bytes less 20 for the IP header and 8 for UDP's. */
#define DATAGRAM_SIZE 65507
/* How long to rest when the system has no memory, in nanoseconds. */
#define REST 100000000
/* Below it are the ports of the well-known services. */
#define FIRST_CLIENT_PORT 1024

int main(int argc, char *argv[])
{
    const struct timespec rest = {0, REST};
    struct sockaddr_in server_address, client_address;
    socklen_t address_length;
    in_port_t server_port, client_port;
    char buffer[DATAGRAM_SIZE];
    ssize_t length;
    in_port_t port;
    int sock, error, said = 0;

    /* [1] Take the port from the command line, and nothing else from whoever has started the server */
    reset_inherited_state(PROGRAM);
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    port = number_argument(PROGRAM, USAGE, "PORT", argv[1], 10, 0, 65535);

    /* [2] Create the socket, for datagrams */
    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);

    /* [3] Fill in the server's address: the port, on every interface */
    memset(&server_address, 0, sizeof(server_address));
    server_address.sin_family = AF_INET;
    server_address.sin_addr.s_addr = htonl(INADDR_ANY);
    server_address.sin_port = htons(port);

    /* [4] Bind the socket to the address: from here on datagrams arrive */
    if (bind(sock, (struct sockaddr *)&server_address, sizeof(server_address)) < 0)
        fail(PROGRAM, "bind", errno);

    /* [5] Read the port back: the kernel has chosen one if it was 0 */
    address_length = sizeof(server_address);

    if (getsockname(sock, (struct sockaddr *)&server_address, &address_length) < 0)
        fail(PROGRAM, "getsockname", errno);

    server_port = ntohs(server_address.sin_port);
    printf("Waiting for datagrams on port %d; nobody connects\n", server_port);
    fflush(stdout);

    for (;;) {
        address_length = sizeof(client_address);

        /* [6] Take the next datagram, or wait for one: it comes whole, with its sender's address */
        length = recvfrom(sock, buffer, DATAGRAM_SIZE, 0, (struct sockaddr *)&client_address, &address_length);

        if (length < 0) {
            /* These pass. No client causes another one: a socket that is not connected hears of no refusal. */
            if (errno != EINTR && errno != ENOBUFS && errno != ENOMEM)
                fail(PROGRAM, "recvfrom", errno);

            /* As long as it does not pass, it is said once, and the server does not spin. */
            error = errno;

            if (error != said)
                explain_errno(PROGRAM, "recvfrom", error);

            said = error;
            nanosleep(&rest, NULL);
            continue;
        }

        said = 0;

        /* [7] Give a service no answer, because it could answer in turn */
        client_port = ntohs(client_address.sin_port);

        if (client_port < FIRST_CLIENT_PORT || client_port == server_port) {
            fprintf(stderr, "%s: ignored a datagram from %s, port %d: a service there could answer for ever\n",
                    PROGRAM, inet_ntoa(client_address.sin_addr), client_port);
            continue;
        }

        /* [8] Send it back. An answer that cannot go out at once is lost: to wait would hold up all others */
        if (sendto(sock, buffer, length, MSG_DONTWAIT, (struct sockaddr *)&client_address, address_length) < 0) {
            explain_errno(PROGRAM, "sendto", errno);
            continue;
        }

        printf("Datagram of length %zd from %s, port %d: sent back\n", length, inet_ntoa(client_address.sin_addr),
               client_port);
        fflush(stdout);
    }
}
