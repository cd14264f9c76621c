/*
 * Resolve: every IPv4 address of a name.
 *
 * The tutorial says that people use names and computers use addresses (lines 84-86), and queries a name server with
 * nslookup (lines 525-531). A program calls getaddrinfo, which looks wherever this machine is configured to: usually
 * in /etc/hosts first, then at a name server. A name may have several addresses. The list may contain the same one
 * twice: glibc takes a ::1 in /etc/hosts for 127.0.0.1.
 *
 * Usage: `resolve NAME`, such as `resolve localhost`. Read next: `socket_types`.
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

/* Returns the address of an entry: in the family AF_INET, ai_addr points to a sockaddr_in. */
static struct in_addr address_of(const struct addrinfo *entry)
{
    const struct sockaddr_in *address = (const struct sockaddr_in *)entry->ai_addr;

    return address->sin_addr;
}

/* Whether an earlier entry of the list has the same address. */
static int is_repeated(const struct addrinfo *first, const struct addrinfo *entry)
{
    const struct addrinfo *earlier;

    for (earlier = first; earlier != entry; earlier = earlier->ai_next)
        if (address_of(earlier).s_addr == address_of(entry).s_addr)
            return 1;

    return 0;
}

int main(int argc, char *argv[])
{
    struct addrinfo hints;
    struct addrinfo *first = NULL, *entry;
    const char *name;
    int status, count;

    /* [1] Take the name from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    name = string_argument(PROGRAM, USAGE, "NAME", argv[1]);

    /* [2] Ask for IPv4 only, and for one socket type: otherwise each address is listed once per type */
    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;

    /* [3] Look up the addresses of the name, without a port */
    status = getaddrinfo(name, NULL, &hints, &first);

    /* [4] If the lookup failed, say why: only EAI_SYSTEM comes with an errno */
    if (status == EAI_SYSTEM)
        fail(PROGRAM, "getaddrinfo", errno);

    if (status != 0) {
        fprintf(stderr, "%s: getaddrinfo: \"%s\": %s\n", PROGRAM, name, gai_strerror(status));
        exit(1);
    }

    /* [5] Walk the list, and print each address once */
    printf("Addresses of %s:\n", name);
    count = 0;

    for (entry = first; entry != NULL; entry = entry->ai_next) {
        if (!is_repeated(first, entry)) {
            printf("%s\n", inet_ntoa(address_of(entry)));
            count++;
        }
    }

    printf("Number of addresses: %d\n", count);

    /* [6] Free the list */
    freeaddrinfo(first);
    succeed(PROGRAM);
}
