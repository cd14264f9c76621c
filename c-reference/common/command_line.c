/*
 * The command line of our own programs.
 *
 * The listings accept whatever they are given (erratum 27). Our programs check it: on a missing, surplus or invalid
 * argument they print the error and the usage on stderr, with a single `fprintf`, so that it is a single write, and
 * exit with 2. `-h` or `--help` as the first argument prints the usage on stdout; the program then exits with 0, or
 * with 1 if the usage could not be written.
 *
 * `usage` is the synopsis, such as `./byte_order [VALUE]`; `name` is the argument's name in it. A program reads an
 * optional argument only if argc counts it.
 */
#include "command_line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"

/* Prints the usage if it is asked for, and rejects more than `max` arguments. Call it before the other functions. */
void check_arguments(const char *program, const char *usage, int argc, char *argv[], int max)
{
    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        printf("Usage: %s\n", usage);
        succeed(program);
    }

    if (argc - 1 > max) {
        fprintf(stderr, "%s: too many arguments: \"%s\"\nUsage: %s\n", program, argv[max + 1], usage);
        exit(2);
    }
}

/* Returns an argument as it is. It must be there: a null pointer follows the last one. */
const char *string_argument(const char *program, const char *usage, const char *name, const char *text)
{
    if (text == NULL) {
        fprintf(stderr, "%s: missing argument: %s\nUsage: %s\n", program, name, usage);
        exit(2);
    }

    return text;
}

/*
 * Parses an argument that is an integer from `min` to `max`, without white space, a plus sign or anything after it.
 * `base` is 10, or 0, which also accepts 0x1F and octal 037. (A long has 32 bits on some machines, too few for some
 * limits.)
 */
long long number_argument(const char *program, const char *usage, const char *name, const char *text, int base,
                          long long min, long long max)
{
    char *end;
    long long number;

    text = string_argument(program, usage, name, text);

    /* Without a digit, `end` is `text`. A number out of range becomes LLONG_MAX or LLONG_MIN. */
    number = strtoll(text, &end, base);

    /* strtoll itself skips white space and accepts a plus sign. */
    if ((*text != '-' && (*text < '0' || *text > '9')) || end == text || *end != '\0' || number < min || number > max) {
        fprintf(stderr, "%s: invalid %s \"%s\": expected %lld to %lld\nUsage: %s\n", program, name, text, min, max,
                usage);
        exit(2);
    }

    return number;
}

/* Parses an argument that is an IPv4 address, in any notation that inet_aton accepts, and nothing else. */
struct in_addr address_argument(const char *program, const char *usage, const char *name, const char *text)
{
    struct in_addr address;

    text = string_argument(program, usage, name, text);

    /* inet_aton itself ignores whatever follows white space. */
    if (inet_aton(text, &address) == 0 || strpbrk(text, " \t\n\x0b\x0c\r") != NULL)
        reject_argument(program, usage, name, text, "an IPv4 address");

    return address;
}

/* Parses an argument that is the address of a machine, or 0.0.0.0: not that of a multicast group. */
struct in_addr unicast_argument(const char *program, const char *usage, const char *name, const char *text)
{
    struct in_addr address = address_argument(program, usage, name, text);

    /* Class D: the first four bits are 1110. */
    if (ntohl(address.s_addr) >> 28 == 14)
        reject_argument(program, usage, name, text, "a unicast address");

    return address;
}

/* Prints that an argument is invalid, and what was expected, such as "a multicast address". Exits with 2. */
void reject_argument(const char *program, const char *usage, const char *name, const char *text, const char *expected)
{
    fprintf(stderr, "%s: invalid %s \"%s\": expected %s\nUsage: %s\n", program, name, text, expected, usage);
    exit(2);
}
