/*
 * Resolve: every IPv4 address behind a name.
 *
 * The tutorial says that people use names and computers addresses (lines 84-86), and asks a name server about
 * one with nslookup (lines 525-531). A program asks getaddrinfo, which looks wherever this machine is set up
 * to look: usually in /etc/hosts first, and then at a name server. One name may have several addresses. The
 * list may have the same one again: glibc takes an ::1 of /etc/hosts for 127.0.0.1.
 *
 * Call: `resolve NAME`, as in `resolve localhost`. Read next: `socket_address`, which takes an address apart.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "resolve"
#define USAGE "./resolve NAME"

/* Whether the address of an entry is that of one before it in the list, too. */
static int is_repeated(const struct addrinfo *first, const struct addrinfo *entry)
{
    const struct sockaddr_in *address = (const struct sockaddr_in *)entry->ai_addr;
    const struct sockaddr_in *other;
    const struct addrinfo *earlier;

    for (earlier = first; earlier != entry; earlier = earlier->ai_next) {
        other = (const struct sockaddr_in *)earlier->ai_addr;

        if (other->sin_addr.s_addr == address->sin_addr.s_addr)
            return 1;
    }

    return 0;
}

int main(int argc, char *argv[])
{
    struct addrinfo hints;
    struct addrinfo *first, *entry;
    const struct sockaddr_in *address;
    const char *name;
    int status, count;

    /* [1] Take the name from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    name = string_argument(PROGRAM, USAGE, "NAME", argv[1]);

    /* [2] Say what is wanted: IPv4, and an address for one type of socket, not for every one */
    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;

    /* [3] Ask for the addresses of the name; no port is wanted */
    status = getaddrinfo(name, NULL, &hints, &first);

    /* [4] Tell a name without an address from a question that could not be asked: only then errno knows why */
    if (status == EAI_SYSTEM)
        fail(PROGRAM, "getaddrinfo", errno);

    if (status != 0) {
        fprintf(stderr, "%s: getaddrinfo: \"%s\": %s\n", PROGRAM, name, gai_strerror(status));
        exit(1);
    }

    /* [5] Walk through the list of addresses, and tell each once */
    printf("Addresses of %s:\n", name);
    count = 0;

    for (entry = first; entry != NULL; entry = entry->ai_next) {
        /* Of the family AF_INET, an address is a sockaddr_in. */
        address = (const struct sockaddr_in *)entry->ai_addr;

        if (!is_repeated(first, entry)) {
            printf("%s\n", inet_ntoa(address->sin_addr));
            count++;
        }
    }

    printf("Number of addresses: %d\n", count);

    /* [6] Give the list back */
    freeaddrinfo(first);
    succeed(PROGRAM);
}
