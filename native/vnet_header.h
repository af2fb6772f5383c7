// The vnet header (struct virtio_net_hdr, linux/virtio_net.h) in front of a packet: which checksum is still missing,
// and into which segments the packet has to be cut. 10 bytes, or 12 with num_buffers; little endian.
//
// Pure functions and plain values. The caller has checked that the bytes are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace netloom {

// Written out, because linux/virtio_net.h is no C++ ("class" is a field of it).
inline constexpr uint8_t kNeedsChecksum = 1;
inline constexpr uint8_t kGsoNone = 0;
inline constexpr uint8_t kGsoTcp4 = 1;
inline constexpr uint8_t kGsoTcp6 = 4;
inline constexpr uint8_t kGsoUdp = 5;  // VIRTIO_NET_HDR_GSO_UDP_L4, datagrams; UDP's fragments (3) are something else
inline constexpr uint8_t kGsoEcn = 0x80;  // added to the types of TCP: CWR is set

struct VnetHeader {
  uint8_t flags = 0;
  uint8_t gso_type = kGsoNone;
  uint16_t hdr_len = 0;
  uint16_t gso_size = 0;
  uint16_t csum_start = 0;
  uint16_t csum_offset = 0;
};

inline constexpr size_t kVnetHeaderSize = 10;
inline constexpr size_t kVnetHeaderSizeWithBuffers = 12;

inline VnetHeader ReadVnetHeader(const uint8_t* at) {
  const auto number = [at](size_t i) { return static_cast<uint16_t>(at[i] | at[i + 1] << 8); };
  return {at[0], at[1], number(2), number(4), number(6), number(8)};
}

// Writes `size` bytes; num_buffers, which packet devices do not look at, becomes 0.
inline void WriteVnetHeader(uint8_t* at, size_t size, const VnetHeader& header) {
  std::memset(at, 0, size);
  at[0] = header.flags;
  at[1] = header.gso_type;
  const auto put = [at](size_t i, uint16_t number) {
    at[i] = static_cast<uint8_t>(number);
    at[i + 1] = static_cast<uint8_t>(number >> 8);
  };
  put(2, header.hdr_len);
  put(4, header.gso_size);
  put(6, header.csum_start);
  put(8, header.csum_offset);
}

}  // namespace netloom
