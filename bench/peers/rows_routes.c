/* IPv4 routes in one namespace: 10.0.0.0/32, 10.0.0.1/32, ... through a veth that is up. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { DEVICE = 1000, FIRST = 0x0a000000 };

struct route {
  uint32_t destination, device, priority, table;
  size_t attributes, in_main;
};

static void create_device(struct run *run) {
  request_veth(run->requests, (struct veth_end){.name = "r0", .index = DEVICE, .netns = -1},
               (struct veth_end){.name = "r1", .index = DEVICE + 1, .netns = -1}, true);
  request_up(run->requests, DEVICE + 1);
  exchange(&run->nl, run->requests, NULL, NULL);
}

static void request_route(struct batch *batch, unsigned i) {
  struct rtmsg header = {.rtm_family = AF_INET,
                         .rtm_dst_len = 32,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = RT_SCOPE_LINK,
                         .rtm_type = RTN_UNICAST};
  uint32_t destination = htonl(FIRST + i);
  request(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  attr(batch, RTA_DST, &destination, sizeof destination);
  attr_u32(batch, RTA_OIF, DEVICE);
}

static void add_routes(struct run *run) {
  for (unsigned i = 0; i < run->n; i++) {
    request_route(run->requests, i);
    flush_batch(run, i + 1 == run->n);
  }
}

void row_addroutes(struct run *run) {
  create_device(run);
  start_clock(run);
  add_routes(run);
  stop_clock(run);
  run->count = run->n;
}

void row_addroutes_single(struct run *run) {
  run->batch = 1;
  row_addroutes(run);
}

static void read_route(const struct nlmsghdr *message, void *context) {
  struct route *route = context;
  const struct rtmsg *header = NLMSG_DATA(message);
  uint32_t table = header->rtm_table;
  int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof *header));
  for (struct rtattr *a = RTM_RTA(header); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    route->attributes++;
    switch (a->rta_type) {
      case RTA_DST: memcpy(&route->destination, RTA_DATA(a), sizeof route->destination); break;
      case RTA_OIF: memcpy(&route->device, RTA_DATA(a), sizeof route->device); break;
      case RTA_PRIORITY: memcpy(&route->priority, RTA_DATA(a), sizeof route->priority); break;
      case RTA_TABLE: memcpy(&table, RTA_DATA(a), sizeof table); break;
    }
  }
  route->table = table;
  if (table == RT_TABLE_MAIN) route->in_main++;
}

void row_dumproutes(struct run *run) {
  create_device(run);
  add_routes(run);
  struct route route = {0};
  struct rtmsg header = {.rtm_family = AF_INET};
  start_clock(run);
  request(run->requests, RTM_GETROUTE, 0, &header, sizeof header);
  run->count = dump(&run->nl, run->requests, read_route, &route);
  stop_clock(run);
  if (route.in_main != run->n) wrong("routes are missing from the dump");
}
