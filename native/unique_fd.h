// A file descriptor with one owner, closed when that owner ends.
//
// Lifetime: moved, never copied; an empty one holds -1. Thread: any, one at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace netloom {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // It is the caller's from now on.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

  // On Linux the descriptor is gone even when close() says EINTR, so it is never tried again.
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace netloom
