// Fuzzes the interpreter of classic BPF (native/bpf_filter): whatever the program is, it ends, and reads nothing but
// the frame (the sanitizers tell).
//
// An input is
//     instructions 1 | struct sock_filter, as many, as far as there are bytes | frame
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "../native/bpf_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const size_t count = std::min<size_t>(data[0], (size - 1) / sizeof(sock_filter));
  auto program = std::make_unique<sock_filter[]>(count);
  if (count > 0) std::memcpy(program.get(), data + 1, count * sizeof(sock_filter));
  const size_t rest = size - 1 - count * sizeof(sock_filter);
  // Memory of its own, so that a byte behind the frame, or before it, is none of anything.
  const std::unique_ptr<uint8_t[]> frame(new uint8_t[rest]);
  if (rest > 0) std::memcpy(frame.get(), data + size - rest, rest);
  const netloom::BpfFilter filter(std::move(program), count);
  const uint32_t result = filter.Run(frame.get(), rest);
  if (result != filter.Run(frame.get(), rest)) {
    std::fprintf(stderr, "fuzz/bpf: wrong: a program gives the same for the same frame\n");
    std::abort();
  }
  return 0;
}
