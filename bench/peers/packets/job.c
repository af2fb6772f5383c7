#define _GNU_SOURCE
#include "job.h"

#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 16, MOST_PIECES = 1 << 16 };

static uint64_t pieces[MOST_PIECES];

bool is_flavour(const struct job *job, const char *flavour) { return strcmp(job->flavour, flavour) == 0; }

void no_flavour(const struct job *job) {
  fprintf(stderr, "packets: this row has no flavour %s\n", job->flavour);
  exit(2);
}

uint64_t monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void add_piece(struct job *job, uint64_t ns, unsigned count) {
  if (job->pieces == MOST_PIECES) wrong("too many pieces");
  pieces[job->pieces++] = ns;
  job->count += count;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

void sum_pieces(struct job *job) {
  qsort(pieces, job->pieces, sizeof *pieces, compare);
  if (job->pieces > 0) job->ns = pieces[job->pieces / 2] * job->pieces;
}

static pid_t spawn_traffic(const char *const arguments[]) {
  extern char **environ;
  char self[PATH_MAX], path[PATH_MAX + 16], *argv[MOST_ARGUMENTS] = {path};
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) die("/proc/self/exe");
  self[length] = 0;
  snprintf(path, sizeof path, "%s/traffic", dirname(self));
  for (int i = 0; arguments[i] && i + 2 < MOST_ARGUMENTS; i++) argv[i + 1] = (char *)arguments[i];
  pid_t child;
  if (posix_spawn(&child, path, NULL, NULL, argv, environ) != 0) die(path);
  return child;
}

static int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 1; }

static void on_child(int signal) {
  (void)signal;
  int status;
  if (waitpid(-1, &status, WNOHANG) > 0) _exit(exit_status(status));
}

void start_traffic(const char *const arguments[]) {
  signal(SIGCHLD, on_child);
  spawn_traffic(arguments);
}

void run_traffic(const char *const arguments[]) {
  int status;
  if (waitpid(spawn_traffic(arguments), &status, 0) < 0) die("waitpid");
  if (exit_status(status) != 0) wrong("traffic has failed");
}
