#define _GNU_SOURCE
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "run.h"

static void attributes_of(struct batch *batch, struct veth_end end) {
  attr_string(batch, IFLA_IFNAME, end.name);
  if (end.master) attr_u32(batch, IFLA_MASTER, end.master);
  if (end.group) attr_u32(batch, IFLA_GROUP, end.group);
  if (end.netns >= 0) attr_u32(batch, IFLA_NET_NS_FD, (uint32_t)end.netns);
}

void request_veth(struct batch *batch, struct veth_end end, struct veth_end peer, bool up) {
  struct ifinfomsg header = {
      .ifi_index = (int)end.index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = up ? IFF_UP : 0};
  struct ifinfomsg peer_header = {.ifi_index = (int)peer.index};
  request(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  attributes_of(batch, end);
  size_t info = nest(batch, IFLA_LINKINFO, NULL, 0);
  attr(batch, IFLA_INFO_KIND, "veth", 4);
  size_t data = nest(batch, IFLA_INFO_DATA, NULL, 0);
  size_t other = nest(batch, VETH_INFO_PEER, &peer_header, sizeof peer_header);
  attributes_of(batch, peer);
  end_nest(batch, other);
  end_nest(batch, data);
  end_nest(batch, info);
}

void request_getlink(struct batch *batch, unsigned index, const char *name) {
  struct ifinfomsg header = {.ifi_index = (int)index};
  request(batch, RTM_GETLINK, 0, &header, sizeof header);
  if (!index) attr_string(batch, IFLA_IFNAME, name);
  attr_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

void request_group(struct batch *batch, unsigned index, unsigned group) {
  struct ifinfomsg header = {.ifi_index = (int)index};
  request(batch, RTM_SETLINK, NLM_F_ACK, &header, sizeof header);
  attr_u32(batch, IFLA_GROUP, group);
}

void request_up(struct batch *batch, unsigned index) {
  struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  request(batch, RTM_SETLINK, NLM_F_ACK, &header, sizeof header);
}

void delete_link(struct run *run, unsigned index) {
  struct ifinfomsg header = {.ifi_index = (int)index};
  request(run->requests, RTM_DELLINK, NLM_F_ACK, &header, sizeof header);
  exchange(&run->nl, run->requests, NULL, NULL);
}

void delete_group(struct run *run, unsigned group) {
  struct ifinfomsg header = {0};
  request(run->requests, RTM_DELLINK, NLM_F_ACK, &header, sizeof header);
  attr_u32(run->requests, IFLA_GROUP, group);
  exchange(&run->nl, run->requests, NULL, NULL);
}

void flush_batch(struct run *run, bool now) {
  unsigned held = run->requests->count;
  if (held >= run->batch || (now && held > 0)) exchange(&run->nl, run->requests, NULL, NULL);
}

void read_link(const struct nlmsghdr *message, void *context) {
  struct link *link = context;
  const struct ifinfomsg *header = NLMSG_DATA(message);
  link->index = (unsigned)header->ifi_index;
  int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof *header));
  for (struct rtattr *a = IFLA_RTA(header); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    link->attributes++;
    switch (a->rta_type) {
      case IFLA_IFNAME: link->name = RTA_DATA(a); break;
      case IFLA_MTU: memcpy(&link->mtu, RTA_DATA(a), sizeof link->mtu); break;
      case IFLA_LINK: memcpy(&link->peer, RTA_DATA(a), sizeof link->peer); break;
    }
  }
}
