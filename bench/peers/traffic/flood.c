#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

/* With 28 bytes of headers a packet of 64. */
enum { PAYLOAD = 36, AT_ONCE = 32, WARM_UP_MS = 300 };

/* Until the program ends. */
static void *send_all(void *context) {
  static uint8_t payload[PAYLOAD];
  struct iovec part = {payload, sizeof payload};
  struct mmsghdr messages[AT_ONCE];
  for (int i = 0; i < AT_ONCE; i++) messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  for (;;)
    if (sendmmsg(*(int *)context, messages, AT_ONCE, 0) < 0 && errno != EINTR && errno != ENOBUFS) die("sendmmsg");
  return NULL;
}

/* Packets that tun0 has brought the kernel, by /proc/net/dev of its namespace. */
static uint64_t received(int fd) {
  char text[4096];
  uint64_t bytes, packets;
  ssize_t size = pread(fd, text, sizeof text - 1, 0);
  if (size < 0) die("/proc/net/dev");
  text[size] = 0;
  const char *numbers = strstr(text, "tun0:");
  if (!numbers || sscanf(numbers, "tun0: %" SCNu64 " %" SCNu64, &bytes, &packets) != 2) die("tun0");
  return packets;
}

int run_udp(char **arguments) {
  struct sockaddr_in to = address_of(arguments[0]);
  unsigned milliseconds = (unsigned)atoi(arguments[1]);
  enter("b");
  /* Nobody reads it: what has no room is dropped there, and no ICMP error goes back. */
  int sink = socket(AF_INET, SOCK_DGRAM, 0);
  int counters = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
  if (sink < 0 || counters < 0 || bind(sink, (struct sockaddr *)&to, sizeof to) < 0) die("bind");
  enter("a");
  int sender = socket(AF_INET, SOCK_DGRAM, 0);
  if (sender < 0 || connect(sender, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  pthread_t thread;
  if (pthread_create(&thread, NULL, send_all, &sender) != 0) die("pthread_create");

  sleep_us(WARM_UP_MS * 1000);
  uint64_t started = monotonic(), before = received(counters);
  sleep_us(milliseconds * 1000);
  uint64_t after = received(counters);
  printf("{\"ns\":%" PRIu64 ",\"count\":%" PRIu64 "}\n", monotonic() - started, after - before);
  return 0;
}
