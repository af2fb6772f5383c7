#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "traffic.h"

/* With 28 bytes of headers a packet of 64. A type for local experiments. */
enum { PAYLOAD = 36, FRAME = 64, FRAME_HEADER = 14, FRAME_TYPE = 0x88b5, WARM_UP = 3000, WARM_UP_WITH_GAPS = 300, LONGEST_MS = 500, MOST_LOST = 100 };

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* What goes to and fro: a number behind a header. */
struct message {
  int fd;
  size_t header, size;
  uint8_t bytes[FRAME];
};

/* Nanoseconds; 0 if no answer came. Asks over and over instead of sleeping, so that what is measured is how the other
 * side wakes up, and not how this one does. */
static uint32_t round_trip(struct message *message, uint32_t number) {
  memcpy(message->bytes + message->header, &number, sizeof number);
  uint64_t sent = monotonic();
  if (send(message->fd, message->bytes, message->size, 0) != (ssize_t)message->size) die("send");
  for (;;) {
    uint8_t answer[FRAME];
    ssize_t size = recv(message->fd, answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);
    uint64_t now = monotonic();
    if (size == (ssize_t)message->size && !memcmp(answer + message->header, &number, sizeof number))
      return (uint32_t)(now - sent);
    if (size < 0 && errno != EAGAIN && errno != EINTR) die("recv");
    if (now - sent > LONGEST_MS * 1000000u) return 0;
  }
}

static int measure(struct message *message, uint32_t count, unsigned gap) {
  uint32_t kept = 0, lost = 0;
  const uint32_t warm_up = gap > 0 ? WARM_UP_WITH_GAPS : WARM_UP;
  uint32_t *times = calloc(count, sizeof *times);
  if (!times) die("calloc");
  /* Or each sleep takes 50 µs more. */
  prctl(PR_SET_TIMERSLACK, 1ul);

  uint64_t total = 0;
  for (uint32_t i = 0; i < warm_up + count && lost < MOST_LOST; i++) {
    if (gap > 0) sleep_us(gap);
    uint32_t ns = round_trip(message, i);
    if (ns == 0) lost++;
    if (ns == 0 || i < warm_up) continue;
    times[kept++] = ns;
    total += ns;
  }
  if (kept < count / 2) {
    fprintf(stderr, "traffic: %u of %u pings had no answer\n", lost, count);
    return 1;
  }
  qsort(times, kept, sizeof *times, compare);
  printf("{\"ns\":%" PRIu64 ",\"count\":%u,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p999\":%u,\"lost\":%u}\n", total, kept,
         times[kept / 2], times[kept / 10 * 9], times[kept / 100 * 99], times[kept / 1000 * 999], lost);
  return 0;
}

int run_ping(char **arguments) {
  struct sockaddr_in to = address_of(arguments[0]);
  struct message message = {.fd = socket(AF_INET, SOCK_DGRAM, 0), .size = PAYLOAD};
  if (message.fd < 0 || connect(message.fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  return measure(&message, (uint32_t)atoi(arguments[1]), (unsigned)atoi(arguments[2]));
}

int run_frames(char **arguments) {
  struct sockaddr_ll to = {
      .sll_family = AF_PACKET, .sll_protocol = htons(FRAME_TYPE), .sll_ifindex = (int)if_nametoindex(arguments[0])};
  struct message message = {.fd = socket(AF_PACKET, SOCK_RAW, 0),
                            .header = FRAME_HEADER,
                            .size = FRAME,
                            .bytes = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, FRAME_TYPE >> 8, FRAME_TYPE & 255}};
  if (message.fd < 0 || bind(message.fd, (struct sockaddr *)&to, sizeof to) < 0) die(arguments[0]);
  return measure(&message, (uint32_t)atoi(arguments[1]), (unsigned)atoi(arguments[2]));
}
