/* What a row is given and what it hands back. */
#ifndef PEER_RUN_H
#define PEER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink.h"

struct run {
  unsigned n;
  bool unnamed;         /* --unnamed: namespaces held by a descriptor only */
  unsigned batch;       /* --batch: requests per sendmsg where a row batches */
  int home;             /* the sandbox's own network namespace */
  struct nl nl;         /* a socket in it */
  struct batch *requests;
  uint64_t started, ns; /* what start_clock and stop_clock found */
  size_t count;         /* operations done while the clock ran */
};

typedef void row(struct run *run);

void start_clock(struct run *run);
void stop_clock(struct run *run);

/* rows_containers.c */
row row_bringup, row_teardown, row_updown, row_teardown_one_by_one, row_settle;
/* rows_spawn.c */
row row_spawn;
/* rows_links.c */
row row_teardown_veth, row_getlink, row_dumplinks, row_delete_single;
/* rows_routes.c */
row row_addroutes, row_addroutes_single, row_dumproutes;

/* links.c: requests that more than one row makes */

struct veth_end {
  const char *name;
  unsigned index;  /* 0: the kernel chooses */
  unsigned master; /* 0: none */
  unsigned group;  /* 0: the default one */
  int netns;       /* -1: the namespace of the socket */
};

/* `up` is for `end` alone: veth_newlink() configures the peer before the two know each other, and opening an end
 * without its peer is ENOTCONN. The peer comes up by a request of its own. */
void request_veth(struct batch *batch, struct veth_end end, struct veth_end peer, bool up);
void request_up(struct batch *batch, unsigned index);
/* By name when index is 0. Statistics, half of a link's message, stay away. */
void request_getlink(struct batch *batch, unsigned index, const char *name);
void request_group(struct batch *batch, unsigned index, unsigned group);
void delete_link(struct run *run, unsigned index);
void delete_group(struct run *run, unsigned group);

/* Sends what the batch holds once it holds `run->batch` requests, or anything at all when `now`. */
void flush_batch(struct run *run, bool now);

struct link {
  unsigned index;
  unsigned peer; /* IFLA_LINK: the ifindex of a veth's other end, in its own namespace */
  uint32_t mtu;
  const char *name; /* points into the receive buffer */
  size_t attributes;
};

/* An on_message that fills the struct link it is given. */
void read_link(const struct nlmsghdr *message, void *link);

#endif
