/*
 * How our own programs read their command line.
 *
 * The listings take what they get (erratum 27). Our programs check it: if an argument is missing, superfluous or
 * invalid, they say so on stderr, with the usage below it, all in one `fprintf`, so that it is one write, and exit
 * with 2. `-h` or `--help` as the first argument prints the usage on stdout; the program then exits with 0, or with 1
 * if the usage could not be written.
 *
 * `usage` shows how the program is called, as in `./byte_order [VALUE]`; `name` is the argument's name in it.
 * Optional arguments are read only if argc counts them.
 */
#include "command_line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"

/* Prints the usage if it is asked for, and rejects more than `most` arguments. Comes before the other functions. */
void check_arguments(const char *program, const char *usage, int argc, char *argv[], int most)
{
    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        printf("Usage: %s\n", usage);
        succeed(program);
    }

    if (most < argc && most + 1 < argc) {
        fprintf(stderr, "%s: too many arguments: \"%s\"\nUsage: %s\n", program, argv[most + 1], usage);
        exit(2);
    }
}

/* Takes an argument as it is. It must be there: what follows the last one is a null pointer. */
const char *string_argument(const char *program, const char *usage, const char *name, const char *text)
{
    if (text == NULL) {
        fprintf(stderr, "%s: missing argument: %s\nUsage: %s\n", program, name, usage);
        exit(2);
    }

    return text;
}

/*
 * Takes an argument that is a number from `least` to `most`, without white space, a plus sign or anything after it.
 * `base` is 10, or 0, which also takes 0x1F and, for octal, 037. (A long has 32 bits on some machines, too few for
 * some limits.)
 */
long long number_argument(const char *program, const char *usage, const char *name, const char *text, int base,
                          long long least, long long most)
{
    char *end;
    long long number;

    text = string_argument(program, usage, name, text);

    /* Without a digit, `end` is `text`. A number that is out of range becomes the largest or the smallest one. */
    number = strtoll(text, &end, base);

    /* strtoll itself would skip white space, and take a plus sign. */
    if ((*text != '-' && (*text < '0' || *text > '9')) || end == text || *end != '\0' || number < least ||
        number > most) {
        fprintf(stderr, "%s: invalid %s \"%s\": expected %lld to %lld\nUsage: %s\n", program, name, text, least, most,
                usage);
        exit(2);
    }

    return number;
}

/* Takes an argument that is an IPv4 address, in any notation that inet_aton knows, and nothing but that. */
struct in_addr address_argument(const char *program, const char *usage, const char *name, const char *text)
{
    struct in_addr address;

    text = string_argument(program, usage, name, text);

    /* inet_aton itself ignores what follows white space. */
    if (inet_aton(text, &address) == 0 || strpbrk(text, " \t\n\x0b\x0c\r") != NULL)
        reject_argument(program, usage, name, text, "an IPv4 address");

    return address;
}

/* Says that an argument is invalid, and what was expected, as "a multicast address". Exits with 2. */
void reject_argument(const char *program, const char *usage, const char *name, const char *text, const char *expected)
{
    fprintf(stderr, "%s: invalid %s \"%s\": expected %s\nUsage: %s\n", program, name, text, expected, usage);
    exit(2);
}
