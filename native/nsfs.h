// How to tell the kernel's namespace file system (what /proc/self/ns/net leads to) from other files.
//
// Questions about a descriptor, which stays the caller's, or a path; any thread.
#pragma once

#include <sys/vfs.h>

namespace netloom {

// linux/magic.h of older systems has no NSFS_MAGIC.
inline bool IsNamespaceFileSystem(const struct statfs& status) {
  constexpr decltype(statfs::f_type) kNsfsMagic = 0x6e736673;
  return status.f_type == kNsfsMagic;
}

// True when `fd` is a namespace of some type.
inline bool IsNamespaceFile(int fd) {
  struct statfs status;
  return ::fstatfs(fd, &status) == 0 && IsNamespaceFileSystem(status);
}

// The same of a path, whose links are followed.
inline bool IsNamespaceFile(const char* path) {
  struct statfs status;
  return ::statfs(path, &status) == 0 && IsNamespaceFileSystem(status);
}

}  // namespace netloom
