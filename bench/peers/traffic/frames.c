#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "traffic.h"

enum { LARGEST = 65536 };

int run_frames(char **arguments) {
  /* To 02:00:00:00:00:01, of a type for local experiments. */
  static uint8_t frame[LARGEST] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(arguments[0])};
  unsigned count = (unsigned)atoi(arguments[1]), size = (unsigned)atoi(arguments[2]);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (size > LARGEST || fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0) die(arguments[0]);
  for (unsigned i = 0; i < count; i++)
    if (send(fd, frame, size, 0) != (ssize_t)size) die("send");
  /* The other end of a veth gets its frames from a softirq: they are there when this has slept. */
  sleep_us(1000);
  return 0;
}
