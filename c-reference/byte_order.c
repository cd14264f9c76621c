/*
 * Byte order: how this machine keeps a number in memory, and how the network wants it.
 *
 * The tutorial's section on byte ordering (lines 170-204). It shows the bytes of a number before and after htonl
 * (32 bits) and htons (16 bits), that ntohl and ntohs undo it, and which kind of machine this is.
 *
 * Call: `byte_order [VALUE]`; without a VALUE it is 0x01020304. `socket_address IP PORT` puts the two to use.
 *
 * The tutorial's drawing counts the bytes from the lowest one, so that its number is 0x04030201.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "byte_order"
#define USAGE "./byte_order [VALUE]"

/* Prints bytes in the order in which they lie in memory. */
static void print_bytes(const void *number, size_t size)
{
    const unsigned char *bytes = number;
    size_t i;

    for (i = 0; i < size; i++) {
        unsigned char byte = bytes[i];

        printf(" %02x", byte);
    }
}

/* Prints 32 bits: as bytes, and as the number that this machine takes them for. */
static void show_long(const char *name, uint32_t number)
{
    printf("  %-13s", name);
    print_bytes(&number, sizeof(number));
    printf("    0x%08x\n", number);
}

/* Prints 16 bits in the same way. */
static void show_short(const char *name, uint16_t number)
{
    printf("  %-13s", name);
    print_bytes(&number, sizeof(number));
    printf("          0x%04x\n", number);
}

int main(int argc, char *argv[])
{
    /* Erratum 10: the tutorial has long and short, but these functions take and give exactly 32 and 16 bits. */
    uint32_t host_long, net_long;
    uint16_t host_short, net_short;
    uint16_t one;
    unsigned char first;

    /* [1] Take the number from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    host_long = 0x01020304;

    if (argc > 1)
        host_long = number_argument(PROGRAM, USAGE, "VALUE", argv[1], 0, 0, 4294967295);

    /* [2] Look which byte of the number 1 comes first in memory */
    one = 1;
    first = *(const unsigned char *)&one;
    printf("This machine is %s.\n",
           first == 1 ? "little-endian: the lowest byte comes first" : "big-endian: the highest byte comes first");
    printf("The network is big-endian.\n\n");

    /* [3] Turn 32 bits, as of an address, into network order and back */
    net_long = htonl(host_long);
    printf("32 bits         in memory      read here\n");
    show_long("the number", host_long);
    show_long("after htonl", net_long);
    show_long("then ntohl", ntohl(net_long));

    /* [4] Do the same with 16 bits, as of a port: the low half of the number */
    host_short = host_long & 0xffff;
    net_short = htons(host_short);
    printf("\n16 bits         in memory      read here\n");
    show_short("its low half", host_short);
    show_short("after htons", net_short);
    show_short("then ntohs", ntohs(net_short));

    /* [5] Compare with the types that the tutorial gives these functions */
    printf("\nhtonl gives %zu bytes; a long has %zu.\n", sizeof(net_long), sizeof(long));
    printf("htons gives %zu bytes without a sign, here %u; in a short it would be %d.\n", sizeof(net_short), net_short,
           (short)net_short);

    succeed(PROGRAM);
}
