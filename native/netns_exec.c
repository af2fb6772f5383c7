// netloom-exec: joins a network namespace and becomes another program, as `ip netns exec` does. lib/spawn/ starts it,
// so that no thread of the Node.js process ever leaves its own namespace.
//
//     netloom-exec [-n NAME] [-u UID] [-g GID] [-a ARGV0] FD COMMAND [ARGUMENT...]
//
// FD is a descriptor of the namespace, inherited; the program does not get it. NAME is the name below /etc/netns. The
// program sees /sys of the namespace, and /etc/netns/NAME/* in place of /etc/*, in a mount namespace of its own. UID
// and GID are taken on at the end, because joining needs privilege.
//
// Exit status, as of env(1): 2 wrong usage, 125 the namespace cannot be joined, 126 COMMAND cannot be run, 127 COMMAND
// does not exist. Any other status is the program's own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "etc_binding.h"

enum { kUsage = 2, kCannotJoin = 125, kCannotRun = 126, kNoCommand = 127 };

static _Noreturn void Usage(void) {
  fputs("usage: netloom-exec [-n NAME] [-u UID] [-g GID] [-a ARGV0] FD COMMAND [ARGUMENT...]\n", stderr);
  exit(kUsage);
}

static _Noreturn void Fail(int status, const char* what) {
  fprintf(stderr, "netloom: %s: %s\n", what, strerror(errno));
  exit(status);
}

// A decimal number up to `limit`, and nothing else.
static unsigned Number(const char* text, unsigned limit) {
  char* end = NULL;
  errno = 0;
  const unsigned long value = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > limit) Usage();
  return (unsigned)value;
}

static void JoinNamespace(int fd) {
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) Fail(kCannotJoin, "cannot join namespace: descriptor");
  if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
    errno = EINVAL;
    Fail(kCannotJoin, "cannot join namespace: not a network namespace");
  }
  if (setns(fd, CLONE_NEWNET) != 0) Fail(kCannotJoin, "cannot join namespace: setns");
}

// From here on, as iproute2 does it (lib/namespace.c, netns_switch and bind_etc).
static void ShowOwnSys(void) {
  if (unshare(CLONE_NEWNS) != 0) Fail(kCannotJoin, "cannot make a mount namespace: unshare");
  // No mount made here may reach the parent's namespace.
  if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL) != 0) Fail(kCannotJoin, "mount --make-rslave /");

  unsigned long flags = 0;
  if (umount2("/sys", MNT_DETACH) != 0) {
    // Nothing was mounted there, or it is locked (a user namespace) and can only be covered: a read-only sysfs by a
    // read-only one.
    struct statvfs status;
    if (statvfs("/sys", &status) == 0 && (status.f_flag & ST_RDONLY) != 0) flags = MS_RDONLY;
  }
  if (mount("netloom", "/sys", "sysfs", flags, NULL) != 0) Fail(kCannotJoin, "cannot mount /sys of the namespace");
}

static void ComplainOfEtc(const char* source, const char* target) {
  fprintf(stderr, "netloom: cannot bind %s to %s: %s\n", source, target, strerror(errno));
}

int main(int argc, char** argv) {
  const char* name = NULL;
  const char* argv0 = NULL;
  const char* uid = NULL;
  const char* gid = NULL;
  int option = 0;
  while ((option = getopt(argc, argv, "+n:u:g:a:")) != -1) {
    switch (option) {
      case 'n':
        name = optarg;
        break;
      case 'u':
        uid = optarg;
        break;
      case 'g':
        gid = optarg;
        break;
      case 'a':
        argv0 = optarg;
        break;
      default:
        Usage();
    }
  }
  if (argc - optind < 2) Usage();
  const int fd = (int)Number(argv[optind], INT_MAX);
  const uid_t new_uid = uid == NULL ? 0 : Number(uid, UINT_MAX);
  const gid_t new_gid = gid == NULL ? 0 : Number(gid, UINT_MAX);

  JoinNamespace(fd);
  ShowOwnSys();
  if (name != NULL) {
    if (strchr(name, '/') != NULL || strlen(name) > NAME_MAX) Usage();
    BindEtc(name, ComplainOfEtc);
  }

  // As libuv does it: the groups of root are let go where that is allowed.
  if (uid != NULL || gid != NULL) (void)!setgroups(0, NULL);
  if (gid != NULL && setgid(new_gid) != 0) Fail(kCannotJoin, "setgid");
  if (uid != NULL && setuid(new_uid) != 0) Fail(kCannotJoin, "setuid");

  char** command = argv + optind + 1;
  const char* file = command[0];
  if (argv0 != NULL) command[0] = (char*)argv0;
  execvp(file, command);
  const int status = errno == ENOENT ? kNoCommand : kCannotRun;
  Fail(status, file);
}
