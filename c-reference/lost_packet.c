/*
 * Lost packet: what TCP and UDP make of a packet that is lost on its way.
 *
 * The tutorial's section on the network and the transport layer (lines 54, 60-65), with its example of three packets
 * of which the first is lost (65), and the section on the TTL (111). It shows that TCP delivers all bytes in order;
 * that it resends only what is missing, with selective acknowledgements or without (erratum 22); that it is the sender
 * who notices the loss, and who gets an error if nothing arrives (erratum 34); and that UDP delivers what arrives, and
 * nothing tells the receiver that there was more.
 *
 * Usage: `lost_packet`. Both ends of its connections are in this program. Read next: `ttl_mtu`, `no_delay`.
 *
 * A packet with a TTL of 1 gets no further than the first router. On one host there is none, so the receiver's socket
 * drops what a router would, before TCP or UDP sees it. TCP has an option for that, IP_MINTTL. UDP ignores it, so the
 * datagram socket has a filter, a classic BPF program that the kernel runs for each packet. (Newer kernels let only
 * CAP_NET_ADMIN attach one to a TCP socket.) What TCP resends has the TTL that the sender's socket has by then.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "lost_packet"
#define USAGE "./lost_packet"
/* The bytes of the three messages together. */
#define TOTAL_SIZE 11
/* A TTL that is enough for every router on the way. It is Linux's default. */
#define LARGE_TTL 64
/* The receivers drop what has less. */
#define MIN_TTL 2
/* Where an IP header has its TTL, in bytes. */
#define TTL_OFFSET 8
/* What a filter returns to keep a packet: how many of its bytes, at most. */
#define WHOLE_PACKET 0xffffffff
/* How long TCP resends without an acknowledgement before it gives up; by default, about a quarter of an hour. */
#define USER_TIMEOUT_MS 100

/* Attaches a filter to a datagram socket: what arrives for it with a TTL below MIN_TTL is dropped. */
static void attach_filter(int sock)
{
    /* Load the TTL; if it is MIN_TTL or more, go on with the next instruction, otherwise skip it. */
    struct sock_filter instructions[] = {
        {.code = BPF_LD | BPF_B | BPF_ABS, .jt = 0, .jf = 0, .k = SKF_NET_OFF + TTL_OFFSET},
        {.code = BPF_JMP | BPF_JGE | BPF_K, .jt = 0, .jf = 1, .k = MIN_TTL},
        {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = WHOLE_PACKET},
        {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0},
    };
    struct sock_fprog filter = {.len = 4, .filter = instructions};

    if (setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0)
        fail(PROGRAM, "setsockopt", errno);
}

/* Returns how many packets for a socket were dropped. */
static uint32_t dropped(int sock)
{
    uint32_t counts[SK_MEMINFO_DROPS + 1] = {0};
    socklen_t size = sizeof(counts);

    if (getsockopt(sock, SOL_SOCKET, SO_MEMINFO, counts, &size) < 0)
        fail(PROGRAM, "getsockopt", errno);

    return counts[SK_MEMINFO_DROPS];
}

/* Prints how many segments were lost, and how many were resent. */
static void print_segments(int sender, int receiver)
{
    struct tcp_info info;
    socklen_t size = offsetof(struct tcp_info, tcpi_total_retrans) + sizeof(uint32_t);
    uint32_t lost = dropped(receiver);

    memset(&info, 0, sizeof(info));

    if (getsockopt(sender, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        fail(PROGRAM, "getsockopt", errno);

    printf("  Segments lost: %u, resent: %u; selective acknowledgements: %s\n", lost, info.tcpi_total_retrans,
           (info.tcpi_options & TCPI_OPT_SACK) != 0 ? "yes" : "no");
}

/* Sends a message in a packet with this TTL. */
static void send_message(int sock, int ttl, const char *message)
{
    ssize_t length = strlen(message);
    ssize_t sent;

    set_option(PROGRAM, sock, IPPROTO_IP, IP_TTL, ttl);

    if ((sent = send(sock, message, length, MSG_NOSIGNAL)) != length) {
        explain_send(PROGRAM, sent, length);
        exit(1);
    }
}

/* Calls recv once, and prints what it returns, or that it fails with the error `expected`. */
static void receive(const char *whose, int sock, int flags, int expected)
{
    char buffer[TOTAL_SIZE + 1] = {0};
    ssize_t received = recv(sock, buffer, TOTAL_SIZE, flags);

    if (received >= 0)
        printf("  The %s's recv returns %zd bytes: %s\n", whose, received, buffer);
    else if (errno == expected)
        printf("  The %s's recv fails: %s\n", whose, strerror(errno));
    else
        fail(PROGRAM, "recv", errno);
}

/* Opens a datagram socket at an address of its own; the kernel chooses the port. */
static int open_datagram_socket(in_addr_t host)
{
    int sock;

    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);

    bind_to(PROGRAM, sock, host);
    return sock;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    int listener, sender, receiver;
    int round;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);
    printf("What is sent with a TTL of 1 is lost, as at the first router\n");

    /* [1] Create the listener */
    listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    address = own_address(PROGRAM, listener);

    if (listen(listener, 1) < 0)
        fail(PROGRAM, "listen", errno);

    for (round = 0; round < 2; round++) {
        /* [2] Connect, from an address that is not in TIME_WAIT; the receiver drops what has a TTL of 1 */
        sender = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + round, &address);
        receiver = accept_client(PROGRAM, listener);
        set_option(PROGRAM, receiver, IPPROTO_IP, IP_MINTTL, MIN_TTL);

        /* [3] Let each message be a segment of its own, which does not wait for the one before it */
        set_option(PROGRAM, sender, IPPROTO_TCP, TCP_NODELAY, 1);

        if (round == 0) {
            /* [4] Send, the first message with a TTL of 1: all bytes arrive, in order */
            printf("TCP, three messages, the first with a TTL of 1:\n");
            send_message(sender, 1, "one");
            send_message(sender, LARGE_TTL, "two");
            send_message(sender, LARGE_TTL, "three");
            receive("receiver", receiver, MSG_WAITALL, 0);
        } else {
            /* [5] Send a message with a TTL of 1, and resend it with the same: the sender gets an error */
            printf("TCP, one message, always with a TTL of 1:\n");
            set_option(PROGRAM, sender, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
            send_message(sender, 1, "one");
            receive("sender", sender, 0, ETIMEDOUT);
        }

        /* [6] Compare what was lost with what was resent */
        print_segments(sender, receiver);
        close(sender);
        close(receiver);
    }

    close(listener);

    /* [7] Open two datagram sockets; the receiver drops what has a TTL of 1 */
    sender = open_datagram_socket(INADDR_LOOPBACK + 1);
    receiver = open_datagram_socket(INADDR_LOOPBACK);
    address = own_address(PROGRAM, receiver);
    connect_to(PROGRAM, sender, &address);
    attach_filter(receiver);

    /* [8] Send, the first message with a TTL of 1: the others arrive, and then there is nothing to receive */
    printf("UDP, three messages, the first with a TTL of 1:\n");
    send_message(sender, 1, "one");
    send_message(sender, LARGE_TTL, "two");
    send_message(sender, LARGE_TTL, "three");
    receive("receiver", receiver, 0, 0);
    receive("receiver", receiver, 0, 0);
    receive("receiver", receiver, MSG_DONTWAIT, EAGAIN);
    printf("  Datagrams lost: %u; nobody resends them, and nobody tells the receiver\n", dropped(receiver));

    close(sender);
    close(receiver);
    succeed(PROGRAM);
}
