/*
 * Echo server for TCP and UDP: both services on one port, in one poll.
 *
 * Waits: one process, for all sockets.
 * In: poll().
 * For: readiness, level-triggered.
 *
 * The tutorial says that games often mix TCP and UDP (line 63). Such a program waits for sockets of both kinds at once.
 * They can have the same port, because TCP and UDP number theirs separately. For poll() they are descriptors like any
 * others; what a readable one means differs. On the listening socket, a client connects: it gets a socket of its own,
 * and the server keeps a state for it until it closes. On the datagram socket, a datagram has arrived, from anybody: it
 * is sent back, and the server keeps nothing.
 *
 * The TCP side is that of `echo_server_poll`. On the UDP side, as in `udp_echo_server`, a well-known port or the
 * server's own gets no answer. Nothing is printed about a datagram: its sender's address is easily forged, and whoever
 * sends many would fill the log. A shutdown closes the datagram socket at once: UDP has promised nobody an answer.
 *
 * Call: `tcp_udp_echo_server [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one for TCP, which UDP needs,
 * too. Run against it: `echo_client 127.0.0.1 WORD PORT` and `udp_echo_client 127.0.0.1 WORD PORT`. SIGTERM or Ctrl-C
 * ends it. Read next: `echo_server_poll`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/explain.h"
#include "server/connections.h"
#include "server/poll_list.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/workers.h"

#define PROGRAM "tcp_udp_echo_server"
#define USAGE                                   \
    "./tcp_udp_echo_server [-l ADDRESS] PORT\n" \
    "  -l  listen on this address only (0.0.0.0: on all)"
/* The places in the list of the two sockets, of the signals and of the first connection. */
#define LISTENER 0
#define DATAGRAMS 1
#define SIGNALS 2
#define FIRST 3
/* The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header. */
#define DATAGRAM_SIZE 65507
/* The ports below are those of well-known services. */
#define MIN_CLIENT_PORT 1024

/* socket() and bind(): opens a datagram socket on the address and port that the listening socket has. */
static int open_datagrams(const struct settings *settings)
{
    struct sockaddr_in address;
    int sock;

    if ((sock = socket(PF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket (UDP)", errno);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr = settings->address;
    address.sin_port = htons(settings->port);

    if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(PROGRAM, "bind (UDP)", errno);

    return sock;
}

/* recvfrom() and sendto(): sends a datagram back, unless a service has sent it, which could answer in turn. */
static void echo_datagram(struct server *server, int sock, in_port_t server_port)
{
    struct sockaddr_in client_address = {0};
    socklen_t address_length = sizeof(client_address);
    char buffer[DATAGRAM_SIZE];
    in_port_t client_port;
    ssize_t length;

    length = recvfrom(sock, buffer, DATAGRAM_SIZE, 0, (struct sockaddr *)&client_address, &address_length);

    if (length < 0) {
        /* EAGAIN: only after poll() has the kernel found that the datagram's checksum is wrong, and dropped it. */
        if (errno != EAGAIN)
            wait_failed(server, "recvfrom", errno);

        return;
    }

    client_port = ntohs(client_address.sin_port);

    /* If it cannot be sent at once, or not at all, it is lost, as any datagram can be. */
    if (client_port >= MIN_CLIENT_PORT && client_port != server_port)
        sendto(sock, buffer, length, 0, (struct sockaddr *)&client_address, address_length);
}

int main(int argc, char *argv[])
{
    struct poll_list list = new_poll_list();
    struct settings settings;
    struct server server;
    struct pollfd *entry;
    sigset_t set;
    int listener, datagrams, signals, sock, state, unseen, accepts;

    /* [1] Read options and port, and block the signals */
    reset_inherited_state(PROGRAM);
    settings = read_settings(PROGRAM, USAGE, "+:l:h", argc, argv);
    set = block_signals(PROGRAM);

    /* [2] Listen for connections, and open a descriptor from which signals are read */
    listener = start_listening(PROGRAM, &settings, &set, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server = new_server(PROGRAM, listener);
    signals = open_signalfd(PROGRAM, &set);

    /* [3] Open a datagram socket on the port of the same number */
    datagrams = open_datagrams(&settings);
    announce_ready(PROGRAM, &settings);

    /* [4] Put the three descriptors into the list */
    if (!add_entry(&list, server.listener) || !add_entry(&list, datagrams) || !add_entry(&list, signals))
        fail(PROGRAM, "realloc", errno);

    while (!server.draining || server.open > 0) {
        /* [5] During a shutdown, receive no datagrams, and leave the port to another server */
        if (server.draining && datagrams >= 0) {
            close(datagrams);
            datagrams = -1;
        }

        /* [6] Leave out what is closed, and the listening socket while accept() is paused: poll() ignores −1 */
        list.fds[LISTENER].fd = can_accept(&server) ? server.listener : -1;
        list.fds[DATAGRAMS].fd = datagrams;

        /* [7] Sleep until a descriptor of either kind is ready */
        if ((unseen = poll(list.fds, list.count, -1)) < 0) {
            wait_failed(&server, "poll", errno);
            /* It has stored no events; those in the list are older. Only a signal may have come. */
            unseen = 0;
            list.fds[LISTENER].revents = 0;
            list.fds[DATAGRAMS].revents = 0;
            list.fds[SIGNALS].revents = POLLIN;
        }

        /* [8] Serve the connections that are ready, from the last one, and note what each waits for now */
        for (int i = list.count - 1; i >= FIRST && unseen > 0; i--) {
            entry = &list.fds[i];

            if (entry->revents == 0)
                continue;

            unseen--;
            state = serve(&server, entry->fd);

            if (state == CLOSED)
                remove_entry(&list, i);
            else
                entry->events = state == WANT_WRITE ? POLLOUT : POLLIN;
        }

        /* [9] Serve one datagram: if there are more, poll() returns at once, and the connections have their turn */
        if (list.fds[DATAGRAMS].revents != 0)
            echo_datagram(&server, datagrams, settings.port);

        /* [10] Accept connections */
        if (list.fds[LISTENER].revents != 0) {
            accepts = 0;

            while (accepts < MAX_ACCEPTS) {
                accepts++;

                if ((sock = accept_connection(&server)) < 0)
                    break;

                if (!add_entry(&list, sock))
                    reset_connection(&server, sock, "realloc", errno);
            }
        }

        /* [11] Handle a signal: it starts the shutdown, which ends with the last connection */
        if (list.fds[SIGNALS].revents != 0)
            handle_signalfd(&server, signals);
    }

    exit(0);
}
