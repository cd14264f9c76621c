/*
 * Interfaces: the network interfaces of this machine, and which datagrams travel by the loopback interface.
 *
 * The tutorial's network cards and their addresses (lines 48-50, 73, 268), loopback (93-95) and MTU (97-99). Each
 * interface is printed with its flags, its MTU and its IPv4 addresses. Then the program sends itself up to four
 * datagrams by one of them, and reads from the counter of the loopback interface which of them went by that. Erratum
 * 38: the loopback addresses begin at 127.0.0.0, and a broadcast or a multicast is not copied to the loopback
 * interface. This host receives its copy on the interface that sends it.
 *
 * Usage: `interfaces [INTERFACE]`, by default `lo`. What other programs send to this host is counted, too, as long as
 * the program runs. Read next: `socket_address`, `ttl_mtu`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/command_line.h"
#include "common/explain.h"
#include "common/loopback.h"

#define PROGRAM "interfaces"
#define USAGE "./interfaces [INTERFACE]"
#define FLAGS 8
/* 127.0.0.0, the first of 127.0.0.0/8. */
#define LOOPBACK_NET 0x7f000000
/* 224.0.0.1, the multicast group that every host has joined. */
#define ALL_HOSTS 0xe0000001
/* How long to wait for a datagram, in seconds. Within one host it takes no time. */
#define TIMEOUT_S 1

/* Whether an entry has an address of this family. */
static int has_family(const struct ifaddrs *entry, int family)
{
    const struct sockaddr *address = entry->ifa_addr;

    return address != NULL && address->sa_family == family;
}

/* Whether an entry is of this interface. An address with a label has that as its name: the interface's, and `:1`. */
static int has_name(const struct ifaddrs *entry, const char *name)
{
    const char *own = entry->ifa_name;

    for (; *name != '\0'; name++, own++)
        if (*own != *name)
            return 0;

    return *own == '\0' || *own == ':';
}

/* Returns the first entry of the interface that an entry of the list is of. */
static const struct ifaddrs *first_of_interface(const struct ifaddrs *first, const struct ifaddrs *entry)
{
    const struct ifaddrs *earlier;
    const char *name;

    for (earlier = first; earlier != NULL; earlier = earlier->ifa_next) {
        name = earlier->ifa_name;
        if (has_name(entry, name))
            return earlier;
    }

    return entry;
}

/* Returns the first entry of this interface and family. */
static const struct ifaddrs *find(const struct ifaddrs *first, const char *name, int family)
{
    const struct ifaddrs *entry;

    for (entry = first; entry != NULL; entry = entry->ifa_next)
        if (has_family(entry, family) && has_name(entry, name))
            return entry;

    return NULL;
}

/* Returns the address that a pointer of an entry leads to, or 0.0.0.0: in the family AF_INET, it is a sockaddr_in. */
static struct in_addr address_of(const struct sockaddr *pointer)
{
    struct in_addr address = {0};

    if (pointer != NULL)
        address = ((const struct sockaddr_in *)pointer)->sin_addr;

    return address;
}

/* Returns the last address of the range that the mask of an address makes. */
static struct in_addr last_address(const struct ifaddrs *entry)
{
    struct in_addr last = address_of(entry->ifa_addr);

    last.s_addr |= ~address_of(entry->ifa_netmask).s_addr;
    return last;
}

/* Whether the last address is for broadcasts. Of two addresses or one (/31, /32), and between two peers, it is not. */
static int has_broadcast(const struct ifaddrs *entry)
{
    struct in_addr own = address_of(entry->ifa_addr), mask = address_of(entry->ifa_netmask);
    struct in_addr last = last_address(entry), given = address_of(entry->ifa_broadaddr);

    /* Without a broadcast address and a peer, glibc stores the address itself. */
    return entry->ifa_flags & (IFF_BROADCAST | IFF_LOOPBACK) && ntohl(~mask.s_addr) > 1 &&
           (given.s_addr == own.s_addr || given.s_addr == last.s_addr);
}

/* Prints the name, the flags and the MTU of an interface. */
static void print_interface(int sock, const struct ifaddrs *entry)
{
    const unsigned int flags[FLAGS] = {IFF_UP,      IFF_BROADCAST, IFF_LOOPBACK, IFF_POINTOPOINT,
                                       IFF_RUNNING, IFF_NOARP,     IFF_PROMISC,  IFF_MULTICAST};
    const char *names[FLAGS] = {"UP",      "BROADCAST", "LOOPBACK", "POINTOPOINT",
                                "RUNNING", "NOARP",     "PROMISC",  "MULTICAST"};
    size_t length = strlen(entry->ifa_name);
    struct ifreq request;

    /* A name has at most IFNAMSIZ bytes, with the NUL at its end. */
    memset(&request, 0, sizeof(request));
    memcpy(request.ifr_name, entry->ifa_name, length);

    if (ioctl(sock, SIOCGIFMTU, &request) < 0)
        fail(PROGRAM, "ioctl", errno);

    printf("%s: MTU %d,", entry->ifa_name, request.ifr_mtu);

    for (int i = 0; i < FLAGS; i++)
        if (entry->ifa_flags & flags[i])
            printf(" %s", names[i]);

    printf("\n");
}

/* Prints an address of an interface, the range that its mask makes, and the broadcast address or the peer's. */
static void print_address(const struct ifaddrs *entry)
{
    struct in_addr address = address_of(entry->ifa_addr), mask = address_of(entry->ifa_netmask), end;
    int broadcast;

    printf("    address %s", inet_ntoa(address));
    printf(", mask %s", inet_ntoa(mask));
    end.s_addr = address.s_addr & mask.s_addr;
    printf(": %s", inet_ntoa(end));
    printf(" to %s", inet_ntoa(last_address(entry)));

    /* One field is for both, and a device for broadcasts can have a peer, too. */
    end = address_of(entry->ifa_broadaddr);
    if (end.s_addr != address.s_addr) {
        broadcast = has_broadcast(entry);
        printf(", %s %s", broadcast ? "broadcast" : "peer", inet_ntoa(end));
    }

    printf("\n");
}

/*
 * Prints each interface of the list, and below it its IPv4 addresses, which come later in the list. The first entry of
 * an interface has its flags, and perhaps no address: a tunnel has none of its link.
 */
static void print_interfaces(int sock, const struct ifaddrs *first)
{
    const struct ifaddrs *entry, *next, *address;
    const char *name;

    for (entry = first; entry != NULL; entry = next) {
        next = entry->ifa_next;

        if (first_of_interface(first, entry) != entry)
            continue;

        print_interface(sock, entry);
        name = entry->ifa_name;

        if ((address = find(next, name, AF_INET)) == NULL)
            printf("    no IPv4 address\n");

        while (address != NULL) {
            print_address(address);
            address = find(address->ifa_next, name, AF_INET);
        }
    }
}

/* Returns how many packets the loopback interface has received. All that it sends, it receives. */
static unsigned int packets_on_loopback(void)
{
    struct ifaddrs *first = NULL;
    const struct ifaddrs *loopback;
    const struct rtnl_link_stats *statistics;
    unsigned int packets = 0;

    if (getifaddrs(&first) < 0)
        fail(PROGRAM, "getifaddrs", errno);

    loopback = find(first, "lo", AF_PACKET);
    if (loopback != NULL && (statistics = loopback->ifa_data) != NULL)
        packets = statistics->rx_packets;

    freeifaddrs(first);
    return packets;
}

/* Sends a datagram to the socket's own port, and prints whether it went by the loopback interface and arrived. */
static void send_datagram(int sock, struct sockaddr_in address, struct in_addr destination, const char *kind)
{
    char byte = 'x';
    unsigned int before = packets_on_loopback(), packets;
    ssize_t received;

    address.sin_addr = destination;
    if (sendto(sock, &byte, 1, 0, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(PROGRAM, "sendto", errno);

    if ((received = recv(sock, &byte, 1, 0)) < 0 && errno != EAGAIN)
        fail(PROGRAM, "recv", errno);

    packets = packets_on_loopback() - before;
    printf("%-15s  %-16s  %13u  %s\n", inet_ntoa(destination), kind, packets, received < 0 ? "no" : "yes");
}

int main(int argc, char *argv[])
{
    const struct timeval timeout = {TIMEOUT_S, 0};
    const char *name = "lo";
    struct ifaddrs *first = NULL;
    const struct ifaddrs *address;
    struct in_addr own, last;
    struct sockaddr_in port;
    int sock, broadcast;

    /* [1] Take the interface from the command line */
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    if (argc > 1)
        name = argv[1];

    /* [2] List the interfaces: an entry for each of them, and one for each address */
    if ((sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP)) < 0)
        fail(PROGRAM, "socket", errno);
    if (getifaddrs(&first) < 0)
        fail(PROGRAM, "getifaddrs", errno);

    /* [3] Print each interface, with its IPv4 addresses below */
    print_interfaces(sock, first);

    /* [4] Take the first address of the interface, and the last of its range, which may be for broadcasts */
    if ((address = find(first, name, AF_INET)) == NULL && argc > 1)
        reject_argument(PROGRAM, USAGE, "INTERFACE", name, "an interface with an IPv4 address");
    if (address == NULL || !(address->ifa_flags & IFF_UP)) {
        fprintf(stderr, "%s: %s is down, or has no IPv4 address\n", PROGRAM, name);
        exit(1);
    }
    own = address_of(address->ifa_addr);
    last = last_address(address);
    broadcast = has_broadcast(address);
    freeifaddrs(first);

    /* [5] Permit broadcasts, send multicasts by the interface, and receive what is sent to any address of this host */
    set_option(PROGRAM, sock, SOL_SOCKET, SO_BROADCAST, 1);
    set_option(PROGRAM, sock, IPPROTO_IP, IP_MULTICAST_IF, own.s_addr);
    if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
        fail(PROGRAM, "setsockopt", errno);
    bind_to(PROGRAM, sock, INADDR_ANY);
    port = own_address(PROGRAM, sock);

    /* [6] Send four datagrams, or three where none can be broadcast, and count the packets on the loopback interface */
    printf("\n%-15s  %-16s  %13s  %s\n", "sent to", "which is", "packets on lo", "received");
    send_datagram(sock, port, (struct in_addr){htonl(LOOPBACK_NET)}, "loopback's first");
    send_datagram(sock, port, own, "own address");
    if (broadcast)
        send_datagram(sock, port, last, "broadcast");
    send_datagram(sock, port, (struct in_addr){htonl(ALL_HOSTS)}, "multicast");

    /* [7] Close the socket */
    if (close(sock) < 0)
        fail(PROGRAM, "close", errno);
    succeed(PROGRAM);
}
