// Frames through a packet socket (AF_PACKET, SOCK_RAW), as they are on a wire, which is not how the socket has them:
// the kernel takes the outermost VLAN tag out of them, leaves checksums of its own packets unfinished, and passes on
// super-packets of up to 64 KiB. The socket therefore always has PACKET_VNET_HDR and PACKET_AUXDATA, and what is
// missing is put in here. With `offload`, the vnet header stays in front of each frame, read and written verbatim.
//
// recvmmsg rather than a ring (TPACKET_V3): the kernel hands over a block of a ring when it is full, or 1 ms old, which
// a single frame then waits for. In a flood a ring takes less processor time per frame.
//
// Lifetime: within the queue, or whatever reads the descriptor, which it does not own. Thread: one at a time.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "slots.h"

namespace netloom {

class SocketFrames {
 public:
  // `layer` of the frames: 2 with an Ethernet header, 3 without.
  SocketFrames(bool offload, int layer);
  ~SocketFrames();
  SocketFrames(const SocketFrames&) = delete;
  SocketFrames& operator=(const SocketFrames&) = delete;
  // For a descriptor of a queue; null if it is no packet socket.
  static std::unique_ptr<SocketFrames> Of(int fd, bool offload);

  // One frame. Its bytes, `room` if it had no room; or a negative errno: -ENODEV once the link is gone. The caller is
  // going to read `wanted`, which are received together.
  ssize_t Read(int fd, uint8_t* to, size_t room, uint32_t wanted);
  // One frame, of at most kMostParts parts. The bytes taken; or a negative errno: -EAGAIN where the send buffer is
  // full, -ENOBUFS where a queue behind the socket (a qdisc, the other end of a veth) is, which nobody tells the end
  // of.
  ssize_t Write(int fd, const iovec* parts, int count);
  static constexpr int kMostParts = 16;
  // The frames of these slots, or the first of them: how many were taken, at least one; or a negative errno, as Write.
  ssize_t WriteSlots(int fd, const Slots& slots, uint32_t first, uint32_t count);

  // Whether Read has frames that were read from the socket already, of which polling does not tell.
  [[nodiscard]] bool HasMore() const;

  // Takes the error that polling told of. 0, or a negative errno. That the link went down is none: the socket works
  // again once it is up.
  int TakeError(int fd);

  // Super-packets that could not be split, so far.
  [[nodiscard]] uint64_t lost() const { return lost_; }
  // Frames for which the receive buffer had no room, so far.
  uint64_t Overruns(int fd);

 private:
  // What the kernel tells beside a frame.
  struct Aside {
    bool tagged = false;
    uint16_t tpid = 0;
    uint16_t tci = 0;
    bool cut = false;     // by the filter: the rest of the frame is not here
    bool longer = false;  // than the memory for it
  };

  struct Inbox;

  int OnError(int fd);
  int OnWriteError(bool* again);
  [[nodiscard]] Aside AsideOf(const msghdr& message) const;
  int Receive(int fd, uint32_t most);
  ssize_t ReadWithHeader(int fd, uint8_t* to, size_t room);
  ssize_t Take(uint32_t index, uint8_t* to, size_t room);
  bool Split(const uint8_t* whole, size_t size);
  size_t NextSegment(uint8_t* to, size_t room);

  const bool offload_;
  const int layer_;
  std::unique_ptr<Inbox> inbox_;  // without offload

  Slots segments_{};  // of a super-packet
  uint32_t next_ = 0;
  std::unique_ptr<uint8_t[]> memory_;
  size_t memory_size_ = 0;

  bool was_down_ = false;  // its link, and was not seen up again
  uint64_t lost_ = 0;
  uint64_t overruns_ = 0;
};

// Whether the link of a packet socket was deleted, or moved to another namespace: the kernel has unbound the socket.
bool IsUnbound(int fd);

}  // namespace netloom
