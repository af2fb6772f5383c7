/* tcp, tcp-offload, udp: what one TUN brings is written to another, and back. `traffic tcp` or `traffic flood`
 * measures from namespace `a`, 10.7.0.1, to namespace `b`, 10.7.0.2. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "device.h"
#include "job.h"

/* A super-packet, and the vnet header in front. Packets of one turn before the other side gets its own. */
enum { FRAME_SIZE = 65536 + 64, PER_TURN = 64 };

static bool move(int from, int to) {
  static uint8_t frame[FRAME_SIZE];
  for (int i = 0; i < PER_TURN; i++) {
    ssize_t size = read(from, frame, sizeof frame);
    if (size < 0) {
      if (errno != EAGAIN && errno != EINTR) die("read");
      return i > 0;
    }
    if (write(to, frame, (size_t)size) < 0 && errno != EAGAIN) die("write");
  }
  return true;
}

static int open_side(struct job *job, const char *name, const char *address, short flags) {
  struct nl inside = enter_namespace(job->home, name);
  int tun = open_tun("tun0", flags, false);
  bring_up(&inside, "tun0", (struct up){.address = address});
  if (setns(job->home, CLONE_NEWNET) < 0) die("setns");
  return tun;
}

static void forward(struct job *job, const char *traffic, short flags) {
  char milliseconds[16];
  snprintf(milliseconds, sizeof milliseconds, "%u", job->n);
  int ends[2] = {open_side(job, "a", "10.7.0.1", flags), open_side(job, "b", "10.7.0.2", flags)};
  start_traffic((const char *[]){traffic, "10.7.0.2", milliseconds, NULL});

  if (is_flavour(job, "busy"))
    for (;;) {
      move(ends[0], ends[1]);
      move(ends[1], ends[0]);
    }
  if (!is_flavour(job, "epoll")) no_flavour(job);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < 2; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, ends[i], &event) < 0) die("epoll");
  }
  for (;;) {
    struct epoll_event events[2];
    int count = epoll_wait(epoll, events, 2, -1);
    for (int i = 0; i < count; i++) move(ends[events[i].data.u32], ends[!events[i].data.u32]);
  }
}

void row_tcp(struct job *job) { forward(job, "tcp", 0); }

void row_tcp_offload(struct job *job) { forward(job, "tcp", IFF_VNET_HDR); }

void row_udp(struct job *job) { forward(job, "udp", 0); }
