#include "netlink_exchange.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace netloom {

namespace {

// A dump's datagrams are up to 32 KiB, but one message with hundreds of virtual functions can exceed 64 KiB: each of
// its attributes may hold that much, and few are long. What is longer than this is an error, EMSGSIZE.
constexpr size_t kMinRoom = size_t{256} * 1024;
constexpr size_t kMaxSend = size_t{128} * 1024;
// What one request's answers may take of a receive buffer. The kernel charges whole allocations: about 1 KiB for an
// ack, but 10 KiB for a GETLINK of a bridge with its ack, where 4 KiB per message lost acks in a burst.
constexpr int kReceiveBytesPerMessage = 16384;
constexpr int kMinBurst = 4;
// Acks are received many at a time, each in room enough for its extended ack, behind the echoed request where the
// kernel cannot leave that out.
constexpr size_t kAckRoom = 4096;
constexpr size_t kMostEchoed = 2048;
constexpr uint32_t kMostAcks = 32;

template <typename T>
int SetOption(int fd, int level, int option, T value) {
  return ::setsockopt(fd, level, option, &value, sizeof value);
}

int GetOption(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(fd, SOL_SOCKET, option, &value, &size);
  return value;
}

// The header at `at`, or false when what is left cannot be a whole message.
bool ReadHeader(const uint8_t* at, size_t left, nlmsghdr* header) {
  if (left < sizeof *header) return false;
  std::memcpy(header, at, sizeof *header);  // the caller's buffer may begin anywhere
  return header->nlmsg_len >= sizeof *header && header->nlmsg_len <= left;
}

size_t Advance(const nlmsghdr& header, size_t left) {
  return std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), left);
}

bool WantsAck(const nlmsghdr& header) {
  return (header.nlmsg_flags & NLM_F_ACK) != 0;
}

bool IsDump(const nlmsghdr& header) {
  // A request that changes things uses the same bits for REPLACE and EXCL, but always asks for an ack.
  return (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !WantsAck(header);
}

}  // namespace

Result<std::unique_ptr<NetlinkExchange>> NetlinkExchange::Open(HomeNetns& home, const NetnsRef& netns, int protocol,
                                                               int receive_buffer) {
  UniqueFd fd;
  {
    const NetnsScope scope(home, netns);
    if (!scope.status()) return scope.status().error();
    fd.Reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (!fd) return SystemError::Last("socket");
  }
  // FORCE passes net.core.rmem_max, and takes CAP_NET_ADMIN.
  if (SetOption(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer) != 0 &&
      SetOption(fd.get(), SOL_SOCKET, SO_RCVBUF, receive_buffer) != 0) {
    return SystemError::Last("setsockopt");
  }
  // Where an option is unknown, errors say less, and dumps bring what the caller then leaves out itself.
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    if (SetOption(fd.get(), SOL_NETLINK, option, 1) != 0 && errno != ENOPROTOOPT) {
      return SystemError::Last("setsockopt");
    }
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return SystemError::Last("bind");

  const int burst = std::clamp<int>(GetOption(fd.get(), SO_RCVBUF) / kReceiveBytesPerMessage, kMinBurst, kMaxBurst);
  // netlink_sendmsg refuses what does not fit the send buffer with some bytes to spare.
  const int send_buffer = GetOption(fd.get(), SO_SNDBUF);
  const size_t max_send = std::min<size_t>(kMaxSend, send_buffer > 4096 ? send_buffer - 256 : 4096);
  return std::unique_ptr<NetlinkExchange>(new NetlinkExchange(std::move(fd), burst, max_send));
}

NetlinkExchange::NetlinkExchange(UniqueFd fd, uint32_t burst, size_t max_send)
    : fd_(std::move(fd)), burst_(burst), max_send_(max_send) {}

int NetlinkExchange::Fail(int error) {
  stale_ = true;
  unsent_ = in_flight_ = 0;
  send_ = nullptr;
  send_length_ = 0;
  return -error;
}

int NetlinkExchange::Begin(const uint8_t* send, size_t length, bool transaction) {
  if (outstanding() > 0) Fail(0);
  uint32_t first = 0;
  uint32_t count = 0;
  for (size_t offset = 0; offset < length; ++count) {
    nlmsghdr header;
    if (!ReadHeader(send + offset, length - offset, &header)) return -EINVAL;
    if (count == 0) first = header.nlmsg_seq;
    if (header.nlmsg_seq != first + count) return -EINVAL;
    offset += Advance(header, length - offset);
  }
  if (stale_) Drain();
  send_ = send;
  send_length_ = length;
  first_seq_ = first;
  count_ = unsent_ = count;
  chunk_count_ = in_flight_ = 0;
  transaction_ = transaction;
  return 0;
}

// Throws away what an exchange that was given up has left; a dump that still runs ends by being read.
void NetlinkExchange::Drain() {
  stale_ = false;
  uint8_t scratch[64];
  for (;;) {
    if (::recv(fd_.get(), scratch, sizeof scratch, MSG_DONTWAIT | MSG_TRUNC) >= 0) continue;
    // ENOBUFS tells once of what was lost, and reading goes on.
    if (errno != EINTR && errno != ENOBUFS) return;
  }
}

int NetlinkExchange::Run(uint8_t* receive, size_t size) {
  size_t used = 0;
  while (outstanding() > 0) {
    if (used > 0 && size - used < kMinRoom) break;
    if (in_flight_ == 0) {
      const int error = transaction_ ? SendTransaction() : SendChunk();
      if (error != 0) return Fail(error);
    }
    const bool many = small_acks_ && in_flight_ > 1 && size - used >= 2 * kAckRoom;
    const int received = many ? ReceiveAcks(receive + used, size - used)  //
                              : ReceiveDatagram(receive + used, size - used);
    if (received < 0) return Fail(-received);
    used += static_cast<size_t>(received);
  }
  return static_cast<int>(used);
}

// Sends as many of the messages as may travel together. 0 or a positive errno.
int NetlinkExchange::SendChunk() {
  size_t length = 0;
  uint32_t count = 0;
  unacked_.reset();
  small_acks_ = true;
  while (length < send_length_ && count < burst_) {
    nlmsghdr header;
    if (!ReadHeader(send_ + length, send_length_ - length, &header)) return EINVAL;
    const size_t step = Advance(header, send_length_ - length);
    // A socket runs one dump at a time, so a dump travels alone.
    if (count > 0 && (length + step > max_send_ || IsDump(header))) break;
    length += step;
    small_acks_ = small_acks_ && WantsAck(header) && step <= kMostEchoed;
    unacked_.set(count, !WantsAck(header) && !IsDump(header));
    ++count;
    if (IsDump(header)) break;
  }
  return Send(length, count);
}

int NetlinkExchange::SendTransaction() {
  small_acks_ = false;
  // FORCE passes net.core.wmem_max. Where it is not allowed, sendmsg says EMSGSIZE.
  if (send_length_ > max_send_) SetOption(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, static_cast<int>(send_length_));
  return Send(send_length_, count_);
}

// Sends the first `length` bytes of what is not sent yet, which are `count` messages.
int NetlinkExchange::Send(size_t length, uint32_t count) {
  iovec part{const_cast<uint8_t*>(send_), length};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ssize_t sent = 0;
  do sent = ::sendmsg(fd_.get(), &message, 0);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno;

  chunk_seq_ = first_seq_ + (count_ - unsent_);
  chunk_count_ = in_flight_ = count;
  ended_.reset();
  unsent_ -= count;
  send_ += length;
  send_length_ -= length;
  return 0;
}

// One datagram to `at`, padded to a multiple of 4 there. Its size, 0 when there is nothing for the caller (a stranger's
// or a late datagram), or a negative errno.
int NetlinkExchange::ReceiveDatagram(uint8_t* at, size_t room) {
  iovec part{at, room & ~size_t{3}};
  sockaddr_nl sender{};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ssize_t received = 0;
  do received = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
  while (received < 0 && errno == EINTR);
  if (received < 0 && errno == EAGAIN && transaction_) {
    in_flight_ = 0;
    return 0;
  }
  if (received < 0) return errno == EAGAIN ? -ENOBUFS : -errno;
  if ((message.msg_flags & MSG_TRUNC) != 0) return -EMSGSIZE;
  if (sender.nl_pid != 0) return 0;  // not the kernel: any process may send to this socket's port

  const auto size = static_cast<size_t>(received);
  if (IsLate(at, size)) return 0;
  const size_t padded = NLMSG_ALIGN(size);
  NoteEnds(at, size);
  std::memset(at + size, 0, padded - size);
  return static_cast<int>(padded);
}

// As ReceiveDatagram, but several, each an ack of a chunk that is answered by nothing else: a system call for each
// would cost more than what it brings.
int NetlinkExchange::ReceiveAcks(uint8_t* at, size_t room) {
  mmsghdr messages[kMostAcks] = {};
  iovec parts[kMostAcks];
  sockaddr_nl senders[kMostAcks];
  const auto most = static_cast<uint32_t>(std::min<size_t>({kMostAcks, in_flight_, room / kAckRoom}));
  for (uint32_t i = 0; i < most; ++i) {
    parts[i] = {at + i * kAckRoom, kAckRoom};
    senders[i] = {};
    messages[i].msg_hdr.msg_name = &senders[i];
    messages[i].msg_hdr.msg_namelen = sizeof senders[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int received = 0;
  do received = ::recvmmsg(fd_.get(), messages, most, MSG_DONTWAIT, nullptr);
  while (received < 0 && errno == EINTR);
  if (received < 0) return errno == EAGAIN ? -ENOBUFS : -errno;

  size_t used = 0;
  for (int i = 0; i < received; ++i) {
    const uint8_t* datagram = at + static_cast<size_t>(i) * kAckRoom;
    const size_t size = messages[i].msg_len;
    if (senders[i].nl_pid != 0) continue;
    if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) return -EMSGSIZE;
    if (IsLate(datagram, size)) continue;
    std::memmove(at + used, datagram, size);
    NoteEnds(at + used, size);
    const size_t padded = NLMSG_ALIGN(size);
    std::memset(at + used + size, 0, padded - size);
    used += padded;
  }
  return static_cast<int>(used);
}

// Of an exchange that was given up.
bool NetlinkExchange::IsLate(const uint8_t* datagram, size_t size) const {
  nlmsghdr header;
  return !ReadHeader(datagram, size, &header) || header.nlmsg_seq - first_seq_ >= count_;
}

void NetlinkExchange::NoteEnds(const uint8_t* datagram, size_t size) {
  if (transaction_) return;
  nlmsghdr header;
  for (size_t offset = 0; ReadHeader(datagram + offset, size - offset, &header);
       offset += Advance(header, size - offset)) {
    const uint32_t index = header.nlmsg_seq - chunk_seq_;
    if (index >= chunk_count_ || ended_.test(index)) continue;
    if (header.nlmsg_type != NLMSG_ERROR && header.nlmsg_type != NLMSG_DONE && !unacked_.test(index)) continue;
    ended_.set(index);
    --in_flight_;
  }
}

}  // namespace netloom
