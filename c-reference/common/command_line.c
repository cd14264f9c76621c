/*
 * What the programs that are ours make of their command line.
 *
 * The listings take what they get (erratum 27). Our programs check it: an argument that is missing, one
 * too many, or one that is not what it should be is told on stderr, with the usage below it, all in one
 * `fprintf`, so that it is one write; and the program exits with 2. `-h` or `--help` as the first
 * argument prints the usage on stdout, and the program exits with 0, or with 1 if it cannot be written.
 *
 * `usage` is how to call the program, as in `./byte_order [VALUE]`; `name` is what it calls the argument.
 * An argument that may be left out is only taken if argc says that it is there.
 */
#include "command_line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"

/* Helps who asks for it, and refuses more than `most` arguments. Comes before all others. */
void check_arguments(const char *program, const char *usage, int argc, char *argv[], int most)
{
    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        printf("Usage: %s\n", usage);
        succeed(program);
    }

    if (argc - 1 > most) {
        fprintf(stderr, "%s: too many arguments: \"%s\"\nUsage: %s\n", program, argv[most + 1], usage);
        exit(2);
    }
}

/* Takes an argument as it is. It must be there: what follows the last one is a null pointer. */
const char *word_argument(const char *program, const char *usage, const char *name, const char *text)
{
    if (text == NULL) {
        fprintf(stderr, "%s: %s is missing\nUsage: %s\n", program, name, usage);
        exit(2);
    }

    return text;
}

/*
 * Takes an argument that is a number from `least` to `most`, and nothing but that: no blank, no plus sign,
 * nothing after it. `base` is 10, or 0, which also takes 0x1F and, for octal, 037. A long has 32 bits on
 * some machines, and not every limit fits it.
 */
long long number_argument(const char *program, const char *usage, const char *name, const char *text, int base,
                          long long least, long long most)
{
    char *end;
    long long number;

    text = word_argument(program, usage, name, text);

    /* Without a digit, `end` is `text`. What does not fit becomes the largest or the smallest number. */
    number = strtoll(text, &end, base);

    /* strtoll itself would skip blanks, and take a plus sign. */
    if ((*text != '-' && (*text < '0' || *text > '9')) || end == text || *end != '\0' || number < least ||
        number > most) {
        fprintf(stderr, "%s: %s \"%s\" is no number from %lld to %lld\nUsage: %s\n", program, name, text, least, most,
                usage);
        exit(2);
    }

    return number;
}

/* Takes an argument that is an IPv4 address, in any notation that inet_aton knows, and nothing but that. */
struct in_addr address_argument(const char *program, const char *usage, const char *name, const char *text)
{
    struct in_addr address;

    text = word_argument(program, usage, name, text);

    /* inet_aton itself would not look at what follows white space. */
    if (inet_aton(text, &address) == 0 || strpbrk(text, " \t\n\x0b\x0c\r") != NULL)
        refuse(program, usage, name, text, "no IPv4 address");

    return address;
}

/* Says that an argument is not what it should be: `expected` is as in "no multicast address". Exits with 2. */
void refuse(const char *program, const char *usage, const char *name, const char *text, const char *expected)
{
    fprintf(stderr, "%s: %s \"%s\" is %s\nUsage: %s\n", program, name, text, expected, usage);
    exit(2);
}
