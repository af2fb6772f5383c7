// Classic BPF (linux/filter.h) in user space, where the kernel has no place for it: TUNATTACHFILTER is for TAP only. It
// does to a frame what a socket filter would, but for what only the kernel knows (ancillary data: negative offsets).
//
// Whatever the program is, it ends, and reads and writes nothing but the frame and its own memory: it only ever goes
// forward, and what the kernel would not have taken drops the frame. lib/packet/bpf.ts says what is wrong with one.
//
// Lifetime: owns its instructions, which do not change. Threads: any; Run() has no state.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace netloom {

class BpfFilter {
 public:
  // Lets everything pass.
  BpfFilter() = default;
  BpfFilter(std::unique_ptr<sock_filter[]> program, size_t count) : program_(std::move(program)), count_(count) {}

  explicit operator bool() const { return count_ > 0; }

  // What the program returns. 0: drop the frame; also for a load from beyond its end, and a division by zero.
  [[nodiscard]] uint32_t Run(const uint8_t* frame, size_t size) const;

 private:
  std::unique_ptr<sock_filter[]> program_;
  size_t count_ = 0;
};

}  // namespace netloom
