/* queues: packets of 64 bytes written to a TUN of two queues, by one thread (flavour `one`) or one for each (`two`). */
#define _GNU_SOURCE
#include <linux/if_tun.h>
#include <pthread.h>
#include <unistd.h>

#include "device.h"
#include "job.h"

enum { WARM_UP = 20000, SIZE = 64 };

struct writer {
  pthread_t thread;
  pthread_barrier_t *start;
  int tun;
  unsigned count;
  uint64_t started, ended;
};

static void *write_all(void *context) {
  struct writer *writer = context;
  /* An IPv4 header with a wrong checksum, as in cost.c. */
  uint8_t packet[SIZE] = {0x45, 0, 0, SIZE, 0, 0, 0, 0, 64, 17};
  for (unsigned i = 0; i < WARM_UP + writer->count; i++) {
    if (i == WARM_UP) {
      pthread_barrier_wait(writer->start);
      writer->started = monotonic();
    }
    if (write(writer->tun, packet, sizeof packet) != sizeof packet) die("write");
  }
  writer->ended = monotonic();
  return NULL;
}

void row_queues(struct job *job) {
  unsigned threads = is_flavour(job, "two") ? 2 : 1;
  if (threads == 1 && !is_flavour(job, "one")) no_flavour(job);
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, threads);
  struct writer writers[2];
  for (int i = 0; i < 2; i++)
    writers[i] =
        (struct writer){.start = &start, .tun = open_tun("tun0", IFF_MULTI_QUEUE, false), .count = job->n / threads};
  bring_up(&job->nl, "tun0", (struct up){0});
  for (unsigned i = 0; i < threads; i++)
    if (pthread_create(&writers[i].thread, NULL, write_all, &writers[i]) != 0) wrong("pthread_create");
  uint64_t first = UINT64_MAX, last = 0;
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(writers[i].thread, NULL);
    if (writers[i].started < first) first = writers[i].started;
    if (writers[i].ended > last) last = writers[i].ended;
  }
  job->ns = last - first;
  job->count = (uint64_t)writers[0].count * threads;
}
