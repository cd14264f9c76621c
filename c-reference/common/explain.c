/*
 * Error messages, on stderr.
 *
 * The tutorial's programs print on stdout that a call failed, and leave the reason in `errno` (lines 222-224). These
 * functions print the reason on stderr, each with a single `fprintf`, so that a message is a single write.
 *
 * A program prints the reason before the tutorial's message, because `printf` may change `errno`.
 */
#include "explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints why `call` failed. */
void explain_errno(const char *program, const char *call, int error)
{
    fprintf(stderr, "%s: %s: %s (errno %d)\n", program, call, strerror(error), error);
}

/* Prints why `call` failed, and exits with 1: for programs that do not print the tutorial's messages. */
void fail(const char *program, const char *call, int error)
{
    explain_errno(program, call, error);
    exit(1);
}

/* Exits with 0, or with 1 if some of the output could not be written. */
void succeed(const char *program)
{
    if (fflush(stdout) < 0)
        fail(program, "fflush", errno);

    /* An earlier write failed, at the end of a line or when the buffer was full; its errno is lost. */
    if (ferror(stdout) != 0) {
        fprintf(stderr, "%s: a part of the output could not be written\n", program);
        exit(1);
    }

    exit(0);
}

/* Prints why `send` did not take all `length` bytes: it failed, or it took fewer. */
void explain_send(const char *program, ssize_t sent, ssize_t length)
{
    if (sent < 0)
        explain_errno(program, "send", errno);
    else
        fprintf(stderr, "%s: send: only %zd of %zd bytes were taken\n", program, sent, length);
}

/* Prints why only `total` of `expected` bytes were received: `recv` failed, or the server closed the connection. */
void explain_recv(const char *program, ssize_t received, ssize_t total, ssize_t expected)
{
    if (received < 0)
        explain_errno(program, "recv", errno);
    else
        fprintf(stderr, "%s: recv: the server closed the connection after %zd of %zd bytes\n", program, total,
                expected);
}

/* Prints the port that `argument` became, unless it is a plain decimal port number. */
void explain_port(const char *program, const char *argument, unsigned short port)
{
    const char *end = argument;
    int number = 0;

    /* Stop once the number is too large, before it overflows the int. */
    while (*end >= '0' && *end <= '9' && number <= 65535) {
        number = 10 * number + (*end - '0');
        end++;
    }

    if (end != argument && *end == '\0' && number <= 65535)
        return;

    fprintf(stderr, "%s: invalid port \"%s\": expected 0 to 65535; atoi() and the 16-bit field make it %d\n", program,
            argument, port);
}

/* Prints the address that `argument` became, unless it is one in dotted decimal. */
void explain_address(const char *program, const char *argument, in_addr_t address)
{
    struct in_addr taken = {.s_addr = address};

    /* inet_addr also reads 127.1, 0x7f.1 and 010.0.0.1, which is octal, and ignores whatever follows white space. */
    if (strcmp(argument, inet_ntoa(taken)) == 0)
        return;

    fprintf(stderr, "%s: invalid address \"%s\": expected dotted decimal; inet_addr() makes it %s\n", program, argument,
            inet_ntoa(taken));
}
