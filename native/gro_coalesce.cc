#include "gro_coalesce.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "network_order.h"
#include "offload_error.h"
#include "packet_headers.h"
#include "vnet_header.h"

namespace netloom {

namespace {

// The longest IP packet: what tun and the kernel's GRO take without further ado.
constexpr size_t kLargestPacket = 65535;

// The kernel refuses a super-packet of more datagrams (UDP_MAX_SEGMENTS: 64 in older kernels, later 128).
constexpr uint32_t kMostDatagrams = 64;

// A flow whose last packet may still grow.
struct Held {
  bool open = false;
  uint32_t first = 0;  // the slot of `in` with the headers that all have
  uint32_t output = 0;
  uint32_t segments = 0;
  size_t segment_size = 0;
  uint32_t next_sequence = 0;
  uint16_t next_id = 0;
  PacketHeaders headers;  // of the merged packet: `end` grows
};

uint32_t Sequence(const uint8_t* frame, const PacketHeaders& headers) {
  return Load32(frame + headers.transport + 4);
}

uint8_t Flags(const uint8_t* frame, const PacketHeaders& headers) {
  return frame[headers.transport + kTcpFlags];
}

bool EndsMerge(const uint8_t* frame, const PacketHeaders& headers) {
  return headers.protocol == kTcp && (Flags(frame, headers) & kPsh) != 0;
}

// Whether the packet may be part of a merged one at all: whole, right, with nothing but data.
bool IsMergeable(const uint8_t* frame, size_t size, const PacketHeaders& headers) {
  if (!headers.plain || headers.end != size || headers.payload == size) return false;
  if (headers.protocol == kTcp) {
    const uint8_t flags = Flags(frame, headers);
    if ((flags & kAck) == 0 || (flags & ~(kAck | kPsh | kEce | kCwr)) != 0) return false;
  } else if (Load16(frame + headers.transport + 4) != size - headers.transport) {
    return false;
  }
  return HasOwnChecksums(frame, headers);
}

bool IsSameFlow(const uint8_t* a, const PacketHeaders& of_a, const uint8_t* b, const PacketHeaders& of_b) {
  return of_a.ipv6 == of_b.ipv6 && of_a.protocol == of_b.protocol &&
         std::memcmp(a + of_a.transport, b + of_b.transport, 4) == 0 &&
         std::memcmp(a + AddressesAt(of_a), b + AddressesAt(of_b), AddressesSize(of_a)) == 0;
}

// Whether all that splitting copies from the first packet to each segment is the same in both.
bool HaveSameHeaders(const uint8_t* a, const PacketHeaders& of_a, const uint8_t* b, const PacketHeaders& of_b) {
  if (of_a.network != of_b.network || of_a.ipv6 != of_b.ipv6 || of_a.protocol != of_b.protocol ||
      of_a.payload != of_b.payload)
    return false;
  const auto same = [a, b](size_t from, size_t to) { return std::memcmp(a + from, b + from, to - from) == 0; };
  const size_t ip = of_a.network;
  const size_t transport = of_a.transport;
  if (!same(0, ip)) return false;
  if (of_a.ipv6 ? !same(ip, ip + 4) || !same(ip + 6, transport)                              // but for the length
                : !same(ip, ip + 2) || !same(ip + 6, ip + 10) || !same(ip + 12, transport))  // length, ID, checksum
    return false;
  if (!same(transport, transport + 4)) return false;
  if (of_a.protocol == kUdp) return true;
  // But for the sequence number, the flags and the checksum: acknowledged, header length; window; urgent, options.
  return same(transport + 8, transport + kTcpFlags) && same(transport + 14, transport + kTcpChecksum) &&
         same(transport + kTcpChecksum + 2, of_a.payload) && ((Flags(a, of_a) ^ Flags(b, of_b)) & ~(kPsh | kCwr)) == 0;
}

class Coalescer {
 public:
  Coalescer(const Slots& in, size_t header_size, int layer, const Slots& out)
      : in_(in),
        header_size_(header_size),
        largest_(std::min<size_t>(in.frame_size, out.frame_size - header_size)),
        layer_(layer),
        out_(out) {}

  void Take(uint32_t i) {
    const uint8_t* frame = in_.at(i);
    const size_t size = std::min<size_t>(in_.lengths[i], largest_);  // another thread may have changed it
    PacketHeaders headers;
    const int error = ParseHeaders(frame, size, layer_, &headers);
    if (error != 0) {
      // Something else than TCP and UDP cannot be of a flow that is held; a fragment, or what is hard to read, may be
      // of any, and must not be overtaken.
      if (error != kNotIp && error != kOtherProtocol) Finish();
      PassOn(frame, size);
      return;
    }
    Held& held = Find(frame, headers);
    const bool mergeable = IsMergeable(frame, size, headers);
    if (held.open && mergeable && Append(&held, frame, headers)) return;
    // Of the same flow, which must keep its order, or of another that has to give up its place.
    Close(&held);
    const uint32_t output = PassOn(frame, size);
    if (!mergeable || EndsMerge(frame, headers)) return;
    held = {.open = true,
            .first = i,
            .output = output,
            .segments = 1,
            .segment_size = size - headers.payload,
            .next_sequence = Sequence(frame, headers) + static_cast<uint32_t>(size - headers.payload),
            .next_id = NextId(frame, headers),
            .headers = headers};
  }

  uint32_t Finish() {
    for (Held& held : held_) Close(&held);
    return outputs_;
  }

 private:
  static constexpr uint32_t kPlaces = 128;  // a power of two
  static constexpr uint32_t kTries = 4;     // places where a flow may be

  // Where the flow is held; or a place for it, which is free, or another flow's if there is none.
  Held& Find(const uint8_t* frame, const PacketHeaders& headers) {
    const uint32_t home = Hash(frame, headers);
    Held* place = nullptr;
    for (uint32_t i = 0; i < kTries; i++) {
      Held& held = held_[(home + i) % kPlaces];
      if (held.open && IsSameFlow(in_.at(held.first), held.headers, frame, headers)) return held;
      if (!held.open && place == nullptr) place = &held;
    }
    return place != nullptr ? *place : held_[home % kPlaces];
  }

  static uint32_t Hash(const uint8_t* frame, const PacketHeaders& headers) {
    uint32_t hash = Load32(frame + headers.transport) ^ headers.protocol;
    const uint8_t* at = frame + AddressesAt(headers);
    for (const uint8_t* end = at + AddressesSize(headers); at < end; at += 4) hash = (hash ^ Load32(at)) * 0x9e3779b1;
    return (hash ^ hash >> 15) * 0x9e3779b1 >> 16;
  }

  static uint16_t NextId(const uint8_t* frame, const PacketHeaders& headers) {
    return headers.ipv6 ? 0 : static_cast<uint16_t>(Load16(frame + headers.network + 4) + 1);
  }

  uint32_t PassOn(const uint8_t* frame, size_t size) {
    uint8_t* to = out_.at(outputs_);
    WriteVnetHeader(to, header_size_, {});
    std::memcpy(to + header_size_, frame, size);
    out_.lengths[outputs_] = static_cast<uint32_t>(header_size_ + size);
    return outputs_++;
  }

  bool Append(Held* held, const uint8_t* frame, const PacketHeaders& headers) {
    const size_t length = headers.end - headers.payload;
    const size_t end = held->headers.end + length;
    if (length > held->segment_size || end - headers.network > kLargestPacket) return false;
    if (header_size_ + end > out_.frame_size) return false;
    if (!HaveSameHeaders(in_.at(held->first), held->headers, frame, headers)) return false;
    if (headers.protocol == kTcp) {
      if (Sequence(frame, headers) != held->next_sequence || (Flags(frame, headers) & kCwr) != 0) return false;
    } else if (held->segments == kMostDatagrams) {
      return false;
    }
    // With DF the ID has no meaning (RFC 6864), and some senders leave it 0.
    if (!headers.ipv6 && (frame[headers.network + 6] & 0x40) == 0 &&
        Load16(frame + headers.network + 4) != held->next_id)
      return false;

    uint8_t* merged = out_.at(held->output) + header_size_;
    std::memcpy(merged + held->headers.end, frame + headers.payload, length);
    out_.lengths[held->output] = static_cast<uint32_t>(header_size_ + end);
    held->headers.end = end;
    held->segments++;
    held->next_sequence += static_cast<uint32_t>(length);
    held->next_id++;
    if (EndsMerge(frame, headers)) merged[headers.transport + kTcpFlags] |= kPsh;
    if (length < held->segment_size || EndsMerge(frame, headers)) Close(held);
    return true;
  }

  // Writes what a merged packet needs: the lengths of the whole, and a header that says how to split it again. The
  // kernel wants the checksum left to it (virtio_net_hdr_to_skb, linux/virtio_net.h).
  void Close(Held* held) {
    if (!held->open) return;
    held->open = false;
    if (held->segments == 1) return;
    const PacketHeaders& headers = held->headers;
    uint8_t* to = out_.at(held->output);
    uint8_t* merged = to + header_size_;
    VnetHeader header;
    header.flags = kNeedsChecksum;
    header.gso_type = kGsoUdp;
    if (headers.protocol == kTcp) {
      header.gso_type = headers.ipv6 ? kGsoTcp6 : kGsoTcp4;
      if ((Flags(merged, headers) & kCwr) != 0) header.gso_type |= kGsoEcn;
    }
    header.hdr_len = static_cast<uint16_t>(headers.payload);
    header.gso_size = static_cast<uint16_t>(held->segment_size);
    header.csum_start = static_cast<uint16_t>(headers.transport);
    header.csum_offset = static_cast<uint16_t>(headers.checksum_offset());
    WriteVnetHeader(to, header_size_, header);
    WriteLengths(merged, headers, headers.end);
    Store16(merged + headers.transport + headers.checksum_offset(), PseudoHeaderSum(merged, headers, headers.end));
  }

  const Slots& in_;
  const size_t header_size_;
  const size_t largest_;  // of the frames that come in
  const int layer_;
  const Slots& out_;
  uint32_t outputs_ = 0;
  std::array<Held, kPlaces> held_{};
};

}  // namespace

int GroCoalesce(const Slots& in, uint32_t count, size_t header_size, int layer, const Slots& out) {
  if (count > out.count) return kTooFewSlots;
  if (header_size > out.frame_size) return kFrameTooLong;
  if (Overlap(out, in.bytes, size_t{in.count} * in.stride) ||
      Overlap(out, reinterpret_cast<const uint8_t*>(in.lengths), in.count * sizeof *in.lengths))
    return kOverlap;
  for (uint32_t i = 0; i < count; i++) {
    if (in.lengths[i] > in.frame_size) return kLengthOutOfSlot;
    if (header_size + in.lengths[i] > out.frame_size) return kFrameTooLong;
  }
  Coalescer coalescer(in, header_size, layer, out);
  for (uint32_t i = 0; i < count; i++) coalescer.Take(i);
  return static_cast<int>(coalescer.Finish());
}

}  // namespace netloom
