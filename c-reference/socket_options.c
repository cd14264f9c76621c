/*
 * Socket options: a table of what can be read of a new TCP socket, with C type and default value.
 *
 * The tutorial's section on socket options (lines 322-338), and the options of its three levels. It shows that the
 * type depends on the option, and that getsockopt takes a pointer to the length and setsockopt the length itself.
 *
 * Call: `socket_options`. Of single options tell `buffer_size`, `linger`, `reuse_address`, `ttl_mtu`, `no_delay`.
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

/*
 * Reads an option into `value`, which has `size` bytes. Returns how many of them getsockopt used; if it used
 * fewer, the others stay what they were.
 */
static socklen_t read_option(int sock, int level, int optname, void *value, socklen_t size)
{
    if (getsockopt(sock, level, optname, value, &size) < 0)
        fail(PROGRAM, "getsockopt", errno);

    return size;
}

/* Shows an option that is an int: most are. */
static void show(int sock, int level, int optname, const char *name, const char *meaning)
{
    int value = 0;
    socklen_t size = read_option(sock, level, optname, &value, sizeof(value));

    printf("  %-17s  int             %5u  %-34s  %d\n", name, size, meaning, value);
}

/* Shows an option that may be a single byte. */
static void show_byte(int sock, int optname, const char *name, const char *meaning)
{
    unsigned char value = 0;
    socklen_t size = read_option(sock, IPPROTO_IP, optname, &value, sizeof(value));

    printf("  %-17s  unsigned char   %5u  %-34s  %d\n", name, size, meaning, value);
}

/* Shows an option that is a length of time. */
static void show_time(int sock, int optname, const char *name, const char *meaning)
{
    struct timeval value = {.tv_sec = 0, .tv_usec = 0};
    socklen_t size = read_option(sock, SOL_SOCKET, optname, &value, sizeof(value));

    printf("  %-17s  struct timeval  %5u  %-34s  %ld s %ld us\n", name, size, meaning, (long)value.tv_sec,
           (long)value.tv_usec);
}

int main(int argc, char *argv[])
{
    int sock, one;
    struct linger linger = {.l_onoff = 0, .l_linger = 0};
    struct in_addr interface = {.s_addr = 0};
    socklen_t size;

    /* [1] There is nothing to take from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    /* [2] Create the socket */
    if ((sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP)) < 0)
        fail(PROGRAM, "socket", errno);

    /* [3] Show the options of every socket */
    printf("SOL_SOCKET           type            bytes  what it is                          default\n");
    show(sock, SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST", "1: may send to all hosts");
    show(sock, SOL_SOCKET, SO_ERROR, "SO_ERROR", "the errno that waits; read only");
    show(sock, SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE", "1: asks whether the peer is there");
    size = read_option(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    printf("  SO_LINGER          struct linger   %5u  on or off; how long close waits     %d, %d s\n", size,
           linger.l_onoff, linger.l_linger);
    show(sock, SOL_SOCKET, SO_OOBINLINE, "SO_OOBINLINE", "1: urgent bytes like all others");
    show(sock, SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", "receive buffer, bytes");
    show(sock, SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", "send buffer, bytes");
    show(sock, SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT", "bytes that make recv return");
    show_time(sock, SO_RCVTIMEO, "SO_RCVTIMEO", "how long recv waits; 0: for ever");
    show_time(sock, SO_SNDTIMEO, "SO_SNDTIMEO", "how long send waits; 0: for ever");
    show(sock, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR", "1: bind in spite of TIME_WAIT");
    show(sock, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT", "1: several sockets share a port");
    show(sock, SOL_SOCKET, SO_TYPE, "SO_TYPE", "1 is SOCK_STREAM; read only");

    /* [4] Show the options of IP */
    printf("IPPROTO_IP           type            bytes  what it is                          default\n");
    show(sock, IPPROTO_IP, IP_TTL, "IP_TTL", "routers that a packet may pass");
    show(sock, IPPROTO_IP, IP_TOS, "IP_TOS", "kind of service asked of routers");
    show(sock, IPPROTO_IP, IP_MTU_DISCOVER, "IP_MTU_DISCOVER", "1: finds the path MTU");
    show_byte(sock, IP_MULTICAST_TTL, "IP_MULTICAST_TTL", "IP_TTL of multicast");
    show_byte(sock, IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP", "1: this host gets it, too");
    size = read_option(sock, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface));
    printf("  IP_MULTICAST_IF    struct in_addr  %5u  its interface; 0.0.0.0: any         %s\n", size,
           inet_ntoa(interface));

    /* [5] Show the options of TCP */
    printf("IPPROTO_TCP          type            bytes  what it is                          default\n");
    show(sock, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY", "1: without Nagle's algorithm");
    show(sock, IPPROTO_TCP, TCP_CORK, "TCP_CORK", "1: sends full segments only");
    show(sock, IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG", "largest segment, bytes");
    show(sock, IPPROTO_TCP, TCP_SYNCNT, "TCP_SYNCNT", "SYNs that connect repeats");
    show(sock, IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE", "seconds of silence until it asks");
    show(sock, IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL", "seconds until it asks again");
    show(sock, IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT", "how often it asks");

    /* [6] Set an option and read it back */
    one = 1;

    /* Erratum 12: the tutorial has a pointer to the length, but only getsockopt takes one. */
    if (setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
        fail(PROGRAM, "setsockopt", errno);

    printf("\nTCP_NODELAY is set, with the length %zu itself, not a pointer to it:\n", sizeof(one));
    show(sock, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY", "1: without Nagle's algorithm");

    succeed(PROGRAM);
}
