// The internet checksum (RFC 1071) over bytes, and the completion of one that the vnet header left to the device.
//
// Pure functions: no state, no system calls, any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vnet_header.h"

namespace netloom {

// The ones' complement sum of 16-bit words, as a number; an odd last byte is the high half of a word. Sums of parts
// that begin at even offsets can be added and folded.
uint16_t Sum(const uint8_t* data, size_t size);

inline uint16_t Fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>((sum & 0xffff) + (sum >> 16));
}

// What goes into a checksum field: of `data`, and of what `initial` is the sum of.
inline uint16_t Checksum(const uint8_t* data, size_t size, uint64_t initial = 0) {
  return static_cast<uint16_t>(~Fold(initial + Sum(data, size)));
}

// Writes the checksum that NEEDS_CSUM asks for into `frame`; its field holds the sum of the pseudo header. 0, or
// kChecksumOutside. Does nothing without the flag.
int CompleteChecksum(uint8_t* frame, size_t size, const VnetHeader& header);

}  // namespace netloom
