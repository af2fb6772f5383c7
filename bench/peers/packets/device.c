#define _GNU_SOURCE
#include "device.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../namespace.h"

static struct batch requests;

int open_tun(const char *name, short flags, bool blocking) {
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | (blocking ? 0 : O_NONBLOCK));
  if (fd < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | flags};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) die("TUNSETIFF");
  unsigned long offload = flags & IFF_VNET_HDR ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN : 0;
  if (ioctl(fd, TUNSETOFFLOAD, offload) < 0) die("TUNSETOFFLOAD");
  return fd;
}

static void add_address(struct nl *nl, unsigned index, const char *text) {
  struct in_addr address;
  if (inet_pton(AF_INET, text, &address) != 1) wrong("this is no IPv4 address");
  struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index};
  request(&requests, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  attr(&requests, IFA_LOCAL, &address, sizeof address);
  attr(&requests, IFA_ADDRESS, &address, sizeof address);
  exchange(nl, &requests, NULL, NULL);
}

void bring_up(struct nl *nl, const char *name, struct up how) {
  unsigned index = if_nametoindex(name);
  if (!index) die(name);
  struct ifinfomsg header = {.ifi_index = (int)index};
  request(&requests, RTM_SETLINK, NLM_F_ACK, &header, sizeof header);
  if (how.queue_length) attr_u32(&requests, IFLA_TXQLEN, how.queue_length);
  size_t families = nest(&requests, IFLA_AF_SPEC, NULL, 0);
  size_t inet6 = nest(&requests, AF_INET6, NULL, 0);
  attr(&requests, IFLA_INET6_ADDR_GEN_MODE, &(uint8_t){IN6_ADDR_GEN_MODE_NONE}, 1);
  end_nest(&requests, inet6);
  end_nest(&requests, families);
  exchange(nl, &requests, NULL, NULL);
  if (how.address) add_address(nl, index, how.address);
  header.ifi_flags = header.ifi_change = IFF_UP;
  request(&requests, RTM_SETLINK, NLM_F_ACK, &header, sizeof header);
  exchange(nl, &requests, NULL, NULL);
}

void create_veth(struct nl *nl) {
  struct ifinfomsg header = {0};
  request(&requests, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header);
  attr_string(&requests, IFLA_IFNAME, "v0");
  size_t info = nest(&requests, IFLA_LINKINFO, NULL, 0);
  attr(&requests, IFLA_INFO_KIND, "veth", 4);
  size_t data = nest(&requests, IFLA_INFO_DATA, NULL, 0);
  size_t peer = nest(&requests, VETH_INFO_PEER, &header, sizeof header);
  attr_string(&requests, IFLA_IFNAME, "v1");
  end_nest(&requests, peer);
  end_nest(&requests, data);
  end_nest(&requests, info);
  exchange(nl, &requests, NULL, NULL);
  bring_up(nl, "v0", (struct up){0});
  bring_up(nl, "v1", (struct up){0});
}

struct nl enter_namespace(int home, const char *name) {
  struct nl nl;
  int fd = create_namespace(home, name, &nl);
  if (setns(fd, CLONE_NEWNET) < 0) die("setns");
  close(fd);
  return nl;
}
