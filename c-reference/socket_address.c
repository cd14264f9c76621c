/*
 * Socket address: an IP address and a port, as the kernel wants to have them.
 *
 * The tutorial's sections on IP, ports, loopback and the address structures (lines 71-82, 88-95 and 143-168). It
 * shows every field of a sockaddr_in where it lies in memory, the same bytes seen as a sockaddr, the way from text
 * to 32 bits and back, the class of the address, and what kind of port it is.
 *
 * Call: `socket_address IP PORT`. See `byte_order` for the order of the bytes.
 *
 * Class C ends at 223.255.255.255 (erratum 13), the well-known ports are 0 to 1023 (erratum 14), an address is
 * written with dots (erratum 15), and its bits are those that this program prints (erratum 16).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "socket_address"
#define USAGE "./socket_address IP PORT"

/* Prints a field of a structure: where it begins, how long it is, and its bytes as they lie in memory. */
static void show(const char *name, const struct sockaddr *addr, size_t offset, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)addr;
    size_t i;

    printf("  %2zu  %2zu  %-10s", offset, size, name);

    for (i = offset; i < offset + size; i++) {
        unsigned char byte = bytes[i];

        printf(" %02x", byte);
    }

    printf("\n");
}

/* Prints 32 bits, the highest first, in groups of eight. */
static void show_bits(in_addr_t number)
{
    int i;

    for (i = 31; i >= 0; i--) {
        unsigned int bit = (number >> i) & 1;

        printf("%s%u", i % 8 == 7 ? " " : "", bit);
    }

    printf("\n");
}

/* The class of an address in host order: its first bits are 0, 10, 110, 1110 or 1111. */
static const char *class_of(in_addr_t address)
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

/* The kind of a port, as IANA divides the 16 bits. */
static const char *kind_of(in_port_t port)
{
    if (port < 1024)
        return "well-known, 0 - 1023";
    if (port < 49152)
        return "registered, 1024 - 49151";
    return "dynamic, 49152 - 65535";
}

int main(int argc, char *argv[])
{
    struct sockaddr_in addr;
    const struct sockaddr *any;
    in_addr_t address, host_address;
    in_port_t port;
    size_t data;
    int loopback;

    /* [1] Take the address and the port from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 2);

    /* [2] Fill in the structure: address and port in network order, the rest zero */
    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr = address_argument(PROGRAM, USAGE, "IP", argv[1]);
    port = number_argument(PROGRAM, USAGE, "PORT", argv[2], 10, 0, 65535);
    addr.sin_port = htons(port);

    /* [3] Show its fields */
    any = (const struct sockaddr *)&addr;
    printf("struct sockaddr_in has %zu bytes (offset, size, field, bytes):\n", sizeof(addr));
    show("sin_family", any, offsetof(struct sockaddr_in, sin_family), sizeof(sa_family_t));
    show("sin_port", any, offsetof(struct sockaddr_in, sin_port), sizeof(in_port_t));
    show("sin_addr", any, offsetof(struct sockaddr_in, sin_addr), sizeof(struct in_addr));
    show("sin_zero", any, offsetof(struct sockaddr_in, sin_zero), sizeof(addr.sin_zero));

    /* [4] Show the same bytes as the structure that bind, connect and accept take, for any family */
    printf("struct sockaddr has %zu bytes:\n", sizeof(*any));
    show("sa_family", any, offsetof(struct sockaddr, sa_family), sizeof(sa_family_t));
    data = offsetof(struct sockaddr, sa_data);
    show("sa_data", any, data, sizeof(*any) - data);

    /* Erratum 9: the tutorial has an unsigned long. */
    printf("s_addr has %zu bytes; an unsigned long has %zu.\n\n", sizeof(in_addr_t), sizeof(unsigned long));

    /* [5] Turn the text into 32 bits and back */
    address = inet_addr(argv[1]);
    host_address = ntohl(address);
    printf("inet_addr gives 0x%08x (host order), the bits", host_address);
    show_bits(host_address);

    /* inet_addr has the one value for both, inet_aton says on its own whether it could read the text. */
    if (address == INADDR_NONE)
        printf("That is INADDR_NONE, which also means an error; inet_aton says: no error.\n");

    printf("inet_ntoa gives %s.\n\n", inet_ntoa(addr.sin_addr));

    /* [6] Say what kind of address and of port they are */
    loopback = host_address >> 24 == 127;
    printf("Class:     %s\nLoopback:  %s\nPort %-5u %s\n", class_of(host_address),
           loopback ? "yes, 127.0.0.0 - 127.255.255.255" : "no", port, kind_of(port));

    succeed(PROGRAM);
}
