/* The echo client and server as POSIX programs are written today: echo client|server|udp_client|udp_server IP PORT
 * [WAY] */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static char buffer[1 << 20];

static void check(int right, const char *what)
{
    if (!right) {
        perror(what);
        exit(1);
    }
}

static int open_socket(int type, int is_server, const char *ip, const char *port)
{
    struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *address;
    check(getaddrinfo(ip, port, &hints, &address) == 0, "getaddrinfo");
    int sock = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    check(sock >= 0, "socket");
    int (*attach)(int, const struct sockaddr *, socklen_t) = is_server ? bind : connect;
    check(attach(sock, address->ai_addr, address->ai_addrlen) == 0, is_server ? "bind" : "connect");
    return sock;
}

static void write_all(int to, const char *from, size_t length)
{
    for (ssize_t written; length > 0; from += written, length -= written)
        check((written = write(to, from, length)) > 0, "write");
}

static size_t read_word(void)
{
    return fread(buffer, 1, sizeof buffer, stdin);
}

static void client(int sock, const char *way)
{
    size_t left = read_word();
    write_all(sock, buffer, left);
    if (strcmp(way, "half_close") == 0)
        shutdown(sock, SHUT_WR);
    for (ssize_t got; left > 0 && (got = read(sock, buffer, sizeof buffer)) != 0; left -= got) {
        check(got > 0, "read");
        write_all(1, buffer, got);
    }
}

static void server(int sock)
{
    listen(sock, 5);
    for (;;) {
        int connection = accept(sock, NULL, NULL);
        check(connection >= 0, "accept");
        if (fork() == 0) {
            for (ssize_t got; (got = read(connection, buffer, sizeof buffer)) > 0;)
                write_all(connection, buffer, got);
            exit(0);
        }
        close(connection);
    }
}

static void udp_client(int sock)
{
    size_t length = read_word();
    check(send(sock, buffer, length, 0) >= 0, "send");
    ssize_t got = recv(sock, buffer, sizeof buffer, 0);
    check(got >= 0, "recv");
    write_all(1, buffer, got);
}

static void udp_server(int sock)
{
    struct sockaddr_storage peer;
    for (;;) {
        socklen_t length = sizeof peer;
        ssize_t got = recvfrom(sock, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &length);
        check(got >= 0, "recvfrom");
        sendto(sock, buffer, got, 0, (struct sockaddr *)&peer, length);
    }
}

int main(int argc, char **argv)
{
    int is_udp = argc > 1 && strncmp(argv[1], "udp", 3) == 0, is_server = argc == 4 && strstr(argv[1], "server");
    if (argc < 4)
        return 2;
    int sock = open_socket(is_udp ? SOCK_DGRAM : SOCK_STREAM, is_server, argv[2], argv[3]);
    if (is_udp && is_server)
        udp_server(sock);
    else if (is_udp)
        udp_client(sock);
    else if (is_server)
        server(sock);
    else
        client(sock, argc > 4 ? argv[4] : "count");
}
