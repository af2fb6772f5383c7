#include "packet_headers.h"

#include "checksum.h"
#include "network_order.h"
#include "offload_error.h"

namespace netloom {

namespace {

constexpr size_t kEthernetHeader = 14;
constexpr size_t kIpv4Header = 20;
constexpr size_t kIpv6Header = 40;
constexpr size_t kTcpHeader = 20;
constexpr size_t kUdpHeader = 8;

// linux/if_ether.h
constexpr uint16_t kEthertypeIpv4 = 0x0800;
constexpr uint16_t kEthertypeIpv6 = 0x86dd;
constexpr uint16_t kEthertypeVlan = 0x8100;
constexpr uint16_t kEthertypeServiceVlan = 0x88a8;

// The IPv6 extension headers, and options in them, that matter here.
constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragmentHeader = 44;
constexpr uint8_t kAuthentication = 51;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kMobility = 135;
constexpr uint8_t kHostIdentity = 139;
constexpr uint8_t kShim6 = 140;
constexpr uint8_t kPad1 = 0;
constexpr uint8_t kJumboPayload = 0xc2;
constexpr uint8_t kHomeAddress = 0xc9;

int FindNetworkHeader(const uint8_t* frame, size_t size, int layer, PacketHeaders* out) {
  out->network = 0;
  if (layer == 3) {
    if (size == 0) return kBadHeaders;
    const int version = frame[0] >> 4;
    out->ipv6 = version == 6;
    return version == 4 || version == 6 ? 0 : kNotIp;
  }
  if (size < kEthernetHeader) return kBadHeaders;
  out->network = kEthernetHeader;
  uint16_t ethertype = Load16(frame + kEthernetHeader - 2);
  for (int tags = 0; tags < 2 && (ethertype == kEthertypeVlan || ethertype == kEthertypeServiceVlan); tags++) {
    out->network += 4;
    if (size < out->network) return kBadHeaders;
    ethertype = Load16(frame + out->network - 2);
  }
  out->ipv6 = ethertype == kEthertypeIpv6;
  if (ethertype != kEthertypeIpv4 && ethertype != kEthertypeIpv6) return kNotIp;
  if (size == out->network) return kBadHeaders;
  return frame[out->network] >> 4 == (out->ipv6 ? 6 : 4) ? 0 : kBadHeaders;
}

// A super-packet may be longer than IP can say, and says 0 then.
bool SetEnd(size_t length, size_t size, PacketHeaders* out) {
  if (length == 0) {
    out->plain = false;
    out->end = size;
    return true;
  }
  out->end = out->network + length;
  return out->end <= size;
}

int ParseIpv4(const uint8_t* frame, size_t size, PacketHeaders* out) {
  if (size - out->network < kIpv4Header) return kBadHeaders;
  const uint8_t* ip = frame + out->network;
  const size_t header = size_t{ip[0] & 15U} * 4;
  out->plain = header == kIpv4Header;
  out->transport = out->network + header;
  if (header < kIpv4Header || !SetEnd(Load16(ip + 2), size, out) || out->transport > out->end) return kBadHeaders;
  if ((Load16(ip + 6) & 0x3fff) != 0) return kFragment;
  out->protocol = ip[9];
  return 0;
}

// Options that leave the pseudo header and the length of the packet alone.
bool AreHarmlessOptions(const uint8_t* at, const uint8_t* end) {
  while (at < end) {
    if (*at == kPad1) {
      at++;
      continue;
    }
    if (*at == kJumboPayload || *at == kHomeAddress || end - at < 2 || end - at < 2 + at[1]) return false;
    at += 2 + at[1];
  }
  return true;
}

int ParseIpv6(const uint8_t* frame, size_t size, PacketHeaders* out) {
  if (size - out->network < kIpv6Header) return kBadHeaders;
  const uint8_t* ip = frame + out->network;
  const size_t payload = Load16(ip + 4);
  out->plain = true;
  if (!SetEnd(payload == 0 ? 0 : kIpv6Header + payload, size, out)) return kBadHeaders;
  out->transport = out->network + kIpv6Header;
  uint8_t next = ip[6];
  // Each is 8 bytes long or longer, so this ends with the packet.
  while (next == kHopByHop || next == kRouting || next == kDestinationOptions) {
    out->plain = false;
    if (out->end - out->transport < 8) return kBadHeaders;
    const uint8_t* extension = frame + out->transport;
    const size_t length = 8 + size_t{extension[1]} * 8;
    if (out->end - out->transport < length) return kBadHeaders;
    // A routing header with segments left has the destination of the pseudo header in itself (RFC 8200, section 8.1).
    if (next == kRouting ? extension[3] != 0 : !AreHarmlessOptions(extension + 2, extension + length))
      return kExtensionHeader;
    next = extension[0];
    out->transport += length;
  }
  if (next == kFragmentHeader) return kFragment;
  if (next == kAuthentication || next == kMobility || next == kHostIdentity || next == kShim6) return kExtensionHeader;
  out->protocol = next;
  return 0;
}

}  // namespace

int ParseHeaders(const uint8_t* frame, size_t size, int layer, PacketHeaders* out) {
  int error = FindNetworkHeader(frame, size, layer, out);
  if (error == 0) error = out->ipv6 ? ParseIpv6(frame, size, out) : ParseIpv4(frame, size, out);
  if (error != 0) return error;
  if (out->protocol != kTcp && out->protocol != kUdp) return kOtherProtocol;
  const size_t left = out->end - out->transport;
  size_t header = kUdpHeader;
  if (out->protocol == kTcp) {
    if (left < kTcpHeader) return kBadHeaders;
    header = size_t{frame[out->transport + 12]} / 16 * 4;
    if (header < kTcpHeader) return kBadHeaders;
  }
  if (left < header) return kBadHeaders;
  out->payload = out->transport + header;
  return 0;
}

bool FitsIpLength(const PacketHeaders& headers, size_t end) {
  return end - headers.network - (headers.ipv6 ? kIpv6Header : 0) <= 0xffff;
}

void WriteLengths(uint8_t* frame, const PacketHeaders& headers, size_t end) {
  uint8_t* ip = frame + headers.network;
  const auto length = static_cast<uint32_t>(end - headers.network);
  if (headers.ipv6) {
    Store16(ip + 4, length - kIpv6Header);
  } else {
    Store16(ip + 2, length);
    Store16(ip + 10, 0);
    Store16(ip + 10, Checksum(ip, headers.transport - headers.network));
  }
  if (headers.protocol == kUdp) Store16(frame + headers.transport + 4, static_cast<uint32_t>(end - headers.transport));
}

uint16_t PseudoHeaderSum(const uint8_t* frame, const PacketHeaders& headers, size_t end) {
  const uint64_t addresses = Sum(frame + AddressesAt(headers), AddressesSize(headers));
  return Fold(addresses + headers.protocol + (end - headers.transport));
}

void WriteTransportChecksum(uint8_t* frame, const PacketHeaders& headers, size_t end) {
  uint8_t* field = frame + headers.transport + headers.checksum_offset();
  Store16(field, 0);
  const uint16_t checksum =
      Checksum(frame + headers.transport, end - headers.transport, PseudoHeaderSum(frame, headers, end));
  Store16(field, checksum == 0 && headers.protocol == kUdp ? 0xffff : checksum);
}

bool HasOwnChecksums(const uint8_t* frame, const PacketHeaders& headers) {
  if (!headers.ipv6) {
    const uint8_t* ip = frame + headers.network;
    if (Checksum(ip, headers.transport - headers.network) != 0 || Load16(ip + 10) == 0xffff) return false;
  }
  // 0 and ffff are the same to the sum; one of them is what each protocol writes.
  const uint16_t field = Load16(frame + headers.transport + headers.checksum_offset());
  if (field == (headers.protocol == kUdp ? 0 : 0xffff)) return false;
  return Checksum(frame + headers.transport, headers.end - headers.transport,
                  PseudoHeaderSum(frame, headers, headers.end)) == 0;
}

}  // namespace netloom
