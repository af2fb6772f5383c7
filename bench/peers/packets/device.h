/* The devices of the rows: TUNs and veth pairs in the namespace that the thread is in. */
#ifndef PACKETS_DEVICE_H
#define PACKETS_DEVICE_H

#include "../netlink.h"

/* Opens a queue of a TUN, which it makes. `flags` are of TUNSETIFF, beside IFF_TUN and IFF_NO_PI; with IFF_VNET_HDR
 * the kernel may bring what TUNSETOFFLOAD allows: super-packets of TCP, and packets without their checksum. */
int open_tun(const char *name, short flags, bool blocking);

struct up {
  const char *address;   /* IPv4, /24; NULL: none */
  unsigned queue_length; /* txqueuelen; 0: as it is */
};

/* Brings a link up, without IPv6 addresses, whose router solicitations would be frames of their own. */
void bring_up(struct nl *nl, const char *name, struct up how);

/* v0 and v1, both up. */
void create_veth(struct nl *nl);

/* Creates a namespace by its name and enters it; a socket of it. */
struct nl enter_namespace(int home, const char *name);

#endif
