#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <netinet/in.h>
#include <sys/types.h>

void explain_errno(const char *program, const char *call, int error);
_Noreturn void fail(const char *program, const char *call, int error);
_Noreturn void succeed(const char *program);
void explain_send(const char *program, ssize_t sent, ssize_t length);
void explain_recv(const char *program, ssize_t received, ssize_t total, ssize_t expected);
void explain_port(const char *program, const char *argument, unsigned short port);
void explain_address(const char *program, const char *argument, in_addr_t address);

#endif
