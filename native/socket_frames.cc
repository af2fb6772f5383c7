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
#include "frame_calls.h"
#include "gso_split.h"
#include "network_order.h"
#include "packet_headers.h"
#include "vnet_header.h"

namespace netloom {

namespace {

// The longest super-packet has 64 KiB, and headers.
constexpr size_t kMostWhole = size_t{66} * 1024;

// A system call costs as much as the rest of receiving a small frame.
constexpr uint32_t kMostReceived = 16;

constexpr size_t kAddresses = size_t{2} * ETH_ALEN;  // in front of a VLAN tag
constexpr size_t kTag = 4;

constexpr uint32_t kMostSent = 64;

// The vnet header of a frame that leaves nothing to be done.
iovec Undone() {
  static uint8_t nothing[kVnetHeaderSize] = {};
  return {nothing, kVnetHeaderSize};
}

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

// Frames received in one call, and not taken yet. Of its memory, only what is received becomes real.
struct SocketFrames::Inbox {
  // Frames begin in a cache line of their own, and no two in lines that the cache keeps in one place.
  static constexpr size_t kAhead = 64 - kVnetHeaderSize;
  static constexpr size_t kStride = kMostWhole + 64 + 64;

  Inbox() : memory(new uint8_t[kMostReceived * kStride]) {
    for (uint32_t i = 0; i < kMostReceived; ++i) {
      parts[i] = {at(i), kVnetHeaderSize + kMostWhole};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = control[i];
    }
  }
  // A vnet header, and a frame.
  uint8_t* at(uint32_t i) { return memory.get() + i * kStride + kAhead; }

  uint32_t count = 0;
  uint32_t next = 0;
  std::unique_ptr<uint8_t[]> memory;
  mmsghdr messages[kMostReceived];
  iovec parts[kMostReceived];
  alignas(cmsghdr) char control[kMostReceived][CMSG_SPACE(sizeof(tpacket_auxdata))];
};

bool IsUnbound(int fd) {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 && address.sll_ifindex < 0;
}

SocketFrames::SocketFrames(bool offload, int layer) : offload_(offload), layer_(layer) {
  if (!offload) inbox_ = std::make_unique<Inbox>();
}

SocketFrames::~SocketFrames() = default;

std::unique_ptr<SocketFrames> SocketFrames::Of(int fd, bool offload) {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sll_family != AF_PACKET)
    return nullptr;
  const bool ethernet = address.sll_hatype == ARPHRD_ETHER || address.sll_hatype == ARPHRD_LOOPBACK;
  return std::make_unique<SocketFrames>(offload, ethernet ? 2 : 3);
}

bool SocketFrames::HasMore() const {
  return next_ < segments_.count || (inbox_ != nullptr && inbox_->next < inbox_->count);
}

ssize_t SocketFrames::Read(int fd, uint8_t* to, size_t room, uint32_t wanted) {
  if (fd < 0) return -EBADF;
  if (offload_) return ReadWithHeader(fd, to, room);
  for (;;) {
    if (next_ < segments_.count) return static_cast<ssize_t>(NextSegment(to, room));
    if (inbox_->next == inbox_->count) {
      const int error = Receive(fd, std::min(wanted, kMostReceived));
      if (error != 0) return error;
    }
    const ssize_t size = Take(inbox_->next++, to, room);
    if (size >= 0) return size;
  }
}

SocketFrames::Aside SocketFrames::AsideOf(const msghdr& message) const {
  Aside aside;
  aside.longer = (message.msg_flags & MSG_TRUNC) != 0;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA) return aside;
  tpacket_auxdata told;
  std::memcpy(&told, CMSG_DATA(header), sizeof told);
  aside.tagged = layer_ == 2 && (told.tp_status & TP_STATUS_VLAN_VALID) != 0;
  aside.tpid = (told.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? told.tp_vlan_tpid : ETH_P_8021Q;
  aside.tci = told.tp_vlan_tci;
  aside.cut = told.tp_snaplen < told.tp_len;
  return aside;
}

// What errno says of a receipt in vain: 0 to try again, or a negative errno.
int SocketFrames::OnError(int fd) {
  switch (errno) {
    case EINTR:
      return 0;
    case EINVAL:
      // A super-packet of a kind that a vnet header cannot describe (virtio_net_hdr_from_skb); it is gone.
      ++lost_;
      return 0;
    case ENETDOWN:
      was_down_ = true;
      return 0;
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

// Up to `most` frames into the inbox: 0 once there is one, or a negative errno. The kernel keeps an error that comes
// behind some frames for the next call.
int SocketFrames::Receive(int fd, uint32_t most) {
  Inbox& inbox = *inbox_;
  for (;;) {
    for (uint32_t i = 0; i < most; ++i) inbox.messages[i].msg_hdr.msg_controllen = sizeof inbox.control[i];
    const int count = calls::ReceiveMessages(fd, inbox.messages, most);
    if (count > 0) {
      inbox.next = 0;
      inbox.count = static_cast<uint32_t>(count);
      return 0;
    }
    const int error = OnError(fd);
    if (error != 0) return error;
  }
}

ssize_t SocketFrames::ReadWithHeader(int fd, uint8_t* to, size_t room) {
  for (;;) {
    iovec part{to, room};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(fd, &message, 0);
    if (got < 0) {
      const int error = OnError(fd);
      if (error != 0) return error;
      continue;
    }
    const Aside aside = AsideOf(message);
    if (aside.longer && room >= kMostWhole) {
      // Longer than anything should be (BIG TCP): lost, rather than a failure.
      ++lost_;
      continue;
    }
    if (got < static_cast<ssize_t>(kVnetHeaderSize) || !aside.tagged) return got;
    ShiftHeader(to);
    const size_t size = InsertTag(to + kVnetHeaderSize, static_cast<size_t>(got) - kVnetHeaderSize,
                                  room - kVnetHeaderSize, aside.tpid, aside.tci);
    return static_cast<ssize_t>(kVnetHeaderSize + size);
  }
}

// A frame of the inbox, as it is on a wire; of a super-packet, the first segment. -1 if it is lost.
ssize_t SocketFrames::Take(uint32_t index, uint8_t* to, size_t room) {
  uint8_t* const whole = inbox_->at(index);
  const mmsghdr& message = inbox_->messages[index];
  const Aside aside = AsideOf(message.msg_hdr);
  if (message.msg_len < kVnetHeaderSize) return static_cast<ssize_t>(message.msg_len);
  uint8_t* const frame = whole + kVnetHeaderSize;
  size_t size = message.msg_len - kVnetHeaderSize;
  const VnetHeader header = ReadVnetHeader(whole);
  if (header.gso_type == kGsoNone || aside.cut) {
    // A field that is not within the frame is left as it is.
    if (!aside.cut) CompleteChecksum(frame, size, header);
    if (aside.tagged) size = InsertTag(frame, size, kMostWhole, aside.tpid, aside.tci);
    size = std::min(size, room);
    std::memcpy(to, frame, size);
    return static_cast<ssize_t>(size);
  }
  if (aside.tagged) size = InsertTag(frame, size, kMostWhole, aside.tpid, aside.tci);
  if (!aside.longer && Split(whole, size)) return static_cast<ssize_t>(NextSegment(to, room));
  ++lost_;
  return -1;
}

// Makes segments of a super-packet, of `size` bytes behind its vnet header.
bool SocketFrames::Split(const uint8_t* whole, size_t size) {
  segments_ = {};
  next_ = 0;
  const VnetHeader header = ReadVnetHeader(whole);
  PacketHeaders headers;
  if (header.gso_size == 0 || ParseHeaders(whole + kVnetHeaderSize, size, layer_, &headers) != 0) return false;
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
  const int made = GsoSplit(whole, kVnetHeaderSize + size, kVnetHeaderSize, layer_, out);
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
  iovec all[kMostParts + 1] = {Undone()};
  if (count > kMostParts) return -EINVAL;
  if (!offload_) {
    std::copy(parts, parts + count, all + 1);
    parts = all;
    ++count;
  }
  for (bool again = true;;) {
    const ssize_t size = calls::WriteParts(fd, parts, count);
    if (size >= 0) return size - (offload_ ? 0 : static_cast<ssize_t>(kVnetHeaderSize));
    const int error = OnWriteError(&again);
    if (error != 0) return error;
  }
}

ssize_t SocketFrames::WriteSlots(int fd, const Slots& slots, uint32_t first, uint32_t count) {
  mmsghdr messages[kMostSent];
  iovec parts[kMostSent][2];
  count = std::min(count, kMostSent);
  for (uint32_t i = 0; i < count; ++i) {
    parts[i][0] = Undone();
    parts[i][1] = {slots.at(first + i), slots.size(first + i)};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = offload_ ? &parts[i][1] : parts[i];
    messages[i].msg_hdr.msg_iovlen = offload_ ? 1 : 2;
  }
  for (bool again = true;;) {
    const int sent = calls::SendMessages(fd, messages, count);
    if (sent > 0) return sent;
    const int error = OnWriteError(&again);
    if (error != 0) return error;
  }
}

// 0 to try again, or a negative errno.
int SocketFrames::OnWriteError(bool* again) {
  switch (errno) {
    case EINTR:
      return 0;
    case ENXIO:
      return -ENODEV;
    case ENETDOWN:
      // This may be old: the first call after the link went down gets it, also where it is up again.
      was_down_ = true;
      return std::exchange(*again, false) ? 0 : -ENETDOWN;
    default:
      return -errno;
  }
}

int SocketFrames::TakeError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
  if (error == ENETDOWN) {
    was_down_ = true;
  } else if (error == EINVAL) {
    ++lost_;  // a super-packet behind frames that were received in one call: OnError()
  } else {
    return -error;
  }
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
