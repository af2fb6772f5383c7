/* capture, capture-gaps, inject: frames of 64 bytes read from and written to a veth by a packet socket. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "job.h"

/* What a receive buffer of the default size has room for, by far; a type that no protocol of the kernel takes. */
enum { FRAME_SIZE = 2048, AT_ONCE = 100, SIZE = 64, TYPE = 0x88b5, PIECE = 1024, WARM_UP = 20000 };
/* Of a ring: the kernel hands over a block that is full, or this old, of which a millisecond is the least. */
enum { BLOCK_SIZE = 1 << 16, BLOCKS = 16, RETIRE_MS = 1 };

static const uint8_t example[SIZE] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, TYPE >> 8, TYPE & 255};

static void bind_to(int fd, const char *name) {
  struct sockaddr_ll to = {
      .sll_family = AF_PACKET, .sll_protocol = htons(TYPE), .sll_ifindex = (int)if_nametoindex(name)};
  if (bind(fd, (struct sockaddr *)&to, sizeof to) < 0) die("AF_PACKET");
}

static int make_socket(void) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("AF_PACKET");
  return fd;
}

static int open_socket(const char *name) {
  int fd = make_socket();
  bind_to(fd, name);
  return fd;
}

struct ring {
  int fd;
  unsigned block;
  uint8_t *blocks;
};

static struct ring open_ring(const char *name) {
  struct ring ring = {.fd = make_socket()};
  int version = TPACKET_V3;
  struct tpacket_req3 request = {.tp_block_size = BLOCK_SIZE,
                                 .tp_block_nr = BLOCKS,
                                 .tp_frame_size = FRAME_SIZE,
                                 .tp_frame_nr = BLOCK_SIZE / FRAME_SIZE * BLOCKS,
                                 .tp_retire_blk_tov = RETIRE_MS};
  if (setsockopt(ring.fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
      setsockopt(ring.fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0)
    die("PACKET_RX_RING");
  ring.blocks = mmap(NULL, (size_t)BLOCK_SIZE * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, 0);
  if (ring.blocks == MAP_FAILED) die("mmap");
  bind_to(ring.fd, name);
  return ring;
}

/* Takes what is there, as a program does that copies each frame, and hands each to `with`. */
static unsigned take(struct ring *ring, uint8_t *frame, void (*with)(int fd, const uint8_t *frame)) {
  unsigned count = 0;
  for (;; ring->block = (ring->block + 1) % BLOCKS) {
    struct tpacket_block_desc *block = (void *)(ring->blocks + (size_t)ring->block * BLOCK_SIZE);
    if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) return count;
    uint8_t *at = (uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
    for (unsigned left = block->hdr.bh1.num_pkts; left > 0; left--) {
      struct tpacket3_hdr *header = (void *)at;
      memcpy(frame, at + header->tp_mac, header->tp_snaplen);
      if (with) with(ring->fd, frame);
      count++;
      at += header->tp_next_offset;
    }
    __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  }
}

static void send_all(int fd, const uint8_t *frame, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    if (send(fd, frame, SIZE, 0) != SIZE) die("send");
}

void row_capture(struct job *job) {
  uint8_t frame[FRAME_SIZE];
  const bool with_ring = is_flavour(job, "ring");
  create_veth(&job->nl);
  int sender = open_socket("v1"), fd = -1;
  struct ring ring = {0};
  if (with_ring) {
    ring = open_ring("v0");
  } else {
    fd = open_socket("v0");
  }
  for (unsigned before = 0; job->count < job->n; before += AT_ONCE) {
    send_all(sender, example, AT_ONCE);
    /* Until its block is old. */
    if (with_ring) usleep(5000);
    uint64_t started = monotonic();
    unsigned count = 0;
    if (with_ring) {
      count = take(&ring, frame, NULL);
    } else {
      while (recv(fd, frame, sizeof frame, 0) > 0) count++;
      if (errno != EAGAIN) die("recv");
    }
    uint64_t ns = monotonic() - started;
    if (count != AT_ONCE) wrong("the socket had other frames than those sent");
    if (before >= (with_ring ? AT_ONCE : WARM_UP)) add_piece(job, ns, count);
  }
}

static void send_back(int fd, const uint8_t *frame) {
  if (send(fd, frame, SIZE, 0) != SIZE) die("send");
}

void row_capture_gaps(struct job *job) {
  uint8_t frame[FRAME_SIZE];
  char count[16];
  const bool with_ring = is_flavour(job, "ring");
  snprintf(count, sizeof count, "%u", job->n);
  create_veth(&job->nl);
  struct ring ring = {0};
  if (with_ring) {
    ring = open_ring("v0");
  } else {
    ring.fd = open_socket("v0");
  }
  struct epoll_event event = {.events = EPOLLIN};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, ring.fd, &event) < 0) die("epoll");
  start_traffic((const char *[]){"frames", "v1", count, "200", NULL});
  for (;;) {
    if (epoll_wait(epoll, &event, 1, -1) < 1) continue;
    if (with_ring) {
      take(&ring, frame, send_back);
    } else if (recv(ring.fd, frame, sizeof frame, 0) > 0) {
      send_back(ring.fd, frame);
    }
  }
}

void row_inject(struct job *job) {
  create_veth(&job->nl);
  int fd = open_socket("v1");
  send_all(fd, example, WARM_UP);
  while (job->count < job->n) {
    uint64_t started = monotonic();
    send_all(fd, example, PIECE);
    add_piece(job, monotonic() - started, PIECE);
  }
}
