/*
 * Socket options: a table of the options of a new TCP socket, with C type, size, meaning and default value.
 *
 * The tutorial's section on socket options (lines 322-338), and options of its three levels. It shows that the type
 * of the value depends on the option, and that getsockopt takes a pointer to the length, setsockopt the length
 * itself.
 *
 * Usage: `socket_options`. Read next: `buffer_size`, `linger`, `reuse_address`, `ttl_mtu` and `no_delay`, each on one
 * option.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "socket_options"
#define USAGE "./socket_options"

/* Reads an option into `value`, of `size` bytes. Returns how many bytes the kernel stored; the others are kept. */
static socklen_t read_option(int sock, int level, int optname, void *value, socklen_t size)
{
    if (getsockopt(sock, level, optname, value, &size) < 0)
        fail(PROGRAM, "getsockopt", errno);

    return size;
}

/* Prints an option whose value is an int, as most are. */
static void print_option(int sock, int level, int optname, const char *name, const char *meaning)
{
    int value = 0;
    socklen_t size = read_option(sock, level, optname, &value, sizeof(value));

    printf("  %-17s  int             %5u  %-34s  %d\n", name, size, meaning, value);
}

/* Prints an option of IP whose value may be a single byte. */
static void print_byte_option(int sock, int optname, const char *name, const char *meaning)
{
    unsigned char value = 0;
    socklen_t size = read_option(sock, IPPROTO_IP, optname, &value, sizeof(value));

    printf("  %-17s  unsigned char   %5u  %-34s  %d\n", name, size, meaning, value);
}

/* Prints an option whose value is a timeout. */
static void print_timeout(int sock, int optname, const char *name, const char *meaning)
{
    struct timeval value = {.tv_sec = 0, .tv_usec = 0};
    socklen_t size = read_option(sock, SOL_SOCKET, optname, &value, sizeof(value));

    printf("  %-17s  struct timeval  %5u  %-34s  %ld s %ld us\n", name, size, meaning, (long)value.tv_sec,
           (long)value.tv_usec);
}

int main(int argc, char *argv[])
{
    int sock;
    int on = 1;
    struct linger linger = {.l_onoff = 0, .l_linger = 0};
    struct in_addr interface = {.s_addr = 0};
    socklen_t size;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [1] Create a socket */
    if ((sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP)) < 0)
        fail(PROGRAM, "socket", errno);

    /* [2] Print the options of every socket */
    printf("SOL_SOCKET           type            bytes  meaning                             default\n");
    print_option(sock, SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST", "1: may send broadcasts");
    print_option(sock, SOL_SOCKET, SO_ERROR, "SO_ERROR", "pending error; read-only");
    print_option(sock, SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE", "1: sends keepalive probes");
    size = read_option(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    printf("  SO_LINGER          struct linger   %5u  on or off; how long close waits     %d, %d s\n", size,
           linger.l_onoff, linger.l_linger);
    print_option(sock, SOL_SOCKET, SO_OOBINLINE, "SO_OOBINLINE", "1: urgent data is received in line");
    print_option(sock, SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", "receive buffer, bytes");
    print_option(sock, SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", "send buffer, bytes");
    print_option(sock, SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT", "minimum bytes for recv to return");
    print_timeout(sock, SO_RCVTIMEO, "SO_RCVTIMEO", "timeout of recv; 0: none");
    print_timeout(sock, SO_SNDTIMEO, "SO_SNDTIMEO", "timeout of send; 0: none");
    print_option(sock, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR", "1: may bind despite TIME_WAIT");
    print_option(sock, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT", "1: several sockets share a port");
    print_option(sock, SOL_SOCKET, SO_TYPE, "SO_TYPE", "1: SOCK_STREAM; read-only");

    /* [3] Print the options of IP */
    printf("IPPROTO_IP           type            bytes  meaning                             default\n");
    print_option(sock, IPPROTO_IP, IP_TTL, "IP_TTL", "hop limit");
    print_option(sock, IPPROTO_IP, IP_TOS, "IP_TOS", "type of service");
    print_option(sock, IPPROTO_IP, IP_MTU_DISCOVER, "IP_MTU_DISCOVER", "1: discovers the path MTU");
    print_byte_option(sock, IP_MULTICAST_TTL, "IP_MULTICAST_TTL", "hop limit of multicast");
    print_byte_option(sock, IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP", "1: this host receives it, too");
    size = read_option(sock, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface));
    printf("  IP_MULTICAST_IF    struct in_addr  %5u  its interface; 0.0.0.0: default     %s\n", size,
           inet_ntoa(interface));

    /* [4] Print the options of TCP */
    printf("IPPROTO_TCP          type            bytes  meaning                             default\n");
    print_option(sock, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY", "1: Nagle's algorithm is off");
    print_option(sock, IPPROTO_TCP, TCP_CORK, "TCP_CORK", "1: sends full segments only");
    print_option(sock, IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG", "maximum segment size (MSS), bytes");
    print_option(sock, IPPROTO_TCP, TCP_SYNCNT, "TCP_SYNCNT", "SYN retransmissions");
    print_option(sock, IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE", "idle seconds before a probe");
    print_option(sock, IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL", "seconds between probes");
    print_option(sock, IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT", "probes before it gives up");

    /* [5] Set an option and read it back */
    /* Erratum 12: the tutorial has a pointer to the length, but only getsockopt takes one. */
    if (setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    printf("\nTCP_NODELAY set to 1; setsockopt takes the length itself (%zu), not a pointer to it:\n", sizeof(on));
    print_option(sock, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY", "1: Nagle's algorithm is off");

    succeed(PROGRAM);
}
