/*
 * UDP echo server: sends every datagram back to its sender.
 *
 * The tutorial describes UDP (lines 62-65) without a listing. There is no connection: no listen and no accept, one
 * socket serves every client, and each datagram comes with its sender's address. A datagram arrives whole and goes
 * back whole, even an empty one; two are never joined.
 *
 * Usage: `udp_echo_server [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one. SIGTERM or Ctrl-C ends it.
 * Read next: `udp_echo_client`, which sends to it (`udp_echo_client 127.0.0.1 WORD PORT`).
 *
 * A sender's address is easily forged. A datagram that seems to come from another echo service would go back and forth
 * between the two forever (CVE-1999-0103). So a datagram from a well-known port, 0 to 1023, or from the server's own
 * port gets no answer. An echo service on any other port cannot be told from a client.
 *
 * A shortcut: on a machine with several addresses, the kernel chooses the one that an answer comes from. It need not
 * be the one that the client sent to, and udp_echo_client accepts no answer from another. With -l there is one address
 * only, which the answers come from.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#include "common/explain.h"
#include "server/start.h"

#define PROGRAM "udp_echo_server"
#define USAGE                               \
    "./udp_echo_server [-l ADDRESS] PORT\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"
/* The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header. */
#define DATAGRAM_SIZE 65507
/* How long to back off when the system is out of memory. */
#define BACKOFF_NS 100000000
/* The ports below are those of well-known services. */
#define MIN_CLIENT_PORT 1024

int main(int argc, char *argv[])
{
    const struct timespec backoff = {0, BACKOFF_NS};
    struct settings settings;
    struct sockaddr_in server_address, client_address = {0};
    socklen_t address_length;
    in_port_t server_port, client_port;
    char buffer[DATAGRAM_SIZE];
    ssize_t length;
    int sock, error, last_error = 0;

    /* [1] Take address and port from the command line, and nothing else from whoever started the server */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:h", argc, argv);

    /* [2] Create the datagram socket */
    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);

    /* [3] Fill in the server's address: the port, on every interface unless -l names an address */
    memset(&server_address, 0, sizeof(server_address));
    server_address.sin_family = AF_INET;
    server_address.sin_addr = settings.address;
    server_address.sin_port = htons(settings.port);

    /* [4] Bind the socket to the address: from here on it receives datagrams */
    if (bind(sock, (struct sockaddr *)&server_address, sizeof(server_address)) < 0)
        fail(PROGRAM, "bind", errno);

    /* [5] Read the port back: the kernel has chosen one if it was 0 */
    address_length = sizeof(server_address);

    if (getsockname(sock, (struct sockaddr *)&server_address, &address_length) < 0)
        fail(PROGRAM, "getsockname", errno);

    server_port = ntohs(server_address.sin_port);

    if (settings.address.s_addr == htonl(INADDR_ANY))
        printf("Waiting for datagrams on port %d; nobody connects\n", server_port);
    else
        printf("Waiting for datagrams on %s, port %d; nobody connects\n", inet_ntoa(settings.address), server_port);

    fflush(stdout);

    for (;;) {
        address_length = sizeof(client_address);

        /* [6] Receive the next datagram, or wait for one: it arrives whole, with its sender's address */
        length = recvfrom(sock, buffer, DATAGRAM_SIZE, 0, (struct sockaddr *)&client_address, &address_length);

        if (length < 0) {
            /* These are transient. No client can cause others: a socket that is not connected gets no ICMP errors. */
            if (errno != EINTR && errno != ENOBUFS && errno != ENOMEM)
                fail(PROGRAM, "recvfrom", errno);

            /* Report it once, however long it lasts, and do not spin. */
            error = errno;

            if (error != last_error)
                explain_errno(PROGRAM, "recvfrom", error);

            last_error = error;
            nanosleep(&backoff, NULL);
            continue;
        }

        last_error = 0;

        /* [7] Do not answer a service, because it could answer in turn */
        client_port = ntohs(client_address.sin_port);

        if (client_port < MIN_CLIENT_PORT || client_port == server_port) {
            fprintf(stderr, "%s: ignored a datagram from %s, port %d: a service there could answer forever\n", PROGRAM,
                    inet_ntoa(client_address.sin_addr), client_port);
            continue;
        }

        /* [8] Send it back, or drop it if it cannot be sent at once: waiting would delay all other clients */
        if (sendto(sock, buffer, length, MSG_DONTWAIT, (struct sockaddr *)&client_address, address_length) < 0) {
            explain_errno(PROGRAM, "sendto", errno);
            continue;
        }

        printf("Datagram of length %zd from %s, port %d: sent back\n", length, inet_ntoa(client_address.sin_addr),
               client_port);
        fflush(stdout);
    }
}
