#define _GNU_SOURCE
#include "netlink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel fills dump skbs up to 32 KiB when the reader's buffer allows it. */
enum { RECEIVE_BUFFER = 64 * 1024, ANSWERS_AT_ONCE = 64, ANSWER_SIZE = 4096 };

/* 512 acks outweigh the default receive buffer, since each occupies a whole skb. */
enum { SOCKET_BUFFER = 4 << 20 };

static uint8_t receive_buffer[RECEIVE_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
static uint8_t answers[ANSWERS_AT_ONCE][ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

void die(const char *what) {
  fprintf(stderr, "rtnl: %s: %s\n", what, strerror(errno));
  exit(1);
}

void wrong(const char *what) {
  fprintf(stderr, "rtnl: %s\n", what);
  exit(1);
}

struct nl nl_open(void) {
  struct nl nl = {.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), .seq = 1};
  if (nl.fd < 0) die("socket(NETLINK_ROUTE)");
  int on = 1, size = SOCKET_BUFFER;
  if (setsockopt(nl.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) die("SO_RCVBUFFORCE");
  if (setsockopt(nl.fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) < 0) die("NETLINK_CAP_ACK");
  if (setsockopt(nl.fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on) < 0) die("NETLINK_EXT_ACK");
  /* Without it the kernel ignores the filters of a dump. */
  if (setsockopt(nl.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on) < 0) die("NETLINK_GET_STRICT_CHK");
  return nl;
}

void nl_close(struct nl *nl) {
  close(nl->fd);
  nl->fd = -1;
}

static void *append(struct batch *batch, size_t length) {
  size_t aligned = NLMSG_ALIGN(length);
  if (batch->len + aligned > sizeof batch->data) wrong("the batch is full");
  uint8_t *at = batch->data + batch->len;
  memset(at + length, 0, aligned - length);
  batch->len += aligned;
  if (batch->last) batch->last->nlmsg_len = batch->data + batch->len - (uint8_t *)batch->last;
  return at;
}

void request(struct batch *batch, uint16_t type, uint16_t flags, const void *body, size_t length) {
  batch->last = NULL;
  struct nlmsghdr *header = append(batch, sizeof *header + length);
  *header = (struct nlmsghdr){
      .nlmsg_len = NLMSG_ALIGN(sizeof *header + length), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
  memcpy(NLMSG_DATA(header), body, length);
  batch->last = header;
  batch->count++;
}

void attr(struct batch *batch, uint16_t type, const void *data, size_t length) {
  struct rtattr *attribute = append(batch, RTA_LENGTH(length));
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(length);
  if (length) memcpy(RTA_DATA(attribute), data, length);
}

void attr_u32(struct batch *batch, uint16_t type, uint32_t value) { attr(batch, type, &value, sizeof value); }

void attr_string(struct batch *batch, uint16_t type, const char *text) { attr(batch, type, text, strlen(text) + 1); }

size_t nest(struct batch *batch, uint16_t type, const void *header, size_t length) {
  size_t start = batch->len;
  attr(batch, type, header, length);
  return start;
}

void end_nest(struct batch *batch, size_t start) {
  ((struct rtattr *)(batch->data + start))->rta_len = batch->len - start;
}

static void refuse(const struct nlmsghdr *message) {
  const struct nlmsgerr *error = NLMSG_DATA(message);
  const char *text = "";
  /* CAP_ACK holds only for successes: an error echoes the whole request, unless the flag says otherwise. */
  size_t echoed = message->nlmsg_flags & NLM_F_CAPPED ? sizeof error->msg : error->msg.nlmsg_len;
  if (message->nlmsg_flags & NLM_F_ACK_TLVS) {
    const uint8_t *at = (const uint8_t *)&error->msg + NLMSG_ALIGN(echoed);
    struct rtattr *tlv = (struct rtattr *)at;
    int left = (int)((const uint8_t *)message + message->nlmsg_len - at);
    for (; RTA_OK(tlv, left); tlv = RTA_NEXT(tlv, left))
      if (tlv->rta_type == NLMSGERR_ATTR_MSG) text = RTA_DATA(tlv);
  }
  fprintf(stderr, "rtnl: message type %u: %s %s\n", error->msg.nlmsg_type, strerror(-error->error), text);
  exit(1);
}

static void send_batch(struct nl *nl, struct batch *batch) {
  struct nlmsghdr *message = (struct nlmsghdr *)batch->data;
  for (unsigned i = 0; i < batch->count; i++) {
    message->nlmsg_seq = nl->seq + i;
    message = (struct nlmsghdr *)((uint8_t *)message + message->nlmsg_len);
  }
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  struct iovec io = {batch->data, batch->len};
  struct msghdr envelope = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &io, .msg_iovlen = 1};
  if (sendmsg(nl->fd, &envelope, 0) < 0) die("sendmsg");
}

/* Counts the answers to this batch in what one receive returned. */
static unsigned answers_in(const void *bytes, size_t length, uint32_t first, unsigned count, on_message *answer,
                           void *context) {
  unsigned found = 0;
  int left = (int)length;
  for (struct nlmsghdr *m = (struct nlmsghdr *)bytes; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
    if (m->nlmsg_seq - first >= count) continue;
    found++;
    if (m->nlmsg_type == NLMSG_ERROR) {
      if (((struct nlmsgerr *)NLMSG_DATA(m))->error) refuse(m);
    } else if (answer) {
      answer(m, context);
    }
  }
  return found;
}

static size_t receive(struct nl *nl) {
  ssize_t length = recv(nl->fd, receive_buffer, sizeof receive_buffer, MSG_TRUNC);
  if (length < 0) die("recv");
  if ((size_t)length > sizeof receive_buffer) wrong("a datagram is longer than the receive buffer");
  return (size_t)length;
}

/* Each ack is a datagram of its own; recvmmsg collects them without a system call each. */
static unsigned receive_many(struct nl *nl, unsigned wanted, uint32_t first, unsigned count, on_message *answer,
                             void *context) {
  static struct mmsghdr slots[ANSWERS_AT_ONCE];
  static struct iovec ios[ANSWERS_AT_ONCE];
  if (wanted > ANSWERS_AT_ONCE) wanted = ANSWERS_AT_ONCE;
  for (unsigned i = 0; i < wanted; i++) {
    ios[i] = (struct iovec){answers[i], ANSWER_SIZE};
    slots[i].msg_hdr = (struct msghdr){.msg_iov = &ios[i], .msg_iovlen = 1};
  }
  int got = recvmmsg(nl->fd, slots, wanted, MSG_WAITFORONE, NULL);
  if (got < 0) die("recvmmsg");
  unsigned found = 0;
  for (int i = 0; i < got; i++) {
    if (slots[i].msg_hdr.msg_flags & MSG_TRUNC) wrong("an answer is longer than its slot");
    found += answers_in(answers[i], slots[i].msg_len, first, count, answer, context);
  }
  return found;
}

void exchange(struct nl *nl, struct batch *batch, on_message *answer, void *context) {
  uint32_t first = nl->seq;
  unsigned waiting = batch->count;
  send_batch(nl, batch);
  while (waiting > 0) {
    if (waiting == 1)
      waiting -= answers_in(receive_buffer, receive(nl), first, batch->count, answer, context);
    else
      waiting -= receive_many(nl, waiting, first, batch->count, answer, context);
  }
  nl->seq += batch->count;
  batch->len = batch->count = 0;
  batch->last = NULL;
}

size_t dump(struct nl *nl, struct batch *batch, on_message *answer, void *context) {
  size_t messages = 0;
  uint32_t seq = nl->seq;
  batch->last->nlmsg_flags |= NLM_F_DUMP;
  send_batch(nl, batch);
  for (bool done = false; !done;) {
    int left = (int)receive(nl);
    for (struct nlmsghdr *m = (struct nlmsghdr *)receive_buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_seq != seq) continue;
      if (m->nlmsg_type == NLMSG_ERROR) refuse(m);
      /* Nothing else changes these namespaces, so an interrupted dump means the measurement is not what it claims. */
      if (m->nlmsg_flags & NLM_F_DUMP_INTR) wrong("the dump was interrupted");
      if (m->nlmsg_type == NLMSG_DONE) {
        int error = *(int *)NLMSG_DATA(m);
        if (error < 0) {
          errno = -error;
          die("dump");
        }
        done = true;
        break;
      }
      answer(m, context);
      messages++;
    }
  }
  nl->seq++;
  batch->len = batch->count = 0;
  batch->last = NULL;
  return messages;
}
