/* A raw rtnetlink socket and a buffer of requests: one thread, blocking, every failure ends the program.
 *
 * A benchmark peer has nobody to report an error to: a number measured across a failed request would be wrong, so
 * any refusal by the kernel prints its extended ack and exits. */
#ifndef PEER_NETLINK_H
#define PEER_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens in the namespace the thread is in and stays there. */
struct nl {
  int fd;
  uint32_t seq;
};

/* Requests that go out in one sendmsg. Owned by the caller, reused after each exchange. */
struct batch {
  size_t len;
  unsigned count;
  struct nlmsghdr *last;
  uint8_t data[128 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));
};

typedef void on_message(const struct nlmsghdr *message, void *context);

/* Ends the program: with errno, or where the kernel reported no error but the result is not what it must be. */
_Noreturn void die(const char *what);
_Noreturn void wrong(const char *what);

struct nl nl_open(void);
void nl_close(struct nl *nl);

/* Starts a request whose fixed header is `body`; attributes added afterwards belong to it. NLM_F_REQUEST is implied. */
void request(struct batch *batch, uint16_t type, uint16_t flags, const void *body, size_t length);
void attr(struct batch *batch, uint16_t type, const void *data, size_t length);
void attr_u32(struct batch *batch, uint16_t type, uint32_t value);
void attr_string(struct batch *batch, uint16_t type, const char *text);
/* nest() returns where the nest starts, to be handed to end_nest(). A fixed header may follow the attribute's own. */
size_t nest(struct batch *batch, uint16_t type, const void *header, size_t length);
void end_nest(struct batch *batch, size_t start);

/* Sends the batch and waits until each of its requests is answered: by its ack, or by its one message when it is a
 * GET without NLM_F_ACK. Empties the batch. */
void exchange(struct nl *nl, struct batch *batch, on_message *answer, void *context);

/* Sends the single request of the batch with NLM_F_DUMP and hands over each message; returns how many came. */
size_t dump(struct nl *nl, struct batch *batch, on_message *answer, void *context);

#endif
