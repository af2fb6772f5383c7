// Shows a process, or a thread, the files of /etc/netns/NAME in place of those of /etc, as `ip netns exec` does
// (iproute2's lib/namespace.c, bind_etc). In C and in C++, for netloom-exec and for the threads that look names up.
//
// C++ wants nullptr, and C has none: neither is written.
//
// Lifetime: the mounts are those of the caller's mount namespace, which it has made its own before. Threads: any.
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

// Calls `complain`, unless it is null, with each file that could not be bound, while errno says why: one that /etc
// lacks is worth a message and no more.
static inline void BindEtc(const char* name, void (*complain)(const char* source, const char* target)) {
  char source[1024];
  char target[1024];
  snprintf(source, sizeof source, "/etc/netns/%s", name);
  DIR* directory = opendir(source);
  if (!directory) return;
  for (const struct dirent* entry = readdir(directory); entry; entry = readdir(directory)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    // Two names of at most 255 bytes (NAME_MAX), the first without a slash.
    snprintf(source, sizeof source, "/etc/netns/%s/%s", name, entry->d_name);
    snprintf(target, sizeof target, "/etc/%s", entry->d_name);
    if (mount(source, target, "none", MS_BIND, "") != 0 && complain) complain(source, target);
  }
  closedir(directory);
}
