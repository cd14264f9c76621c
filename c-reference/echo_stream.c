/*
 * Echo client for data of any length: sends standard input to an echo server, and compares what comes back.
 *
 * The tutorial's client sends one word, a C string without a NUL, and then waits for all of it (lines 578-669). That
 * does not work for more than the buffers between the two ends hold: the server does not receive while it cannot send,
 * so a client that only sends and a server that echoes wait for each other. This client sends and receives at the same
 * time, in one poll(). What comes back is compared byte by byte, and counted; it is not printed.
 *
 * Whatever has not come back yet must be remembered, so this is limited to WINDOW_SIZE bytes: as long as so much is
 * missing, no more is read. A server that keeps more than that to itself would be waited for forever. At the end of
 * the input the client closes its sending direction only, and waits for the rest.
 *
 * With -u each read of standard input becomes a datagram, which must come back whole before the next is sent. Any
 * datagram can get lost, so an answer is waited for as long as `udp_echo_client` does.
 *
 * Usage: `echo_stream [-u] ADDRESS PORT < FILE`. Exits with 1 if anything is missing, late or different. Run it with
 * any of the servers. Read next: `echo_server_fork`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/echo.h"
#include "common/explain.h"

#define PROGRAM "echo_stream"
#define USAGE                           \
    "./echo_stream [-u] ADDRESS PORT\n" \
    "  -u  send datagrams (UDP) of at most 1472 bytes, one after the other"
/* How many bytes may be on their way: sent or to be sent, and not back yet. */
#define WINDOW_SIZE 262144
/* What fits in one packet of an Ethernet: 1500 bytes less 20 for the IP header and 8 for the UDP header. */
#define DATAGRAM_SIZE 1472
/* The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header. */
#define ANSWER_SIZE 65507
/* How long to wait for a datagram. */
#define TIMEOUT_S 5

/* How far the stream has come, in bytes from its beginning. */
struct progress {
    unsigned long long taken;
    unsigned long long sent;
    unsigned long long returned;
};

/* Says how much is missing, after the reason was printed, and exits with 1. */
static _Noreturn void give_up(const struct progress *progress)
{
    fprintf(stderr, "%s: %llu bytes sent, %llu came back, %llu are missing\n", PROGRAM, progress->sent,
            progress->returned, progress->sent - progress->returned);
    exit(1);
}

/* read(), send() and recv(): sends standard input in datagrams, each once the one before has come back. */
static void echo_datagrams(int sock)
{
    struct progress progress = {.taken = 0, .sent = 0, .returned = 0};
    char datagram[DATAGRAM_SIZE], answer[ANSWER_SIZE];
    unsigned long long count = 0;
    ssize_t length, received;

    for (;;) {
        if ((length = read(0, datagram, DATAGRAM_SIZE)) < 0)
            fail(PROGRAM, "read", errno);

        if (length == 0)
            break;

        if (send(sock, datagram, length, 0) < 0) {
            explain_errno(PROGRAM, "send", errno);
            give_up(&progress);
        }

        progress.sent += length;

        do {
            received = recv(sock, answer, ANSWER_SIZE, 0);
        } while (received < 0 && errno == EINTR);

        if (received < 0) {
            if (errno == EAGAIN)
                fprintf(stderr, "%s: no answer within %d seconds: a datagram was lost, or nobody is there\n", PROGRAM,
                        TIMEOUT_S);
            else
                explain_errno(PROGRAM, "recv", errno);

            give_up(&progress);
        }

        check_bytes(PROGRAM, datagram, length, answer, received, progress.returned);
        progress.returned += received;

        if (received < length) {
            fprintf(stderr, "%s: wrong answer: length %zd: expected length %zd\n", PROGRAM, received, length);
            give_up(&progress);
        }

        count++;
    }

    printf("%llu bytes came back as they were sent; datagrams: %llu\n", progress.returned, count);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server_address;
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct progress progress = {.taken = 0, .sent = 0, .returned = 0};
    struct pollfd fds[2];
    char window[WINDOW_SIZE], answer[WINDOW_SIZE];
    char **operands;
    size_t place, room;
    ssize_t length;
    bool datagrams = false, input_ended = false, half_closed = false;
    int letter, sock;

    /* [1] Take the option, the address and the port from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, argc);

    while ((letter = getopt(argc, argv, "+:u")) != -1) {
        if (letter != 'u') {
            fprintf(stderr, "%s: invalid option -- '%c'\nUsage: %s\n", PROGRAM, optopt, USAGE);
            exit(2);
        }

        datagrams = true;
    }

    operands = argv + optind - 1;
    check_arguments(PROGRAM, USAGE, argc - optind + 1, operands, 2);
    memset(&server_address, 0, sizeof(server_address));
    server_address.sin_family = AF_INET;
    server_address.sin_addr = unicast_argument(PROGRAM, USAGE, "ADDRESS", operands[1]);
    server_address.sin_port = htons(number_argument(PROGRAM, USAGE, "PORT", operands[2], 10, 1, 65535));

    /* [2] Create a socket for a stream, or for datagrams */
    if ((sock = socket(PF_INET, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0)) < 0)
        fail(PROGRAM, "socket", errno);

    /* Otherwise it would be read, or printed to, in place of a standard stream. */
    if (sock <= 2) {
        fprintf(stderr, "%s: standard stream %d is closed\n", PROGRAM, sock);
        exit(1);
    }

    /* [3] Connect: with UDP no packet is sent, but then the socket receives from this address only */
    if (connect(sock, (struct sockaddr *)&server_address, sizeof(server_address)) < 0)
        fail(PROGRAM, "connect", errno);

    /* [4] With -u, send datagrams, with a timeout for each answer */
    if (datagrams) {
        if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
            fail(PROGRAM, "setsockopt", errno);

        echo_datagrams(sock);
        close(sock);
        succeed(PROGRAM);
    }

    for (;;) {
        /* [5] Sleep until there is input and room for it, the socket takes what must be sent, or something came back */
        room = WINDOW_SIZE - (progress.taken - progress.returned);
        fds[0].fd = !input_ended && room > 0 ? 0 : -1;
        fds[0].events = POLLIN;
        fds[1].fd = sock;
        fds[1].events = progress.sent < progress.taken ? POLLIN | POLLOUT : POLLIN;

        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;

            fail(PROGRAM, "poll", errno);
        }

        /* [6] Receive what has come back, and compare it with what was sent. 0 is the end: was that all? */
        if ((fds[1].revents & ~POLLOUT) != 0) {
            place = progress.returned % WINDOW_SIZE;
            length = recv(sock, answer, WINDOW_SIZE - place, MSG_DONTWAIT);

            if (length == 0 && half_closed && progress.returned == progress.sent)
                break;

            if (length == 0) {
                fprintf(stderr, "%s: the server closed the connection before the end of the %s\n", PROGRAM,
                        half_closed ? "echo" : "input");
                give_up(&progress);
            }

            if (length < 0 && errno != EAGAIN && errno != EINTR) {
                explain_errno(PROGRAM, "recv", errno);
                give_up(&progress);
            }

            if (length > 0) {
                check_bytes(PROGRAM, window + place, progress.sent - progress.returned, answer, length,
                            progress.returned);
                progress.returned += length;
            }
        }

        /* [7] Read as much of standard input as there is room for. 0 is its end */
        if (fds[0].fd == 0 && fds[0].revents != 0) {
            place = progress.taken % WINDOW_SIZE;

            if ((length = read(0, window + place, room < WINDOW_SIZE - place ? room : WINDOW_SIZE - place)) < 0)
                fail(PROGRAM, "read", errno);

            input_ended = length == 0;
            progress.taken += length;
        }

        /* [8] Send what the socket takes at once */
        if (progress.sent < progress.taken) {
            place = progress.sent % WINDOW_SIZE;
            room = progress.taken - progress.sent;
            length = send(sock, window + place, room < WINDOW_SIZE - place ? room : WINDOW_SIZE - place,
                          MSG_DONTWAIT | MSG_NOSIGNAL);

            if (length < 0 && errno != EAGAIN && errno != EINTR) {
                explain_errno(PROGRAM, "send", errno);
                give_up(&progress);
            }

            if (length > 0)
                progress.sent += length;
        }

        /* [9] Close the sending direction once all the input is sent: the server gets an end of file */
        if (input_ended && !half_closed && progress.sent == progress.taken) {
            if (shutdown(sock, SHUT_WR) < 0) {
                explain_errno(PROGRAM, "shutdown", errno);
                give_up(&progress);
            }

            half_closed = true;
        }
    }

    /* [10] Say how much came back */
    printf("%llu bytes came back as they were sent\n", progress.returned);
    close(sock);
    succeed(PROGRAM);
}
