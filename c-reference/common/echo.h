#ifndef ECHO_H
#define ECHO_H

#include <stddef.h>

size_t first_difference(const char *sent, const char *received, size_t length);
void check_echo(const char *program, const char *sent, size_t sent_length, const char *received,
                size_t received_length);

#endif
