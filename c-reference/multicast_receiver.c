/*
 * Multicast receiver: joins a group and waits for the first datagram sent to it.
 *
 * The tutorial's section on the options of IPPROTO_IP (lines 395-397), and its class D addresses (78). It shows that
 * a socket option joins a group, that several receivers can share a port (SO_REUSEADDR), and that each of them
 * receives the datagram, although it is sent once.
 *
 * Usage: `multicast_receiver GROUP PORT`, as many times as you like; then `multicast_sender GROUP PORT WORD`. GROUP
 * is an address from 224.0.0.0 to 239.255.255.255; those that begin with 239 are free for private use.
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

#define PROGRAM "multicast_receiver"
#define USAGE "./multicast_receiver GROUP PORT"
#define RCVBUFSIZE 128

int main(int argc, char *argv[])
{
    struct sockaddr_in group_address, sender;
    struct ip_mreq mreq;
    socklen_t sender_length = sizeof(sender);
    char buffer[RCVBUFSIZE + 1];
    ssize_t received, shown;
    struct in_addr group;
    in_port_t port;
    int sock;

    /* [1] Take the group and the port from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 2);
    group = address_argument(PROGRAM, USAGE, "GROUP", argv[1]);

    /* Class D: the first four bits are 1110. */
    if (ntohl(group.s_addr) >> 28 != 14)
        reject_argument(PROGRAM, USAGE, "GROUP", argv[1], "a multicast address (224.0.0.0 to 239.255.255.255)");

    port = number_argument(PROGRAM, USAGE, "PORT", argv[2], 10, 1, 65535);

    /* [2] Create the socket, and let other receivers bind to the same port */
    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);

    set_option(PROGRAM, sock, SOL_SOCKET, SO_REUSEADDR, 1);

    /* [3] Bind it to the group and the port, so that datagrams to other addresses of this host do not arrive */
    memset(&group_address, 0, sizeof(group_address));
    group_address.sin_family = AF_INET;
    group_address.sin_addr = group;
    group_address.sin_port = htons(port);

    if (bind(sock, (struct sockaddr *)&group_address, sizeof(group_address)) < 0)
        fail(PROGRAM, "bind", errno);

    /* [4] Join the group, on the interface that the routing table selects */
    mreq.imr_multiaddr = group;
    mreq.imr_interface.s_addr = htonl(INADDR_ANY);

    if (setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    printf("Joined the group %s, port %d\n", inet_ntoa(group), port);

    /* Whoever runs the sender can do so from now on. */
    fflush(stdout);

    /* [5] Wait for a datagram; with MSG_TRUNC, recvfrom returns its length even if it does not fit */
    memset(&sender, 0, sizeof(sender));

    if ((received = recvfrom(sock, buffer, RCVBUFSIZE, MSG_TRUNC, (struct sockaddr *)&sender, &sender_length)) < 0)
        fail(PROGRAM, "recvfrom", errno);

    shown = received < RCVBUFSIZE ? received : RCVBUFSIZE;
    buffer[shown] = '\0';
    printf("Received %zd bytes from %s: %s\n", received, inet_ntoa(sender.sin_addr), buffer);

    if (shown < received)
        printf("Only the first %zd bytes fit\n", shown);

    /* [6] Leave the group; closing the socket would do so, too */
    if (setsockopt(sock, IPPROTO_IP, IP_DROP_MEMBERSHIP, &mreq, sizeof(mreq)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    close(sock);
    succeed(PROGRAM);
}
