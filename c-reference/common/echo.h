#ifndef ECHO_H
#define ECHO_H

#include <stddef.h>

void check_bytes(const char *program, const char *sent, size_t sent_length, const char *received,
                 size_t received_length, unsigned long long offset);
void check_echo(const char *program, const char *sent, size_t sent_length, const char *received,
                size_t received_length);

#endif
