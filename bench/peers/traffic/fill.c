#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "traffic.h"

enum { AT_ONCE = 64, HEADERS = 28, LARGEST = 65536 };

int run_fill(char **arguments) {
  static uint8_t payload[LARGEST];
  struct sockaddr_in to = address_of(arguments[0]);
  unsigned count = (unsigned)atoi(arguments[1]), size = (unsigned)atoi(arguments[2]) - HEADERS;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (size > LARGEST || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  struct iovec part = {payload, size};
  struct mmsghdr messages[AT_ONCE];
  for (int i = 0; i < AT_ONCE; i++) messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  while (count > 0) {
    int sent = sendmmsg(fd, messages, count < AT_ONCE ? count : AT_ONCE, 0);
    if (sent < 0) die("sendmmsg");
    count -= (unsigned)sent;
  }
  return 0;
}
