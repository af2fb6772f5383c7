// A netlink socket and the exchange on it: requests out, replies in, until each request has had its end: NLMSG_ERROR
// (which is also the ack), NLMSG_DONE, or the only answer of a request that asked for no ack. Only nlmsghdr is read
// here; no attribute is known.
//
// The kernel runs a request inside sendmsg and has queued its ack when that returns. So receiving never waits, and a
// queue that is empty too early means that an ack was lost (ENOBUFS). For the same reason a transaction, where the
// kernel answers as it sees fit, is over when nothing more is queued.
//
// Lifetime and owner: a plain object that belongs to one thread at a time; an asynchronous exchange takes it along.
#pragma once

#include <linux/netlink.h>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "netns_scope.h"
#include "system_error.h"
#include "unique_fd.h"

namespace netloom {

class NetlinkExchange {
 public:
  static constexpr uint32_t kMaxBurst = 1024;

  // `protocol` is the third argument of socket(2): NETLINK_ROUTE ...
  static Result<std::unique_ptr<NetlinkExchange>> Open(HomeNetns& home, const NetnsRef& netns, int protocol,
                                                       int receive_buffer);

  [[nodiscard]] uint32_t outstanding() const { return unsent_ + in_flight_; }

  // Begins an exchange of the messages in `send`, which must stay in place and unchanged until outstanding() is 0. An
  // exchange that was not finished is given up. Each message has NLM_F_ACK, is a dump, or is one that the kernel
  // always answers with one message; their sequence numbers count up by one. 0 or a negative errno.
  // A transaction is sent in one sendmsg, whatever its size, and none of its messages must be answered.
  int Begin(const uint8_t* send, size_t length, bool transaction);

  // Sends and receives until every message has had its end, or `receive` has no room for another datagram, however
  // large. The bytes received, or a negative errno: the exchange is over then, and the next one starts clean.
  int Run(uint8_t* receive, size_t size);

 private:
  NetlinkExchange(UniqueFd fd, uint32_t burst, size_t max_send);

  int Fail(int error);
  void Drain();
  int SendChunk();
  int SendTransaction();
  int Send(size_t length, uint32_t count);
  int ReceiveDatagram(uint8_t* at, size_t room);
  int ReceiveAcks(uint8_t* at, size_t room);
  [[nodiscard]] bool IsLate(const uint8_t* datagram, size_t size) const;
  void NoteEnds(const uint8_t* datagram, size_t size);

  UniqueFd fd_;
  const uint32_t burst_;
  const size_t max_send_;
  bool stale_ = false;  // an exchange was given up: its replies may still be queued

  const uint8_t* send_ = nullptr;  // what is not sent yet; the caller's memory
  size_t send_length_ = 0;
  uint32_t first_seq_ = 0;  // of the exchange
  uint32_t count_ = 0;
  uint32_t unsent_ = 0;
  uint32_t chunk_seq_ = 0;  // first of the chunk in flight
  uint32_t chunk_count_ = 0;
  uint32_t in_flight_ = 0;
  bool transaction_ = false;
  bool small_acks_ = false;  // all that answers the chunk is acks, with room for each in kAckRoom
  std::bitset<kMaxBurst> ended_;
  std::bitset<kMaxBurst> unacked_;  // of the chunk: those that end with their answer
};

}  // namespace netloom
