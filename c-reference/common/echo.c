/*
 * Whether an answer is an echo: for the clients that compare it with what they sent.
 */
#include "echo.h"

#include <stdio.h>
#include <stdlib.h>

/* Returns the offset of the first byte that differs, or `length` if all of them are equal. */
static size_t first_difference(const char *sent, const char *received, size_t length)
{
    size_t offset = 0;

    while (offset < length && received[offset] == sent[offset])
        offset++;

    return offset;
}

/*
 * Exits with 1 if what was received at this offset of a stream is not what was sent, so far as it goes. Prints the
 * first byte that differs.
 */
void check_bytes(const char *program, const char *sent, size_t sent_length, const char *received,
                 size_t received_length, unsigned long long offset)
{
    size_t common = sent_length < received_length ? sent_length : received_length;
    size_t equal = first_difference(sent, received, common);

    if (equal < common) {
        fprintf(stderr, "%s: the byte at offset %llu differs: sent 0x%02x, received 0x%02x\n", program, offset + equal,
                (unsigned char)sent[equal], (unsigned char)received[equal]);
        exit(1);
    }

    if (equal < received_length) {
        fprintf(stderr, "%s: the byte at offset %llu was not sent: received 0x%02x\n", program, offset + equal,
                (unsigned char)received[equal]);
        exit(1);
    }
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
