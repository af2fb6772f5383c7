// The memory of a frame slab, as plain C++ sees it: slots of equal size for frames, and how many bytes each holds.
//
// Lifetime: a view, owned by the JavaScript FrameSlab; valid within the native call that got it. Threads: any, one at
// a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace netloom {

struct Slots {
  uint8_t* bytes = nullptr;  // slot i begins at i * stride
  uint32_t* lengths = nullptr;
  uint32_t count = 0;
  uint32_t stride = 0;
  uint32_t frame_size = 0;  // the largest frame; less than stride, so that a longer one can be told

  [[nodiscard]] uint8_t* at(uint32_t slot) const { return bytes + static_cast<size_t>(slot) * stride; }
  // JavaScript writes the lengths.
  [[nodiscard]] uint32_t size(uint32_t slot) const { return lengths[slot] < frame_size ? lengths[slot] : frame_size; }
};

// Whether `size` bytes at `data` share memory with the slots, or with their lengths.
inline bool Overlap(const Slots& slots, const uint8_t* data, size_t size) {
  const auto meets = [data, size](const void* start, size_t length) {
    const auto other = reinterpret_cast<uintptr_t>(start);
    const auto own = reinterpret_cast<uintptr_t>(data);
    return own < other + length && other < own + size;
  };
  return meets(slots.bytes, size_t{slots.count} * slots.stride) ||
         meets(slots.lengths, slots.count * sizeof *slots.lengths);
}

}  // namespace netloom
