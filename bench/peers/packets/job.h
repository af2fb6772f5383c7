/* What a row of packet devices is given and what it hands back. */
#ifndef PACKETS_JOB_H
#define PACKETS_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../netlink.h"

struct job {
  const char *flavour;
  unsigned n;
  int home;        /* the sandbox's own network namespace */
  struct nl nl;    /* a socket in it */
  uint64_t ns;     /* the measured part */
  uint64_t count;  /* operations done in it; 0: `traffic` has measured, and printed the line */
  unsigned pieces; /* that have been added */
};

typedef void row(struct job *job);

/* echo.c */
row row_ping, row_ping_gaps;
/* cost.c */
row row_read_64, row_read_1400, row_write_64, row_write_1400;
/* forward.c */
row row_tcp, row_tcp_offload, row_udp;
/* capture.c */
row row_capture, row_capture_gaps, row_inject;
/* queues.c */
row row_queues;

bool is_flavour(const struct job *job, const char *flavour);
_Noreturn void no_flavour(const struct job *job);

uint64_t monotonic(void);

/* The measured part may be many pieces, of as many operations each: `ns` is that of their median then, so that what
 * interrupts some of them does not count. */
void add_piece(struct job *job, uint64_t ns, unsigned count);
void sum_pieces(struct job *job);

/* Starts build/traffic, the program that all peers are measured by. When it ends, this program does, too, with its
 * status. */
void start_traffic(const char *const arguments[]);
/* The same, but waits for it. */
void run_traffic(const char *const arguments[]);

#endif
