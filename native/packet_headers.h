// The headers of a TCP or UDP packet: where each begins, and the fields of theirs that change with the payload.
//
// Pure functions over bytes and plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace netloom {

inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
// Within their headers.
inline constexpr size_t kTcpChecksum = 16;
inline constexpr size_t kUdpChecksum = 6;

// The flags of TCP, in its byte 13.
inline constexpr size_t kTcpFlags = 13;
inline constexpr uint8_t kFin = 0x01;
inline constexpr uint8_t kPsh = 0x08;
inline constexpr uint8_t kAck = 0x10;
inline constexpr uint8_t kEce = 0x40;
inline constexpr uint8_t kCwr = 0x80;

// Offsets from the start of the frame.
struct PacketHeaders {
  size_t network = 0;
  size_t transport = 0;
  size_t payload = 0;
  size_t end = 0;  // of the IP packet; padding of the frame may follow
  bool ipv6 = false;
  uint8_t protocol = 0;  // kTcp or kUdp
  // Neither IPv4 options nor IPv6 extension headers, and IP says its length.
  bool plain = false;

  [[nodiscard]] size_t checksum_offset() const { return protocol == kTcp ? kTcpChecksum : kUdpChecksum; }
};

// The source and destination addresses, which lie side by side.
inline size_t AddressesAt(const PacketHeaders& headers) {
  return headers.network + (headers.ipv6 ? 8 : 12);
}
inline size_t AddressesSize(const PacketHeaders& headers) {
  return headers.ipv6 ? 32 : 8;
}

// Layer 2: Ethernet, with up to two VLAN tags. Layer 3: IP. 0 (and then every offset lies within `size`), kBadHeaders,
// kNotIp, kFragment, kExtensionHeader or kOtherProtocol.
int ParseHeaders(const uint8_t* frame, size_t size, int layer, PacketHeaders* out);

// Whether IP can say the length of a packet that ends at `end`.
bool FitsIpLength(const PacketHeaders& headers, size_t end);

// The lengths in the IP and UDP headers, and the checksum of the IPv4 header, for a packet that ends at `end`.
void WriteLengths(uint8_t* frame, const PacketHeaders& headers, size_t end);

// Folded; what a checksum field holds while its checksum is left to the device.
uint16_t PseudoHeaderSum(const uint8_t* frame, const PacketHeaders& headers, size_t end);

// The whole checksum of TCP or UDP.
void WriteTransportChecksum(uint8_t* frame, const PacketHeaders& headers, size_t end);

// Whether the checksums of IPv4 and of TCP or UDP are right, and written as WriteTransportChecksum would. UDP's 0, for
// none, is not.
bool HasOwnChecksums(const uint8_t* frame, const PacketHeaders& headers);

}  // namespace netloom
