#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <netinet/in.h>
#include <stdint.h>

int open_socket(const char *program);
void bind_to(const char *program, int sock, in_addr_t host);
int bound_socket(const char *program, in_addr_t host);
struct sockaddr_in own_address(const char *program, int sock);
void connect_to(const char *program, int sock, const struct sockaddr_in *address);
int connect_client(const char *program, in_addr_t host, const struct sockaddr_in *server_address);
int accept_client(const char *program, int listener);
int get_option(const char *program, int sock, int level, int option);
unsigned char tcp_state(const char *program, int sock);
int effective_backlog(const char *program, int listener, int requested);
void count_segments(const char *program, int sock, uint32_t *sent, uint32_t *received);
int queue_length(const char *program, int listener);
void set_option(const char *program, int sock, int level, int option, int value);

#endif
