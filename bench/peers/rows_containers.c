/* Containers on a bridge: bringing them up, and taking them down. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "namespace.h"
#include "run.h"

enum { GROUP = 4242, PREFIX = 16, BRIDGE_ADDRESS = 0x0ac80001 /* 10.200.0.1 */ };

struct container {
  unsigned host_index;
  int fd; /* -1 when the namespace lives by its name */
};

static void request_address(struct batch *batch, unsigned index, uint32_t address) {
  struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = PREFIX, .ifa_index = index};
  uint32_t bytes = htonl(address);
  request(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  attr(batch, IFA_LOCAL, &bytes, sizeof bytes);
  attr(batch, IFA_ADDRESS, &bytes, sizeof bytes);
}

static void request_default_route(struct batch *batch, uint32_t gateway) {
  struct rtmsg header = {.rtm_family = AF_INET,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = RT_SCOPE_UNIVERSE,
                         .rtm_type = RTN_UNICAST};
  uint32_t bytes = htonl(gateway);
  request(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  attr(batch, RTA_GATEWAY, &bytes, sizeof bytes);
}

static unsigned create_bridge(struct run *run) {
  struct ifinfomsg header = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  struct link bridge = {0};
  request(run->requests, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  attr_string(run->requests, IFLA_IFNAME, "br");
  size_t info = nest(run->requests, IFLA_LINKINFO, NULL, 0);
  attr(run->requests, IFLA_INFO_KIND, "bridge", 6);
  end_nest(run->requests, info);
  request_getlink(run->requests, 0, "br");
  exchange(&run->nl, run->requests, read_link, &bridge);
  request_address(run->requests, bridge.index, BRIDGE_ADDRESS);
  exchange(&run->nl, run->requests, NULL, NULL);
  return bridge.index;
}

static void bring_up(struct run *run, unsigned bridge, unsigned i, struct container *container) {
  char name[16], host[IFNAMSIZ];
  snprintf(name, sizeof name, "c%u", i);
  snprintf(host, sizeof host, "h%u", i);
  struct nl inside;
  int fd = create_namespace(run->home, run->unnamed ? NULL : name, &inside);

  struct link link = {0};
  request_veth(run->requests, (struct veth_end){.name = host, .master = bridge, .netns = -1},
               (struct veth_end){.name = "eth0", .netns = fd}, true);
  request_getlink(run->requests, 0, host);
  exchange(&run->nl, run->requests, read_link, &link);
  container->host_index = link.index;
  unsigned eth0 = link.peer;

  request_up(run->requests, eth0);
  request_address(run->requests, eth0, BRIDGE_ADDRESS + 1 + i);
  request_getlink(run->requests, eth0, NULL);
  exchange(&inside, run->requests, read_link, &link);

  request_default_route(run->requests, BRIDGE_ADDRESS);
  exchange(&inside, run->requests, NULL, NULL);

  nl_close(&inside);
  container->fd = fd;
  if (!run->unnamed) {
    close(fd);
    container->fd = -1;
  }
}

static struct container *bring_up_all(struct run *run, unsigned bridge) {
  struct container *containers = calloc(run->n + 1, sizeof *containers);
  if (!containers) die("calloc");
  for (unsigned i = 0; i < run->n; i++) bring_up(run, bridge, i, &containers[i]);
  return containers;
}

static void remove_namespace(unsigned i, const struct container *container) {
  char name[16];
  if (container->fd >= 0) {
    close(container->fd);
    return;
  }
  snprintf(name, sizeof name, "c%u", i);
  remove_named_namespace(name);
}

void row_bringup(struct run *run) {
  unsigned bridge = create_bridge(run);
  start_clock(run);
  struct container *containers = bring_up_all(run, bridge);
  stop_clock(run);
  run->count = run->n;
  free(containers);
}

static void take_down_all(struct run *run, const struct container *containers) {
  for (unsigned i = 0; i < run->n; i++) {
    request_group(run->requests, containers[i].host_index, GROUP);
    flush_batch(run, i + 1 == run->n);
  }
  if (run->n > 0) delete_group(run, GROUP);
  for (unsigned i = 0; i < run->n; i++) remove_namespace(i, &containers[i]);
}

void row_teardown(struct run *run) {
  struct container *containers = bring_up_all(run, create_bridge(run));
  start_clock(run);
  take_down_all(run, containers);
  stop_clock(run);
  run->count = run->n;
  free(containers);
}

void row_updown(struct run *run) {
  unsigned bridge = create_bridge(run);
  start_clock(run);
  struct container *containers = bring_up_all(run, bridge);
  take_down_all(run, containers);
  stop_clock(run);
  run->count = run->n;
  free(containers);
}

void row_teardown_one_by_one(struct run *run) {
  struct container *containers = bring_up_all(run, create_bridge(run));
  start_clock(run);
  for (unsigned i = 0; i < run->n; i++) {
    delete_link(run, containers[i].host_index);
    remove_namespace(i, &containers[i]);
  }
  stop_clock(run);
  run->count = run->n;
  free(containers);
}

/* The kernel destroys namespaces later, in the order they were dropped, on one worker. So once a namespace dropped
 * now has taken its veth with it, every one dropped before, by any program, is gone too. */
void row_settle(struct run *run) {
  start_clock(run);
  struct container witness;
  run->unnamed = true;
  bring_up(run, create_bridge(run), 0, &witness);
  remove_namespace(0, &witness);
  while (if_nametoindex("h0") != 0)
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  stop_clock(run);
  run->count = 1;
}
