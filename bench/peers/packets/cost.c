/* read-SIZE, write-SIZE: what one read() and one write() of a TUN's packet take. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "job.h"

enum { FRAME_SIZE = 2048, QUEUE_LENGTH = 8192, PIECE = 1024, WARM_UP = 20000 };

/* An IPv4 header with a wrong checksum: ip_rcv() drops it before it looks for a route. */
static void unwanted(uint8_t *packet, size_t size) {
  memset(packet, 0, size);
  packet[0] = 0x45;
  packet[2] = (uint8_t)(size >> 8);
  packet[3] = (uint8_t)size;
  packet[8] = 64;
  packet[9] = 17;
}

static void write_all(int tun, const uint8_t *packet, size_t size, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    if (write(tun, packet, size) != (ssize_t)size) die("write");
}

static void *sleep_for_ever(void *none) {
  for (;;) pause();
  return none;
}

/* A second thread, as Node.js has several: the kernel then counts who uses a descriptor, and libc marks each call as a
 * point of cancellation. */
static void stop_being_alone(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0) wrong("pthread_create");
}

static void row_write(struct job *job, size_t size) {
  uint8_t packet[FRAME_SIZE];
  int tun = open_tun("tun0", 0, false);
  bring_up(&job->nl, "tun0", (struct up){0});
  if (is_flavour(job, "threads")) stop_being_alone();
  unwanted(packet, size);
  write_all(tun, packet, size, WARM_UP);
  while (job->count < job->n) {
    uint64_t started = monotonic();
    write_all(tun, packet, size, PIECE);
    add_piece(job, monotonic() - started, PIECE);
  }
}

/* As many as there are, up to `most`. */
static unsigned read_all(int tun, unsigned most) {
  uint8_t packet[FRAME_SIZE];
  for (unsigned i = 0; i < most; i++) {
    if (read(tun, packet, sizeof packet) > 0) continue;
    if (errno != EAGAIN) die("read");
    return i;
  }
  return most;
}

/* Fills the device's queue and drains it, over and over: only draining is measured. */
static void row_read(struct job *job, const char *size) {
  char many[16];
  snprintf(many, sizeof many, "%u", QUEUE_LENGTH);
  if (is_flavour(job, "threads")) stop_being_alone();
  int tun = open_tun("tun0", 0, false);
  bring_up(&job->nl, "tun0", (struct up){.address = "10.9.0.1", .queue_length = QUEUE_LENGTH});
  for (bool warm = false; job->count < job->n; warm = true) {
    run_traffic((const char *[]){"fill", "10.9.0.2", many, size, NULL});
    for (unsigned i = 0; i < QUEUE_LENGTH / PIECE; i++) {
      uint64_t started = monotonic();
      unsigned count = read_all(tun, PIECE);
      uint64_t ns = monotonic() - started;
      if (count != PIECE) wrong("the queue had fewer packets than those sent");
      if (warm) add_piece(job, ns, PIECE);
    }
    if (read_all(tun, 1) != 0) wrong("the queue had more packets than those sent");
  }
}

void row_read_64(struct job *job) { row_read(job, "64"); }

void row_read_1400(struct job *job) { row_read(job, "1400"); }

void row_write_64(struct job *job) { row_write(job, 64); }

void row_write_1400(struct job *job) { row_write(job, 1400); }
