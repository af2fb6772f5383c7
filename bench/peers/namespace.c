#define _GNU_SOURCE
#include "namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void enter_sandbox(void) {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) die("unshare");
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) die("mount --make-rprivate /");
  /* Over /run and not /run/netns, which need not exist and must not be left behind on the machine. */
  if (mount("peers", "/run", "tmpfs", 0, "mode=755") < 0) die("mount /run");
  if (mkdir("/run/netns", 0755) < 0) die("mkdir /run/netns");
  /* iproute2 makes the directory a shared mount point on its first `netns add`; done here it stays outside the timing. */
  if (mount("/run/netns", "/run/netns", NULL, MS_BIND, NULL) < 0) die("mount --bind /run/netns");
  if (mount("none", "/run/netns", NULL, MS_SHARED, NULL) < 0) die("mount --make-shared /run/netns");
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) die("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) die("setrlimit");
}

int current_namespace(void) {
  int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("/proc/self/ns/net");
  return fd;
}

static void path_of(char path[64], const char *name) { snprintf(path, 64, "/run/netns/%s", name); }

int create_namespace(int home, const char *name, struct nl *inside) {
  if (unshare(CLONE_NEWNET) < 0) die("unshare(CLONE_NEWNET)");
  int fd = current_namespace();
  if (name) {
    char path[64];
    path_of(path, name);
    int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    if (file < 0) die(path);
    close(file);
    if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0) die("mount --bind /proc/self/ns/net");
  }
  *inside = nl_open();
  if (setns(home, CLONE_NEWNET) < 0) die("setns");
  return fd;
}

void remove_named_namespace(const char *name) {
  char path[64];
  path_of(path, name);
  /* Lazy, as iproute2: another mount namespace may still hold it. */
  if (umount2(path, MNT_DETACH) < 0) die("umount2");
  if (unlink(path) < 0) die("unlink");
}
