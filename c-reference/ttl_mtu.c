/*
 * TTL and MTU: how far a packet may go, and how large it may be on the way.
 *
 * The tutorial's sections on MTU, path MTU and TTL (lines 97-111), with the options of IPPROTO_IP that are
 * about them (395-397): IP_TTL, IP_MTU and IP_MTU_DISCOVER. The smallest MTU on the way is computed for the
 * tutorial's A - B - C - D, and asked of the kernel for the way to this machine itself.
 *
 * Call: `ttl_mtu`. It sends to itself. Next: `socket_options`, `multicast_sender`.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "ttl_mtu"
#define USAGE "./ttl_mtu"

/* An IP header without options, in bytes. */
#define HEADER 20
/* The largest datagram: 65535 bytes, less 20 for the IP header and 8 for UDP's. */
#define LARGEST 65507

/* Sets an option of IP, and says what came of it. */
static void try_option(int sock, const char *name, int option, int value)
{
    if (setsockopt(sock, IPPROTO_IP, option, &value, sizeof(value)) < 0)
        printf("%s set to %d: %s\n", name, value, strerror(errno));
    else
        printf("%s set to %d: reads back %d\n", name, value, get_option(PROGRAM, sock, IPPROTO_IP, option));
}

/* Opens a datagram socket at an address of its own. The kernel chooses the port. */
static int open_at(struct sockaddr_in *address, int number)
{
    int sock;

    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);
    bind_to(PROGRAM, sock, INADDR_LOOPBACK + number);
    *address = own_address(PROGRAM, sock);
    return sock;
}

/* Sends a datagram of so many bytes, and waits for it at the other end. */
static void send_to_itself(int sender, int receiver, size_t length)
{
    char data[LARGEST + 1];
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
    int smallest, rest, most, part;
    int place;
    struct sockaddr_in address;
    int sender, receiver;
    int mtu;
    socklen_t size = sizeof(mtu);

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Find the smallest MTU on the tutorial's way from A to D */
    printf("MTUs on the way:");
    smallest = mtus[0];
    for (place = 0; place < 4; place++) {
        mtu = mtus[place];
        printf(" %c %d", 'A' + place, mtu);
        if (mtu < smallest)
            smallest = mtu;
    }
    printf("; path MTU: %d\n", smallest);

    /* [2] Cut a packet as large as A's MTU so that it fits: each piece but the last is a multiple of 8 */
    printf("a packet of %d bytes, %d of them its header, is cut into", mtus[0], HEADER);
    most = (smallest - HEADER) / 8 * 8;
    rest = mtus[0] - HEADER;
    while (rest > 0) {
        part = rest < most ? rest : most;
        printf(" %d", HEADER + part);
        rest -= part;
    }
    printf(" bytes, each with a header\n");

    /* [3] Open two sockets of this machine */
    sender = open_at(&address, 1);
    receiver = open_at(&address, 0);

    /* [4] Read and set how many routers a packet may pass */
    printf("IP_TTL at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_TTL));
    try_option(sender, "IP_TTL", IP_TTL, 255);
    try_option(sender, "IP_TTL", IP_TTL, 256);
    try_option(sender, "IP_TTL", IP_TTL, 0);
    try_option(sender, "IP_TTL", IP_TTL, -1);
    try_option(sender, "IP_TTL", IP_TTL, 1);

    /* [5] Ask for the MTU of the way, before there is one and after */
    if (getsockopt(sender, IPPROTO_IP, IP_MTU, &mtu, &size) < 0)
        printf("IP_MTU without a destination: %s\n", strerror(errno));
    connect_to(PROGRAM, sender, &address);
    printf("IP_MTU to 127.0.0.1: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU));

    /* [6] Forbid that packets are cut: each says "don't fragment", and what does not fit is refused */
    printf("IP_MTU_DISCOVER at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU_DISCOVER));
    try_option(sender, "IP_MTU_DISCOVER", IP_MTU_DISCOVER, IP_PMTUDISC_DO);

    /* [7] Send, with a TTL of 1: no router is on the way */
    send_to_itself(sender, receiver, LARGEST);
    send_to_itself(sender, receiver, LARGEST + 1);

    /* [8] Close both */
    if (close(sender) < 0)
        fail(PROGRAM, "close", errno);
    if (close(receiver) < 0)
        fail(PROGRAM, "close", errno);
    succeed(PROGRAM);
}
