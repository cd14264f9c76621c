/*
 * TTL and MTU: how many hops a packet may take, and how large it may be on the way.
 *
 * The tutorial's sections on MTU, path MTU and TTL (lines 97-111), with the options of IPPROTO_IP that concern them
 * (395-397): IP_TTL, IP_MTU and IP_MTU_DISCOVER. The path MTU is computed for the tutorial's route A - B - C - D, and
 * read from the kernel for the route to 127.0.0.1. Erratum 20: it also decides the largest segment of TCP (MSS).
 *
 * Usage: `ttl_mtu`. All sockets are in this program. Read next: `interfaces`, `socket_options`, `multicast_sender`.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "ttl_mtu"
#define USAGE "./ttl_mtu"

/* The bytes of an IP header without options. */
#define IP_HEADER_SIZE 20
/* The bytes of a UDP header. */
#define UDP_HEADER_SIZE 8
/* The largest datagram: 65535 bytes, less 20 for the IP header and 8 for that of UDP. */
#define MAX_DATAGRAM_SIZE 65507

/* Sets an option of IP, and prints the error or the value that reads back. */
static void try_option(int sock, const char *name, int option, int value)
{
    if (setsockopt(sock, IPPROTO_IP, option, &value, sizeof(value)) < 0)
        printf("%s set to %d: %s\n", name, value, strerror(errno));
    else
        printf("%s set to %d: reads back %d\n", name, value, get_option(PROGRAM, sock, IPPROTO_IP, option));
}

/* Opens a datagram socket at an address of its own; the kernel chooses the port. */
static int open_datagram_socket(int number)
{
    int sock;

    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);
    bind_to(PROGRAM, sock, INADDR_LOOPBACK + number);
    return sock;
}

/* Sends a datagram of `length` bytes, and waits for it at the other end. */
static void send_datagram(int sender, int receiver, size_t length)
{
    char data[MAX_DATAGRAM_SIZE + 1];
    ssize_t received;

    memset(data, 'x', sizeof(data));
    if (send(sender, data, length, 0) < 0) {
        printf("%zu bytes sent: %s\n", length, strerror(errno));
        return;
    }
    if ((received = recv(receiver, data, sizeof(data), 0)) < 0)
        fail(PROGRAM, "recv", errno);
    printf("%zu bytes sent: %zd bytes arrive\n", length, received);
}

int main(int argc, char *argv[])
{
    const int mtus[] = {100, 200, 70, 80};
    int path_mtu, remaining, max_data, data;
    int hop;
    struct sockaddr_in address;
    int sender, receiver, listener, client;
    size_t length;
    int mtu = 0;
    socklen_t size = sizeof(mtu);

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Find the path MTU, the smallest on the tutorial's route from A to D */
    printf("MTUs on the route:");
    path_mtu = mtus[0];
    for (hop = 0; hop < 4; hop++) {
        mtu = mtus[hop];
        printf(" %c %d", 'A' + hop, mtu);
        if (mtu < path_mtu)
            path_mtu = mtu;
    }
    printf("; path MTU: %d\n", path_mtu);

    /* [2] Fragment a packet of A's MTU to fit; the data of each fragment but the last is a multiple of 8 bytes */
    printf("a packet of %d bytes, %d of them header, is fragmented into", mtus[0], IP_HEADER_SIZE);
    max_data = (path_mtu - IP_HEADER_SIZE) / 8 * 8;
    remaining = mtus[0] - IP_HEADER_SIZE;
    while (remaining > 0) {
        data = remaining < max_data ? remaining : max_data;
        printf(" %d", IP_HEADER_SIZE + data);
        remaining -= data;
    }
    printf(" bytes, each with a header\n");

    /* [3] Open two sockets on this host */
    sender = open_datagram_socket(1);
    receiver = open_datagram_socket(0);
    address = own_address(PROGRAM, receiver);

    /* [4] Read and set the TTL: how many hops a packet may take */
    printf("IP_TTL at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_TTL));
    try_option(sender, "IP_TTL", IP_TTL, 255);
    try_option(sender, "IP_TTL", IP_TTL, 256);
    try_option(sender, "IP_TTL", IP_TTL, 0);
    try_option(sender, "IP_TTL", IP_TTL, -1);
    try_option(sender, "IP_TTL", IP_TTL, 1);

    /* [5] Read the MTU of the route, before and after connecting */
    if (getsockopt(sender, IPPROTO_IP, IP_MTU, &mtu, &size) < 0)
        printf("IP_MTU without a destination: %s\n", strerror(errno));
    connect_to(PROGRAM, sender, &address);
    mtu = get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU);
    printf("IP_MTU to 127.0.0.1: %d\n", mtu);

    /* [6] Forbid fragmentation: each packet has "don't fragment" set, and what does not fit is rejected */
    printf("IP_MTU_DISCOVER at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU_DISCOVER));
    try_option(sender, "IP_MTU_DISCOVER", IP_MTU_DISCOVER, IP_PMTUDISC_DO);

    /* [7] Send the largest datagram that fits, and a byte more, with a TTL of 1: there is no router on the route */
    length = mtu - IP_HEADER_SIZE - UDP_HEADER_SIZE;
    if (length > MAX_DATAGRAM_SIZE)
        length = MAX_DATAGRAM_SIZE;
    send_datagram(sender, receiver, length);
    send_datagram(sender, receiver, length + 1);

    /* [8] Connect by TCP: the largest segment is what the MTU leaves for data, unless the receive window is small */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    if (listen(listener, 1) < 0)
        fail(PROGRAM, "listen", errno);
    address = own_address(PROGRAM, listener);
    client = connect_client(PROGRAM, INADDR_LOOPBACK + 1, &address);
    mtu = get_option(PROGRAM, client, IPPROTO_IP, IP_MTU);
    printf("TCP: MTU %d, largest segment %d\n", mtu, get_option(PROGRAM, client, IPPROTO_TCP, TCP_MAXSEG));

    /* [9] Close all sockets */
    if (close(client) < 0 || close(listener) < 0 || close(sender) < 0 || close(receiver) < 0)
        fail(PROGRAM, "close", errno);
    succeed(PROGRAM);
}
