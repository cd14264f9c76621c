/*
 * Multicast sender: sends one datagram to a group, and whoever has joined gets it.
 *
 * The tutorial's section on the options of IPPROTO_IP (lines 395-397), and its class D (78). It shows the
 * two options that a sender has: how many routers the datagram may pass, and whether receivers on this
 * machine get it, too.
 *
 * Call: `multicast_sender GROUP PORT WORD`. Run against it, before: `multicast_receiver GROUP PORT`.
 *
 * Nobody answers: the sender does not know how many receivers there are, or whether there are any.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "multicast_sender"
#define USAGE "./multicast_sender GROUP PORT WORD"

int main(int argc, char *argv[])
{
    struct sockaddr_in group_address;
    struct in_addr group;
    const char *word;
    size_t length;
    ssize_t sent;
    in_port_t port;
    int sock;
    int ttl = 1;
    int loop = 1;

    /* [1] Take the group, the port and the word from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    group = address_argument(PROGRAM, USAGE, "GROUP", argv[1]);

    /* Class D: the first four bits are 1110. */
    if (ntohl(group.s_addr) >> 28 != 14)
        reject_argument(PROGRAM, USAGE, "GROUP", argv[1], "a multicast address (224.0.0.0 to 239.255.255.255)");

    port = number_argument(PROGRAM, USAGE, "PORT", argv[2], 10, 1, 65535);
    word = string_argument(PROGRAM, USAGE, "WORD", argv[3]);

    /* [2] Create the socket */
    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);

    /* [3] Let the datagram pass no router, and come back to receivers on this machine */
    if (setsockopt(sock, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    if (setsockopt(sock, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    /* [4] Send the word to the group, by the interface that the routing table has for it */
    memset(&group_address, 0, sizeof(group_address));
    group_address.sin_family = AF_INET;
    group_address.sin_addr = group;
    group_address.sin_port = htons(port);

    length = strlen(word);

    if ((sent = sendto(sock, word, length, 0, (struct sockaddr *)&group_address, sizeof(group_address))) < 0)
        fail(PROGRAM, "sendto", errno);

    printf("Sent %zd bytes to the group %s, port %d, once for all receivers\n", sent, inet_ntoa(group), port);
    close(sock);
    succeed(PROGRAM);
}
