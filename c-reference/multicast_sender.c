/*
 * Multicast sender: sends one datagram to a group; every member receives it.
 *
 * The tutorial's section on the options of IPPROTO_IP (lines 395-397), and its class D addresses (78). It shows the
 * two options of a sender: how many hops the datagram may take, and whether receivers on this host receive it, too.
 *
 * Usage: `multicast_sender GROUP PORT WORD`. Before it, start `multicast_receiver GROUP PORT`.
 *
 * There is no reply: the sender cannot know how many receivers there are, or whether there are any.
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
#include "common/loopback.h"

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

    /* [3] Allow one hop, so that no router forwards the datagram; loop it back to receivers on this host */
    set_option(PROGRAM, sock, IPPROTO_IP, IP_MULTICAST_TTL, 1);
    set_option(PROGRAM, sock, IPPROTO_IP, IP_MULTICAST_LOOP, 1);

    /* [4] Send the word to the group, on the interface that the routing table selects */
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
