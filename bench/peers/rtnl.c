/* The C peer: `rtnl ROW N [--unnamed] [--batch COUNT] [--witness COMMAND]`, one JSON line on standard output.
 *
 * Raw netlink sockets and the fewest requests a careful C programmer would send: the floor the library is held
 * against. Each run happens in network and mount namespaces of its own and leaves nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "namespace.h"
#include "run.h"

static const struct {
  const char *name;
  row *run;
} rows[] = {
    {"bringup", row_bringup},
    {"teardown", row_teardown},
    {"updown", row_updown},
    {"teardown-one-by-one", row_teardown_one_by_one},
    {"teardown-veth", row_teardown_veth},
    {"getlink", row_getlink},
    {"dumplinks", row_dumplinks},
    {"addroutes", row_addroutes},
    {"addroutes-single", row_addroutes_single},
    {"dumproutes", row_dumproutes},
    {"delete-single", row_delete_single},
    {"spawn", row_spawn},
    {"settle", row_settle},
};

static uint64_t monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void start_clock(struct run *run) { run->started = monotonic(); }

void stop_clock(struct run *run) { run->ns = monotonic() - run->started; }

static _Noreturn void usage(void) {
  fputs("usage: rtnl ROW N [--unnamed] [--batch 1..512] [--witness COMMAND]\nrows:", stderr);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) fprintf(stderr, " %s", rows[i].name);
  fputc('\n', stderr);
  exit(2);
}

static unsigned number(const char *text, unsigned long most) {
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || value > most) usage();
  return (unsigned)value;
}

int main(int argc, char **argv) {
  static struct batch requests;
  struct run run = {.batch = 256, .requests = &requests};
  const char *witness = NULL;
  row *chosen = NULL;
  if (argc < 3) usage();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(rows[i].name, argv[1])) chosen = rows[i].run;
  if (!chosen) usage();
  run.n = number(argv[2], 1u << 24);
  for (int i = 3; i < argc; i++) {
    if (!strcmp(argv[i], "--unnamed"))
      run.unnamed = true;
    else if (!strcmp(argv[i], "--batch") && i + 1 < argc)
      run.batch = number(argv[++i], 512);
    else if (!strcmp(argv[i], "--witness") && i + 1 < argc)
      witness = argv[++i];
    else
      usage();
  }
  if (run.batch == 0) usage();

  enter_sandbox();
  run.home = current_namespace();
  run.nl = nl_open();
  chosen(&run);

  printf("{\"peer\":\"c\",\"row\":\"%s\",\"n\":%u,\"ns\":%" PRIu64 ",\"count\":%zu}\n", argv[1], run.n, run.ns, run.count);
  fflush(stdout);
  return witness && system(witness) != 0 ? 1 : 0;
}
