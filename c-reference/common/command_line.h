#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include <netinet/in.h>

void check_arguments(const char *program, const char *usage, int argc, char *argv[], int max);
const char *string_argument(const char *program, const char *usage, const char *name, const char *text);
long long number_argument(const char *program, const char *usage, const char *name, const char *text, int base,
                          long long min, long long max);
struct in_addr address_argument(const char *program, const char *usage, const char *name, const char *text);
struct in_addr unicast_argument(const char *program, const char *usage, const char *name, const char *text);
_Noreturn void reject_argument(const char *program, const char *usage, const char *name, const char *text,
                               const char *expected);

#endif
