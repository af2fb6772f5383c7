/* Links in one namespace: reading one, dumping all, deleting some. */
#define _GNU_SOURCE
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "run.h"

enum { GROUP = 4242, REPEATS = 10, LOOPBACK = 1 };

/* Chosen here rather than by the kernel, so that deleting by index needs no lookup first. */
static unsigned index_of(unsigned pair) { return 1000 + 2 * pair; }

/* a0/b0, a1/b1, ...: down, both ends here. */
static void create_pairs(struct run *run, unsigned pairs, unsigned group) {
  for (unsigned i = 0; i < pairs; i++) {
    char a[IFNAMSIZ], b[IFNAMSIZ];
    snprintf(a, sizeof a, "a%u", i);
    snprintf(b, sizeof b, "b%u", i);
    request_veth(run->requests, (struct veth_end){.name = a, .index = index_of(i), .group = group, .netns = -1},
                 (struct veth_end){.name = b, .index = index_of(i) + 1, .netns = -1}, false);
    flush_batch(run, i + 1 == pairs);
  }
}

void row_teardown_veth(struct run *run) {
  create_pairs(run, run->n, GROUP);
  start_clock(run);
  if (run->n > 0) delete_group(run, GROUP);
  stop_clock(run);
  run->count = run->n;
}

void row_delete_single(struct run *run) {
  create_pairs(run, run->n, 0);
  start_clock(run);
  for (unsigned i = 0; i < run->n; i++) delete_link(run, index_of(i));
  stop_clock(run);
  run->count = run->n;
}

void row_getlink(struct run *run) {
  struct link link = {0};
  start_clock(run);
  for (unsigned i = 0; i < run->n; i++) {
    request_getlink(run->requests, LOOPBACK, NULL);
    exchange(&run->nl, run->requests, read_link, &link);
  }
  stop_clock(run);
  if (run->n > 0 && link.index != LOOPBACK) wrong("getlink answered for another link");
  run->count = run->n;
}

void row_dumplinks(struct run *run) {
  create_pairs(run, run->n / 2, 0);
  struct link link = {0};
  start_clock(run);
  for (unsigned i = 0; i < REPEATS; i++) {
    struct ifinfomsg header = {0};
    request(run->requests, RTM_GETLINK, 0, &header, sizeof header);
    attr_u32(run->requests, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    run->count += dump(&run->nl, run->requests, read_link, &link);
  }
  stop_clock(run);
  if (link.attributes < run->count) wrong("links without attributes");
}
