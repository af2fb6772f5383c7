#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "traffic.h"

enum { CHUNK = 128 * 1024, WARM_UP_MS = 300 };

/* Until the program ends. */
static void *send_all(void *context) {
  static uint8_t chunk[CHUNK];
  for (;;)
    if (send(*(int *)context, chunk, sizeof chunk, MSG_NOSIGNAL) < 0 && errno != EINTR) die("send");
  return NULL;
}

static uint64_t receive_until(int fd, uint64_t end) {
  static uint8_t chunk[CHUNK];
  uint64_t bytes = 0;
  while (monotonic() < end) {
    /* MSG_TRUNC: thrown away without being copied. */
    ssize_t size = recv(fd, chunk, sizeof chunk, MSG_TRUNC);
    if (size <= 0) die("recv");
    bytes += (uint64_t)size;
  }
  return bytes;
}

int run_tcp(char **arguments) {
  struct sockaddr_in to = address_of(arguments[0]);
  uint64_t ns = (uint64_t)atoi(arguments[1]) * 1000000u;
  enter("b");
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&to, sizeof to) < 0 || listen(listener, 1) < 0) die("listen");
  enter("a");
  int sender = socket(AF_INET, SOCK_STREAM, 0);
  if (sender < 0 || connect(sender, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  int receiver = accept(listener, NULL, NULL);
  if (receiver < 0) die("accept");
  struct timeval longest = {.tv_sec = 5};
  setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  pthread_t thread;
  if (pthread_create(&thread, NULL, send_all, &sender) != 0) die("pthread_create");

  receive_until(receiver, monotonic() + WARM_UP_MS * 1000000u);
  uint64_t started = monotonic();
  uint64_t bytes = receive_until(receiver, started + ns);
  printf("{\"ns\":%" PRIu64 ",\"count\":%" PRIu64 "}\n", monotonic() - started, bytes);
  return 0;
}
