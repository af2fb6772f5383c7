/* capture, inject: frames of 64 bytes read from and written to a veth by a packet socket. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "job.h"

/* What a receive buffer of the default size has room for, by far; a type that no protocol of the kernel takes. */
enum { FRAME_SIZE = 2048, AT_ONCE = 100, SIZE = 64, TYPE = 0x88b5, PIECE = 1024, WARM_UP = 20000 };

static int open_socket(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_ll to = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
  if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0) die("AF_PACKET");
  return fd;
}

void row_capture(struct job *job) {
  uint8_t frame[FRAME_SIZE];
  create_veth(&job->nl);
  int fd = open_socket("v0");
  for (bool warm = false; job->count < job->n; warm = true) {
    run_traffic((const char *[]){"frames", "v1", "100", "64", NULL});
    uint64_t started = monotonic();
    unsigned count = 0;
    while (recv(fd, frame, sizeof frame, 0) > 0) count++;
    uint64_t ns = monotonic() - started;
    if (errno != EAGAIN) die("recv");
    if (count != AT_ONCE) wrong("the socket had other frames than those sent");
    if (warm) add_piece(job, ns, count);
  }
}

static void send_all(int fd, const uint8_t *frame, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    if (send(fd, frame, SIZE, 0) != SIZE) die("send");
}

void row_inject(struct job *job) {
  uint8_t frame[SIZE] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, TYPE >> 8, TYPE & 255};
  create_veth(&job->nl);
  int fd = open_socket("v1");
  send_all(fd, frame, WARM_UP);
  while (job->count < job->n) {
    uint64_t started = monotonic();
    send_all(fd, frame, PIECE);
    add_piece(job, monotonic() - started, PIECE);
  }
}
