// What the fuzzer compares with: packets read byte by byte, checksums added word by word, nothing shared with native/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reference {

using Bytes = std::vector<uint8_t>;

inline size_t Word(const Bytes& bytes, size_t at) {
  const size_t low = at + 1 < bytes.size() ? bytes[at + 1] : 0;
  return bytes[at] * 256U + low;
}

inline void SetWord(Bytes* bytes, size_t at, size_t value) {
  (*bytes)[at] = static_cast<uint8_t>(value / 256);
  (*bytes)[at + 1] = static_cast<uint8_t>(value % 256);
}

// The ones' complement sum of bytes[from, to) and `start`, below 0x10000.
inline size_t Sum(const Bytes& bytes, size_t from, size_t to, size_t start = 0) {
  size_t sum = start;
  for (size_t at = from; at < to; at++) {
    sum += (at - from) % 2 == 0 ? bytes[at] * 256U : bytes[at];
    while (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

// A whole TCP or UDP packet without extension headers and fragments, whose IP length is that of the frame.
struct Packet {
  size_t ip = 0;
  size_t transport = 0;
  size_t payload = 0;
  bool v6 = false;
  bool tcp = false;

  [[nodiscard]] size_t field() const { return transport + (tcp ? 16 : 6); }
};

inline size_t IpStart(const Bytes& frame, int layer) {
  if (layer == 3) return 0;
  size_t type = 12;
  for (int tags = 0; tags < 2 && type + 1 < frame.size(); tags++) {
    const size_t value = Word(frame, type);
    if (value != 0x8100 && value != 0x88a8) break;
    type += 4;
  }
  return type + 2;
}

inline std::optional<Packet> Read(const Bytes& frame, int layer) {
  Packet packet;
  packet.ip = IpStart(frame, layer);
  if (frame.size() < packet.ip + 20) return {};
  const size_t version = frame[packet.ip] / 16;
  if (layer == 2 && Word(frame, packet.ip - 2) != (version == 4 ? 0x0800U : 0x86ddU)) return {};
  if (version != 4 && version != 6) return {};
  packet.v6 = version == 6;
  if (packet.v6 && frame.size() < packet.ip + 40) return {};
  const size_t length = packet.v6 ? 40 + Word(frame, packet.ip + 4) : Word(frame, packet.ip + 2);
  if (packet.ip + length != frame.size()) return {};
  if (!packet.v6 && (Word(frame, packet.ip + 6) % 0x4000 != 0 || frame[packet.ip] % 16 < 5)) return {};
  packet.transport = packet.ip + (packet.v6 ? 40U : frame[packet.ip] % 16 * 4U);
  const size_t protocol = packet.v6 ? frame[packet.ip + 6] : frame[packet.ip + 9];
  if (protocol != 6 && protocol != 17) return {};
  packet.tcp = protocol == 6;
  if (frame.size() < packet.transport + (packet.tcp ? 20 : 8)) return {};
  packet.payload = packet.transport + (packet.tcp ? frame[packet.transport + 12] / 16 * 4U : 8);
  if (packet.payload < packet.transport + 8 || packet.payload > frame.size()) return {};
  return packet;
}

inline size_t PseudoHeader(const Bytes& frame, const Packet& packet) {
  const size_t addresses = packet.ip + (packet.v6 ? 8 : 12);
  const size_t length = frame.size() - packet.transport;
  const Bytes rest = {0, static_cast<uint8_t>(packet.tcp ? 6 : 17), static_cast<uint8_t>(length / 256),
                      static_cast<uint8_t>(length % 256)};
  return Sum(rest, 0, 4, Sum(frame, addresses, addresses + (packet.v6 ? 32 : 8)));
}

inline bool HasRightChecksums(const Bytes& frame, const Packet& packet) {
  if (!packet.v6 && Sum(frame, packet.ip, packet.transport) != 0xffff) return false;
  return Sum(frame, packet.transport, frame.size(), PseudoHeader(frame, packet)) == 0xffff;
}

inline void PutRight(Bytes* frame, int layer) {
  const std::optional<Packet> packet = Read(*frame, layer);
  if (!packet) return;
  if (!packet->v6) {
    SetWord(frame, packet->ip + 10, 0);
    SetWord(frame, packet->ip + 10, 0xffff - Sum(*frame, packet->ip, packet->transport));
  }
  if (!packet->tcp) SetWord(frame, packet->transport + 4, frame->size() - packet->transport);
  SetWord(frame, packet->field(), 0);
  const size_t checksum = 0xffff - Sum(*frame, packet->transport, frame->size(), PseudoHeader(*frame, *packet));
  SetWord(frame, packet->field(), checksum == 0 && !packet->tcp ? 0xffff : checksum);
}

// What tells flows apart, and "" for all that is of none.
inline std::string FlowOf(const Bytes& frame, int layer) {
  const std::optional<Packet> packet = Read(frame, layer);
  if (!packet) return "";
  const size_t addresses = packet->ip + (packet->v6 ? 8 : 12);
  std::string flow(packet->tcp ? "t" : "u");
  flow.append(frame.begin() + static_cast<long>(addresses),
              frame.begin() + static_cast<long>(addresses + (packet->v6 ? 32 : 8)));
  flow.append(frame.begin() + static_cast<long>(packet->transport),
              frame.begin() + static_cast<long>(packet->transport + 4));
  return flow;
}

// The frame without the IPv4 ID where that means nothing: where DF is set.
inline Bytes WithoutId(Bytes frame, int layer) {
  const std::optional<Packet> packet = Read(frame, layer);
  if (!packet || packet->v6 || (frame[packet->ip + 6] & 0x40) == 0) return frame;
  size_t sum = Word(frame, packet->ip + 4) + Word(frame, packet->ip + 10);
  if (sum > 0xffff) sum -= 0xffff;
  SetWord(&frame, packet->ip + 4, 0);
  SetWord(&frame, packet->ip + 10, sum);
  return frame;
}

}  // namespace reference
