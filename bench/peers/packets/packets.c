/* The C peer of packet devices: `packets ROW FLAVOUR N`, one JSON line on standard output. Plain read() and write():
 * the floor netloom is held against. Like rtnl, it runs in namespaces of its own and leaves nothing.
 *
 * `packets with-tun COMMAND...` opens a TUN (tun0, 10.9.0.1/24) as a program without netloom would, for a blocking
 * descriptor 3, and becomes COMMAND. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../namespace.h"
#include "device.h"
#include "job.h"

static const struct {
  const char *name;
  row *run;
} rows[] = {
    {"ping", row_ping},         {"ping-gaps", row_ping_gaps},
    {"read-64", row_read_64},   {"read-1400", row_read_1400},
    {"write-64", row_write_64}, {"write-1400", row_write_1400},
    {"tcp", row_tcp},           {"tcp-offload", row_tcp_offload},
    {"udp", row_udp},           {"capture", row_capture},
    {"inject", row_inject},     {"capture-gaps", row_capture_gaps},
    {"queues", row_queues},
};

static _Noreturn void usage(void) {
  fputs("usage: packets ROW FLAVOUR N | packets with-tun COMMAND...\nrows:", stderr);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) fprintf(stderr, " %s", rows[i].name);
  fputc('\n', stderr);
  exit(2);
}

static _Noreturn void with_tun(char **command) {
  struct nl nl = nl_open();
  int tun = open_tun("tun0", 0, true);
  bring_up(&nl, "tun0", (struct up){.address = "10.9.0.1"});
  if (dup2(tun, 3) != 3 || fcntl(3, F_SETFD, 0) < 0) die("dup2");
  execvp(command[0], command);
  die(command[0]);
}

int main(int argc, char **argv) {
  struct job job = {0};
  row *chosen = NULL;
  if (argc > 2 && !strcmp(argv[1], "with-tun")) with_tun(argv + 2);
  if (argc != 4) usage();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(rows[i].name, argv[1])) chosen = rows[i].run;
  if (!chosen) usage();
  job.flavour = argv[2];
  job.n = (unsigned)strtoul(argv[3], NULL, 10);
  if (job.n == 0) usage();
  enter_sandbox();
  job.home = current_namespace();
  job.nl = nl_open();
  chosen(&job);
  sum_pieces(&job);
  printf("{\"peer\":\"c %s\",\"row\":\"%s\",\"n\":%u,\"ns\":%" PRIu64 ",\"count\":%" PRIu64 "}\n", job.flavour, argv[1],
         job.n, job.ns, job.count);
  return 0;
}
