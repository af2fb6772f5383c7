#include "file_table.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace netloom {

namespace {

// Newer than the headers that this may be compiled with: linux/close_range.h, asm-generic/unistd.h.
constexpr long kCloseRange = 436;
constexpr unsigned kUnshare = 1U << 1;

bool CloseRange(int first, unsigned last, unsigned flags) {
  return ::syscall(kCloseRange, first, last, flags) == 0;
}

}  // namespace

bool TakeOwnFileTable(int* kept, size_t count) {
  std::sort(kept, kept + count);
  // What lies behind the last one is not even copied.
  if (!CloseRange(kept[count - 1] + 1, ~0U, kUnshare)) return false;
  int next = STDERR_FILENO + 1;
  for (const int* fd = kept; fd != kept + count; ++fd) {
    if (*fd > next) CloseRange(next, static_cast<unsigned>(*fd - 1), 0);
    next = std::max(next, *fd + 1);
  }
  return true;
}

}  // namespace netloom
