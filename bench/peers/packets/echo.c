/* ping: a host behind a TUN, 10.9.0.2, sends each UDP datagram back. `traffic ping` measures. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "device.h"
#include "job.h"

enum { FRAME_SIZE = 2048 };

/* Swaps addresses and ports, which leaves the checksums as they are. */
static bool turn_round(uint8_t *packet) {
  uint32_t source, destination;
  uint16_t from, to;
  if (packet[0] != 0x45 || packet[9] != 17) return false;
  memcpy(&source, packet + 12, 4);
  memcpy(&destination, packet + 16, 4);
  memcpy(&from, packet + 20, 2);
  memcpy(&to, packet + 22, 2);
  memcpy(packet + 12, &destination, 4);
  memcpy(packet + 16, &source, 4);
  memcpy(packet + 20, &to, 2);
  memcpy(packet + 22, &from, 2);
  return true;
}

static void echo_one(int tun) {
  uint8_t packet[FRAME_SIZE];
  ssize_t size = read(tun, packet, sizeof packet);
  if (size < 0 && errno != EAGAIN && errno != EINTR) die("read");
  if (size > 0 && turn_round(packet) && write(tun, packet, (size_t)size) != size) die("write");
}

static void echo(struct job *job, const char *gap) {
  char count[16];
  snprintf(count, sizeof count, "%u", job->n);
  int tun = open_tun("tun0", 0, false);
  bring_up(&job->nl, "tun0", (struct up){.address = "10.9.0.1"});
  start_traffic((const char *[]){"ping", "10.9.0.2", count, gap, NULL});

  if (is_flavour(job, "busy")) {
    for (;;) echo_one(tun);
  } else if (is_flavour(job, "epoll")) {
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, tun, &event) < 0) die("epoll");
    for (;;)
      if (epoll_wait(epoll, &event, 1, -1) > 0) echo_one(tun);
  }
  no_flavour(job);
}

void row_ping(struct job *job) { echo(job, "0"); }

void row_ping_gaps(struct job *job) { echo(job, "200"); }
