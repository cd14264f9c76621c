/*
 * Loopback connections: what the programs that hold both ends of a connection have in common.
 *
 * Such a program creates its sockets here, on addresses of this machine, and reads and sets their options. Each
 * function makes the calls named in its first line, and exits with 1 if one of them fails.
 *
 * `program` is the name in the error message. `host` is an address in host byte order, as INADDR_LOOPBACK is: all of
 * 127.0.0.0/8 is this machine, so each end can have an address of its own.
 */
#include "loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "explain.h"

/* The index of tcpi_segs_out in the kernel's struct tcp_info, as an array of uint32_t: glibc's ends before it. */
#define SEGMENTS_OUT 34
/* The index of tcpi_segs_in. */
#define SEGMENTS_IN 35

/* socket(): creates a TCP socket, which has no address yet. */
int open_socket(const char *program)
{
    int sock;

    if ((sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP)) < 0)
        fail(program, "socket", errno);

    return sock;
}

/* bind(): gives a socket an address; the kernel chooses the port. */
void bind_to(const char *program, int sock, in_addr_t host)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(host);

    if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(program, "bind", errno);
}

/* socket() and bind(): creates a TCP socket that has an address. */
int bound_socket(const char *program, in_addr_t host)
{
    int sock = open_socket(program);

    bind_to(program, sock, host);
    return sock;
}

/* getsockname(): returns a socket's own address, with the port that the kernel chose. */
struct sockaddr_in own_address(const char *program, int sock)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    /* The address of another kind of socket may be shorter. */
    memset(&address, 0, sizeof(address));

    if (getsockname(sock, (struct sockaddr *)&address, &length) < 0)
        fail(program, "getsockname", errno);

    return address;
}

/* connect(): connects a socket to an address. */
void connect_to(const char *program, int sock, const struct sockaddr_in *address)
{
    if (connect(sock, (const struct sockaddr *)address, sizeof(*address)) < 0)
        fail(program, "connect", errno);
}

/* socket(), bind() and connect(): connects a client from an address of its own. */
int connect_client(const char *program, in_addr_t host, const struct sockaddr_in *server_address)
{
    int client = bound_socket(program, host);

    connect_to(program, client, server_address);
    return client;
}

/* accept(): takes the oldest pending connection, without its client's address. */
int accept_client(const char *program, int listener)
{
    int accepted;

    if ((accepted = accept(listener, NULL, NULL)) < 0)
        fail(program, "accept", errno);

    return accepted;
}

/* getsockopt(): returns an option whose value is an int. */
int get_option(const char *program, int sock, int level, int option)
{
    /* Set to 0 first: of an option with fewer bytes, the kernel stores only those. */
    int value = 0;
    socklen_t size = sizeof(value);

    if (getsockopt(sock, level, option, &value, &size) < 0)
        fail(program, "getsockopt", errno);

    return value;
}

/* getsockopt(): returns the state of a TCP socket, the first byte of TCP_INFO. */
unsigned char tcp_state(const char *program, int sock)
{
    unsigned char state = 0;
    socklen_t size = sizeof(state);

    if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, &state, &size) < 0)
        fail(program, "getsockopt", errno);

    return state;
}

/* getsockopt(): returns what the kernel made of the backlog passed to listen(). It is reported nowhere else. */
int effective_backlog(const char *program, int listener, int requested)
{
    struct tcp_info info;
    socklen_t size = offsetof(struct tcp_info, tcpi_lost);

    memset(&info, 0, sizeof(info));
    info.tcpi_sacked = requested;

    if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        fail(program, "getsockopt", errno);

    /* The field before tcpi_lost is the backlog of a listening socket. If the kernel stores less, it stays as it is. */
    return info.tcpi_sacked;
}

/* getsockopt(): stores how many segments a TCP socket has sent and received. If the kernel stores less, they stay 0. */
void count_segments(const char *program, int sock, uint32_t *sent, uint32_t *received)
{
    uint32_t info[SEGMENTS_IN + 1] = {0};
    socklen_t size = sizeof(info);

    if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, info, &size) < 0)
        fail(program, "getsockopt", errno);

    *sent = info[SEGMENTS_OUT];
    *received = info[SEGMENTS_IN];
}

/* getsockopt(): returns how many connections are complete and wait for accept(). */
int queue_length(const char *program, int listener)
{
    struct tcp_info info;
    socklen_t size = offsetof(struct tcp_info, tcpi_sacked);

    memset(&info, 0, sizeof(info));

    if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        fail(program, "getsockopt", errno);

    /* The field before tcpi_sacked is the length of a listening socket's queue. */
    return info.tcpi_unacked;
}

/* setsockopt(): sets an option whose value is an int. */
void set_option(const char *program, int sock, int level, int option, int value)
{
    if (setsockopt(sock, level, option, &value, sizeof(value)) < 0)
        fail(program, "setsockopt", errno);
}
