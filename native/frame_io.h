// Frames through a descriptor where each read(2) and write(2) is one whole frame: TUN, TAP, MACVTAP. Where `socket` is
// not null, the descriptor is a packet socket, and `socket` knows what a frame is. Nothing here waits or calls
// JavaScript, or allocates, but for the memory of a super-packet that a packet socket splits.
//
// Lifetime: none; plain functions on a descriptor that is nonblocking. Threads: any.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>

#include "slots.h"
#include "socket_frames.h"

namespace netloom {

struct FrameCounters {
  uint64_t frames_in = 0;
  uint64_t bytes_in = 0;
  uint64_t frames_out = 0;
  uint64_t bytes_out = 0;
  uint64_t dropped = 0;    // given to write, and not taken
  uint64_t truncated = 0;  // longer than their slot, and therefore lost
};

// Bytes, or a negative errno. `wanted`: how many the caller is going to read now.
ssize_t ReadFrame(int fd, void* to, size_t room, SocketFrames* socket = nullptr, uint32_t wanted = 1);
ssize_t WriteFrame(int fd, const void* frame, size_t size, SocketFrames* socket = nullptr);
ssize_t WriteFrame(int fd, const iovec* parts, int count, SocketFrames* socket = nullptr);

// As many frames as there are, up to `most`, into the first slots. Their count; a negative errno if there is no frame
// and reading failed otherwise than by EAGAIN.
int ReadFrames(int fd, const Slots& slots, uint32_t most, FrameCounters* counters, SocketFrames* socket = nullptr);

// The frames in `count` slots from `first` on, until the kernel takes no more. How many it took; a negative errno if
// it refused the first of them otherwise than by EAGAIN.
int WriteFrames(int fd, const Slots& slots, uint32_t first, uint32_t count, FrameCounters* counters,
                SocketFrames* socket = nullptr);

}  // namespace netloom
