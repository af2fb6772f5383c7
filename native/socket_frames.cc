#include "socket_frames.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "checksum.h"
#include "gso_split.h"
#include "network_order.h"
#include "packet_headers.h"
#include "vnet_header.h"

namespace netloom {

namespace {

// The longest super-packet has 64 KiB, and headers.
constexpr size_t kMostWhole = size_t{66} * 1024;

constexpr size_t kAddresses = size_t{2} * ETH_ALEN;  // in front of a VLAN tag
constexpr size_t kTag = 4;

// Puts a tag into the frame of `size` bytes, as far as `room` goes. Its new size, or `room`.
size_t InsertTag(uint8_t* frame, size_t size, size_t room, uint16_t tpid, uint16_t tci) {
  if (size < kAddresses || room < kAddresses + kTag) return size;
  const size_t kept = std::min(size - kAddresses, room - kAddresses - kTag);
  std::memmove(frame + kAddresses + kTag, frame + kAddresses, kept);
  Store16(frame + kAddresses, tpid);
  Store16(frame + kAddresses + 2, tci);
  return std::min(size + kTag, room);
}

void ShiftHeader(uint8_t* at) {
  VnetHeader header = ReadVnetHeader(at);
  if ((header.flags & kNeedsChecksum) != 0) header.csum_start += kTag;
  if (header.hdr_len > 0) header.hdr_len += kTag;
  WriteVnetHeader(at, kVnetHeaderSize, header);
}

// Being bound is not enough: a link that goes is bound still between being taken down, which is told, and its end,
// which is not.
bool IsLinkUp(int fd) {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  ifreq request{};
  request.ifr_ifindex = address.sll_ifindex;
  // The name first, because flags are asked for by name.
  return ::ioctl(fd, SIOCGIFNAME, &request) == 0 && ::ioctl(fd, SIOCGIFFLAGS, &request) == 0 &&
         (request.ifr_flags & IFF_UP) != 0;
}

}  // namespace

bool IsUnbound(int fd) {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 && address.sll_ifindex < 0;
}

SocketFrames::SocketFrames(bool offload, int layer) : offload_(offload), layer_(layer) {
  // Not make_unique, which would fill it: most of it is never used.
  if (!offload) whole_.reset(new uint8_t[kVnetHeaderSize + kMostWhole]);
}

std::unique_ptr<SocketFrames> SocketFrames::Of(int fd, bool offload) {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sll_family != AF_PACKET)
    return nullptr;
  const bool ethernet = address.sll_hatype == ARPHRD_ETHER || address.sll_hatype == ARPHRD_LOOPBACK;
  return std::make_unique<SocketFrames>(offload, ethernet ? 2 : 3);
}

ssize_t SocketFrames::Read(int fd, uint8_t* to, size_t room) {
  if (fd < 0) return -EBADF;
  if (offload_) return ReadWithHeader(fd, to, room);
  return HasMore() ? static_cast<ssize_t>(NextSegment(to, room)) : ReadWhole(fd, to, room);
}

ssize_t SocketFrames::Receive(int fd, iovec* parts, int count, Aside* aside) {
  for (;;) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<size_t>(count);
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(fd, &message, 0);
    if (size >= 0) {
      *aside = {};
      aside->longer = (message.msg_flags & MSG_TRUNC) != 0;
      const cmsghdr* header = CMSG_FIRSTHDR(&message);
      if (header == nullptr || header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA) return size;
      tpacket_auxdata told;
      std::memcpy(&told, CMSG_DATA(header), sizeof told);
      aside->tagged = layer_ == 2 && (told.tp_status & TP_STATUS_VLAN_VALID) != 0;
      aside->tpid = (told.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? told.tp_vlan_tpid : ETH_P_8021Q;
      aside->tci = told.tp_vlan_tci;
      aside->cut = told.tp_snaplen < told.tp_len;
      return size;
    }
    switch (errno) {
      case EINTR:
        continue;
      case EINVAL:
        // A super-packet of a kind that a vnet header cannot describe (virtio_net_hdr_from_skb); it is gone.
        ++lost_;
        continue;
      case ENETDOWN:
        was_down_ = true;
        continue;
      case EAGAIN:
        // A link that goes is taken down first; that alone is told.
        if (was_down_ && IsUnbound(fd)) return -ENODEV;
        // Once it is up, the next end is told as well.
        was_down_ = was_down_ && !IsLinkUp(fd);
        return -EAGAIN;
      default:
        return -errno;
    }
  }
}

ssize_t SocketFrames::ReadWithHeader(int fd, uint8_t* to, size_t room) {
  iovec part{to, room};
  Aside aside;
  ssize_t got = Receive(fd, &part, 1, &aside);
  // Longer than anything should be (BIG TCP): lost, rather than a failure.
  for (; got >= 0 && aside.longer && room >= kMostWhole; ++lost_) got = Receive(fd, &part, 1, &aside);
  if (got < static_cast<ssize_t>(kVnetHeaderSize)) return got;
  if (!aside.tagged) return got;
  ShiftHeader(to);
  const size_t size = InsertTag(to + kVnetHeaderSize, static_cast<size_t>(got) - kVnetHeaderSize,
                                room - kVnetHeaderSize, aside.tpid, aside.tci);
  return static_cast<ssize_t>(kVnetHeaderSize + size);
}

// A frame goes straight to where it is wanted, and what of it has no room behind its vnet header: a super-packet is put
// together there before it is split.
ssize_t SocketFrames::ReadWhole(int fd, uint8_t* to, size_t room) {
  uint8_t* const whole = whole_.get() + kVnetHeaderSize;
  const size_t direct = std::min(room, kMostWhole);
  for (;;) {
    iovec parts[] = {{whole_.get(), kVnetHeaderSize}, {to, direct}, {whole + direct, kMostWhole - direct}};
    Aside aside;
    const ssize_t got = Receive(fd, parts, 3, &aside);
    if (got < static_cast<ssize_t>(kVnetHeaderSize)) return got;
    size_t size = static_cast<size_t>(got) - kVnetHeaderSize;
    const VnetHeader header = ReadVnetHeader(whole_.get());
    if (header.gso_type == kGsoNone || aside.cut) {
      if (size >= room) return static_cast<ssize_t>(room);
      // A field that is not within the frame is left as it is.
      if (!aside.cut) CompleteChecksum(to, size, header);
      return static_cast<ssize_t>(aside.tagged ? InsertTag(to, size, room, aside.tpid, aside.tci) : size);
    }
    std::memcpy(whole, to, std::min(size, direct));
    if (aside.tagged) size = InsertTag(whole, size, kMostWhole, aside.tpid, aside.tci);
    if (!aside.longer && Split(size)) return static_cast<ssize_t>(NextSegment(to, room));
    ++lost_;
  }
}

// Makes segments of the super-packet in whole_, of `size` bytes behind its vnet header.
bool SocketFrames::Split(size_t size) {
  segments_ = {};
  next_ = 0;
  const VnetHeader header = ReadVnetHeader(whole_.get());
  PacketHeaders headers;
  if (header.gso_size == 0 || ParseHeaders(whole_.get() + kVnetHeaderSize, size, layer_, &headers) != 0) return false;
  const size_t payload = headers.end - headers.payload;
  const size_t count = std::max<size_t>(1, (payload + header.gso_size - 1) / header.gso_size);
  const size_t longest = headers.payload + std::min<size_t>(header.gso_size, payload);
  const size_t stride = (longest + 8) & ~size_t{7};
  const size_t needed = count * (sizeof(uint32_t) + stride);
  if (needed > memory_size_) {
    memory_.reset(new uint8_t[needed]);
    memory_size_ = needed;
  }
  Slots out;
  out.lengths = reinterpret_cast<uint32_t*>(memory_.get());
  out.bytes = memory_.get() + count * sizeof(uint32_t);
  out.count = static_cast<uint32_t>(count);
  out.stride = static_cast<uint32_t>(stride);
  out.frame_size = static_cast<uint32_t>(longest);
  const int made = GsoSplit(whole_.get(), kVnetHeaderSize + size, kVnetHeaderSize, layer_, out);
  if (made <= 0) return false;
  segments_ = out;
  segments_.count = static_cast<uint32_t>(made);
  return true;
}

size_t SocketFrames::NextSegment(uint8_t* to, size_t room) {
  const size_t size = std::min<size_t>(segments_.lengths[next_], room);
  std::memcpy(to, segments_.at(next_), size);
  ++next_;
  return size;
}

ssize_t SocketFrames::Write(int fd, const iovec* parts, int count) {
  uint8_t nothing_left_undone[kVnetHeaderSize] = {};
  iovec all[kMostParts + 1] = {{nothing_left_undone, kVnetHeaderSize}};
  if (count > kMostParts) return -EINVAL;
  if (!offload_) {
    std::copy(parts, parts + count, all + 1);
    parts = all;
    ++count;
  }
  for (bool again = true;;) {
    const ssize_t size = ::writev(fd, parts, count);
    if (size >= 0) return size - (offload_ ? 0 : static_cast<ssize_t>(kVnetHeaderSize));
    switch (errno) {
      case EINTR:
        continue;
      case ENXIO:
        return -ENODEV;
      case ENETDOWN:
        // This may be old: the first call after the link went down gets it, also where it is up again.
        was_down_ = true;
        if (!std::exchange(again, false)) return -ENETDOWN;
        continue;
      default:
        return -errno;
    }
  }
}

int SocketFrames::TakeError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
  if (error != ENETDOWN) return -error;
  was_down_ = true;
  return 0;
}

uint64_t SocketFrames::Overruns(int fd) {
  // The kernel counts from the last question on.
  tpacket_stats since{};
  socklen_t size = sizeof since;
  if (fd >= 0 && ::getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0) overruns_ += since.tp_drops;
  return overruns_;
}

}  // namespace netloom
