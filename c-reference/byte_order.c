/*
 * Byte order: how this machine stores a number in memory, and how the network expects it.
 *
 * The tutorial's section on byte ordering (lines 170-204). It shows the bytes of a number before and after htonl (32
 * bits) and htons (16 bits), that ntohl and ntohs undo the conversion, and which byte order this machine has.
 *
 * The order matters between equal machines, too (erratum 45): ports and addresses are in headers, whose order is the
 * network's. Without htons a program means another port than everybody who converts it.
 *
 * Usage: `byte_order [VALUE]`; the default is 0x01020304. Read next: `socket_address`, which uses htons.
 *
 * The tutorial's figure numbers the bytes from the lowest, so its number is 0x04030201.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/command_line.h"
#include "common/explain.h"

#define PROGRAM "byte_order"
#define USAGE "./byte_order [VALUE]"
/* The port of the tutorial's server. */
#define PORT 5000

/* Prints bytes in memory order. */
static void print_bytes(const void *number, size_t size)
{
    const unsigned char *bytes = number;
    size_t i;

    for (i = 0; i < size; i++)
        printf(" %02x", bytes[i]);
}

/* Prints 32 bits: their bytes, and the number that this machine reads in them. */
static void print_long(const char *name, uint32_t number)
{
    printf("  %-13s", name);
    print_bytes(&number, sizeof(number));
    printf("    0x%08x\n", number);
}

/* Prints 16 bits in the same way. */
static void print_short(const char *name, uint16_t number)
{
    printf("  %-13s", name);
    print_bytes(&number, sizeof(number));
    printf("          0x%04x\n", number);
}

int main(int argc, char *argv[])
{
    /* Erratum 10: the tutorial has long and short, but these functions take and return exactly 32 and 16 bits. */
    uint32_t host_long, net_long;
    uint16_t host_short, net_short, wrong_port;
    uint16_t one;
    unsigned char first;

    /* [1] Take the number from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    host_long = 0x01020304;

    if (argc > 1)
        host_long = number_argument(PROGRAM, USAGE, "VALUE", argv[1], 0, 0, 4294967295);

    /* [2] See which byte of the number 1 comes first in memory */
    one = 1;
    first = *(const unsigned char *)&one;
    printf("This machine is %s.\n",
           first == 1 ? "little-endian: the lowest byte comes first" : "big-endian: the highest byte comes first");
    printf("The network is big-endian.\n\n");

    /* [3] Convert 32 bits, such as an address, to network byte order and back */
    net_long = htonl(host_long);
    printf("32 bits         in memory      read here\n");
    print_long("the number", host_long);
    print_long("after htonl", net_long);
    print_long("then ntohl", ntohl(net_long));

    /* [4] Do the same with 16 bits, such as a port: the low half of the number */
    host_short = host_long & 0xffff;
    net_short = htons(host_short);
    printf("\n16 bits         in memory      read here\n");
    print_short("its low half", host_short);
    print_short("after htons", net_short);
    print_short("then ntohs", ntohs(net_short));

    /* [5] Forget htons: in a header, the bytes of the port are another number */
    wrong_port = ntohs(PORT);
    printf("\nPort %d without htons is %d%s.\n", PORT, wrong_port, wrong_port == PORT ? ", the same" : "");

    /* [6] Compare with the types that the tutorial has for these functions */
    printf("htonl gives %zu bytes; a long has %zu.\n", sizeof(net_long), sizeof(long));
    printf("htons gives %zu bytes without a sign, here %u; in a short it would be %d.\n", sizeof(net_short), net_short,
           (short)net_short);

    succeed(PROGRAM);
}
