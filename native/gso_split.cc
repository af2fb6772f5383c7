#include "gso_split.h"

#include <algorithm>
#include <cstring>

#include "checksum.h"
#include "network_order.h"
#include "offload_error.h"
#include "packet_headers.h"
#include "vnet_header.h"

namespace netloom {

namespace {

// What the packet must be for its gso_type; 0 or an OffloadError.
int CheckType(uint8_t gso_type, const PacketHeaders& headers) {
  switch (gso_type) {
    case kGsoTcp4:
    case kGsoTcp4 | kGsoEcn:
      return headers.protocol == kTcp && !headers.ipv6 ? 0 : kOtherProtocol;
    case kGsoTcp6:
    case kGsoTcp6 | kGsoEcn:
      return headers.protocol == kTcp && headers.ipv6 ? 0 : kOtherProtocol;
    default:
      return headers.protocol == kUdp ? 0 : kOtherProtocol;
  }
}

bool IsKnownType(uint8_t gso_type) {
  const int base = gso_type & ~kGsoEcn;
  return base == kGsoTcp4 || base == kGsoTcp6 || gso_type == kGsoUdp;
}

int CopyWhole(const uint8_t* frame, size_t size, const VnetHeader& header, const Slots& out) {
  if (out.count < 1) return kTooFewSlots;
  if (size > out.frame_size) return kFrameTooLong;
  if ((header.flags & kNeedsChecksum) != 0 && size_t{header.csum_start} + header.csum_offset + 2 > size)
    return kChecksumOutside;
  std::memcpy(out.bytes, frame, size);
  out.lengths[0] = static_cast<uint32_t>(size);
  const int error = CompleteChecksum(out.bytes, size, header);
  return error == 0 ? 1 : error;
}

// Makes the headers of the whole those of the segment that lies `offset` bytes behind the first.
void PatchHeaders(uint8_t* segment, const PacketHeaders& headers, size_t end, size_t offset, uint32_t index,
                  bool last) {
  uint8_t* transport = segment + headers.transport;
  if (!headers.ipv6) {
    uint8_t* id = segment + headers.network + 4;
    Store16(id, Load16(id) + index);
  }
  if (headers.protocol == kTcp) {
    Store32(transport + 4, Load32(transport + 4) + static_cast<uint32_t>(offset));
    // The end of the stream, and of what was sent at once, comes with the last byte; that the window was reduced is
    // said once.
    if (!last) transport[kTcpFlags] &= static_cast<uint8_t>(~(kFin | kPsh));
    if (index > 0) transport[kTcpFlags] &= static_cast<uint8_t>(~kCwr);
  }
  WriteLengths(segment, headers, end);
  WriteTransportChecksum(segment, headers, end);
}

}  // namespace

int GsoSplit(const uint8_t* packet, size_t size, size_t header_size, int layer, const Slots& out) {
  if (size < header_size) return kNoVnetHeader;
  if (size == header_size) return kNoFrame;
  if (Overlap(out, packet, size)) return kOverlap;
  const VnetHeader header = ReadVnetHeader(packet);
  const uint8_t* frame = packet + header_size;
  if (header.gso_type == kGsoNone) return CopyWhole(frame, size - header_size, header, out);
  if (!IsKnownType(header.gso_type)) return kUnknownGsoType;
  if (header.gso_size == 0) return kNoSegmentSize;

  PacketHeaders headers;
  int error = ParseHeaders(frame, size - header_size, layer, &headers);
  if (error == 0) error = CheckType(header.gso_type, headers);
  if (error != 0) return error;

  // hdr_len and csum_start are hints, which may lie: the packet itself has told where its headers are.
  const size_t payload = headers.end - headers.payload;
  const size_t longest = headers.payload + std::min<size_t>(header.gso_size, payload);
  if (!FitsIpLength(headers, longest)) return kSegmentTooLong;
  if (longest > out.frame_size) return kFrameTooLong;
  const size_t count = payload == 0 ? 1 : (payload + header.gso_size - 1) / header.gso_size;
  if (count > out.count) return kTooFewSlots;

  for (uint32_t i = 0; i < count; i++) {
    const size_t offset = size_t{i} * header.gso_size;
    const size_t length = std::min<size_t>(header.gso_size, payload - offset);
    uint8_t* segment = out.at(i);
    std::memcpy(segment, frame, headers.payload);
    std::memcpy(segment + headers.payload, frame + headers.payload + offset, length);
    const size_t end = headers.payload + length;
    PatchHeaders(segment, headers, end, offset, i, i + 1 == count);
    out.lengths[i] = static_cast<uint32_t>(end);
  }
  return static_cast<int>(count);
}

}  // namespace netloom
