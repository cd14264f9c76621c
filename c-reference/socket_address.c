/*
 * Socket address: an IP address and a port, in the form that the kernel takes.
 *
 * The tutorial's sections on IP, ports, loopback and the address structures (lines 71-82, 88-95 and 143-168). It shows
 * where every field of a sockaddr_in lies in memory, the same bytes seen as a sockaddr, the conversion from text to 32
 * bits and back, the class of the address, the range that the port is in, and the services that have names for ports.
 *
 * Usage: `socket_address IP PORT`. Byte order is the subject of `byte_order`. Read next: `resolve`.
 *
 * Class C ends at 223.255.255.255 (erratum 13), the well-known ports are 0 to 1023 (erratum 14), an address is written
 * with dots (erratum 15), and its bits are those that this program prints (erratum 16).
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "socket_address"
#define USAGE "./socket_address IP PORT"

/* Prints a field of a structure: its offset, its size, and its bytes in memory order. */
static void print_field(const char *name, const struct sockaddr *addr, size_t offset, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)addr;
    size_t i;

    printf("  %2zu  %2zu  %-10s", offset, size, name);

    for (i = 0; i < size; i++)
        printf(" %02x", bytes[offset + i]);

    printf("\n");
}

/* Prints 32 bits, the highest first, in groups of eight. */
static void print_bits(in_addr_t number)
{
    int i;

    for (i = 31; i >= 0; i--)
        printf("%s%u", i % 8 == 7 ? " " : "", (number >> i) & 1);

    printf("\n");
}

/* Returns the class of an address in host byte order: its first bits are 0, 10, 110, 1110 or 1111. */
static const char *address_class(in_addr_t address)
{
    if (address >> 31 == 0)
        return "A, 0.0.0.0 - 127.255.255.255";
    if (address >> 30 == 2)
        return "B, 128.0.0.0 - 191.255.255.255";
    if (address >> 29 == 6)
        return "C, 192.0.0.0 - 223.255.255.255";
    if (address >> 28 == 14)
        return "D, 224.0.0.0 - 239.255.255.255: a multicast group";
    return "E, 240.0.0.0 - 255.255.255.255: reserved";
}

/* Returns the IANA range that a port is in. */
static const char *port_range(in_port_t port)
{
    if (port < 1024)
        return "well-known, 0 - 1023";
    if (port < 49152)
        return "registered, 1024 - 49151";
    return "dynamic, 49152 - 65535";
}

/* Prints the port of a service, whatever the protocol. */
static void print_service(const char *name)
{
    const struct servent *service;

    service = getservbyname(name, NULL);

    if (service == NULL)
        printf("Service:   %s is unknown here\n", name);
    else
        printf("Service:   %s is port %u\n", name, ntohs(service->s_port));
}

int main(int argc, char *argv[])
{
    struct sockaddr_in addr;
    const struct sockaddr *generic;
    const struct servent *service;
    in_addr_t address, host_address;
    in_port_t port;
    size_t data_offset;
    int loopback;

    /* [1] Take the address and the port from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 2);

    /* [2] Fill in the structure: address and port in network byte order, the rest zero */
    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr = address_argument(PROGRAM, USAGE, "IP", argv[1]);
    port = number_argument(PROGRAM, USAGE, "PORT", argv[2], 10, 0, 65535);
    addr.sin_port = htons(port);

    /* [3] Print its fields */
    generic = (const struct sockaddr *)&addr;
    printf("struct sockaddr_in has %zu bytes (offset, size, field, bytes):\n", sizeof(addr));
    print_field("sin_family", generic, offsetof(struct sockaddr_in, sin_family), sizeof(sa_family_t));
    print_field("sin_port", generic, offsetof(struct sockaddr_in, sin_port), sizeof(in_port_t));
    print_field("sin_addr", generic, offsetof(struct sockaddr_in, sin_addr), sizeof(struct in_addr));
    print_field("sin_zero", generic, offsetof(struct sockaddr_in, sin_zero), sizeof(addr.sin_zero));

    /* [4] Print the same bytes as a struct sockaddr, which bind, connect and accept take for any family */
    printf("struct sockaddr has %zu bytes:\n", sizeof(*generic));
    print_field("sa_family", generic, offsetof(struct sockaddr, sa_family), sizeof(sa_family_t));
    data_offset = offsetof(struct sockaddr, sa_data);
    print_field("sa_data", generic, data_offset, sizeof(*generic) - data_offset);

    /* Erratum 9: the tutorial has an unsigned long. */
    printf("s_addr has %zu bytes; an unsigned long has %zu.\n\n", sizeof(in_addr_t), sizeof(unsigned long));

    /* [5] Convert the text to 32 bits and back */
    address = inet_addr(argv[1]);
    host_address = ntohl(address);
    printf("inet_addr gives 0x%08x (host order), the bits", host_address);
    print_bits(host_address);

    /* inet_addr returns this value for an error, too; inet_aton returns success or failure apart from the address. */
    if (address == INADDR_NONE)
        printf("That is INADDR_NONE, which also means an error; inet_aton says: no error.\n");

    printf("inet_ntoa gives %s.\n\n", inet_ntoa(addr.sin_addr));

    /* [6] Classify the address */
    loopback = host_address >> 24 == 127;
    printf("Class:     %s\nLoopback:  %s\n", address_class(host_address),
           loopback ? "yes, 127.0.0.0 - 127.255.255.255" : "no");

    /* [7] Classify the port, and look up its service, usually in /etc/services */
    service = getservbyport(addr.sin_port, NULL);
    printf("Port %-5u %s", port, port_range(port));

    if (service != NULL)
        printf(" (%s)", service->s_name);

    printf("\n");

    /* [8] Look up the ports of two services by their names */
    print_service("echo");
    print_service("http");

    succeed(PROGRAM);
}
