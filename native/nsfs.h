// How to tell the kernel's namespace file system (what /proc/self/ns/net leads to) from other files.
//
// A question about a descriptor, which stays the caller's; any thread.
#pragma once

#include <sys/vfs.h>

namespace netloom {

// True when `fd` is a namespace of some type. linux/magic.h of older systems has no NSFS_MAGIC.
inline bool IsNamespaceFile(int fd) {
  constexpr decltype(statfs::f_type) kNsfsMagic = 0x6e736673;
  struct statfs status;
  return ::fstatfs(fd, &status) == 0 && status.f_type == kNsfsMagic;
}

}  // namespace netloom
