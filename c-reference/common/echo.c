/*
 * Whether an answer is an echo: for the clients that compare it with what they sent.
 */
#include "echo.h"

#include <stdio.h>
#include <stdlib.h>

/* Returns the offset of the first byte that differs, or `length` if all of them are equal. */
size_t first_difference(const char *sent, const char *received, size_t length)
{
    size_t offset = 0;

    while (offset < length && received[offset] == sent[offset])
        offset++;

    return offset;
}

/* Exits with 1 if a datagram is not an echo: not the same bytes, or not as many. Prints where it differs. */
void check_echo(const char *program, const char *sent, size_t sent_length, const char *received, size_t received_length)
{
    size_t offset = first_difference(sent, received, sent_length < received_length ? sent_length : received_length);

    if (offset < sent_length || offset < received_length) {
        fprintf(stderr, "%s: wrong answer: length %zu, first difference at offset %zu: expected length %zu\n", program,
                received_length, offset, sent_length);
        exit(1);
    }
}
