/*
 * What the programs say on stderr.
 *
 * The tutorial's programs print on stdout that a call failed, and leave the reason in `errno`
 * (lines 222-224). These functions print the reason on stderr, each in one `fprintf`, so that a
 * message is one write.
 *
 * A program explains a failure before it prints the tutorial's words, because `printf` may change
 * `errno`.
 */
#include "explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says why `call` failed. */
void explain_errno(const char *program, const char *call, int error)
{
    fprintf(stderr, "%s: %s: %s (errno %d)\n", program, call, strerror(error), error);
}

/* Says why `call` failed, and exits with 1: for programs that need not print the tutorial's words. */
void fail(const char *program, const char *call, int error)
{
    explain_errno(program, call, error);
    exit(1);
}

/* Exits with 0, or with 1 if a part of the output could not be written. */
void succeed(const char *program)
{
    if (fflush(stdout) < 0)
        fail(program, "fflush", errno);

    /* An earlier write has failed, at the end of a line or when the buffer was full; errno is long gone. */
    if (ferror(stdout) != 0) {
        fprintf(stderr, "%s: a part of the output could not be written\n", program);
        exit(1);
    }

    exit(0);
}

/* Says why `send` did not take `length` bytes: it failed, or it took fewer. */
void explain_send(const char *program, ssize_t sent, ssize_t length)
{
    if (sent < 0)
        explain_errno(program, "send", errno);
    else
        fprintf(stderr, "%s: send: only %zd of %zd bytes were taken\n", program, sent, length);
}

/* Says why `recv` stopped `total` bytes into an answer of `expected`: it failed, or the server closed. */
void explain_recv(const char *program, ssize_t received, ssize_t total, ssize_t expected)
{
    if (received < 0)
        explain_errno(program, "recv", errno);
    else
        fprintf(stderr, "%s: recv: the server closed the connection after %zd of %zd bytes\n", program, total,
                expected);
}

/* Says what became of `argument`, unless it is a plain decimal number that fits a port. */
void explain_port(const char *program, const char *argument, unsigned short port)
{
    const char *end = argument;
    int number = 0;

    /* Stop at a number that is too large already, before it overflows the int. */
    while (*end >= '0' && *end <= '9' && number <= 65535) {
        number = 10 * number + (*end - '0');
        end++;
    }

    if (end != argument && *end == '\0' && number <= 65535)
        return;

    fprintf(stderr, "%s: invalid port \"%s\": expected 0 to 65535; atoi() and the 16-bit field make it %d\n",
            program, argument, port);
}

/* Says what became of `argument`, unless it is an address in dotted decimal. */
void explain_address(const char *program, const char *argument, in_addr_t address)
{
    struct in_addr taken = {.s_addr = address};

    /* inet_addr also reads 127.1, 0x7f.1 and 010.0.0.1, which is octal, and ignores what follows white space. */
    if (strcmp(argument, inet_ntoa(taken)) == 0)
        return;

    fprintf(stderr, "%s: invalid address \"%s\": expected dotted decimal; inet_addr() makes it %s\n", program, argument,
            inet_ntoa(taken));
}
