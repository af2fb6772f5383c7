#include "frame_io.h"

#include <algorithm>
#include <cerrno>

#include "frame_calls.h"

namespace netloom {

namespace {

template <typename Call>
ssize_t BytesOrErrno(Call call) {
  ssize_t size = 0;
  do size = call();
  while (size < 0 && errno == EINTR);
  return size < 0 ? -errno : size;
}

// How many were taken, which is one; or a negative errno.
ssize_t WriteSlot(int fd, const Slots& slots, uint32_t slot) {
  const ssize_t size = WriteFrame(fd, slots.at(slot), slots.size(slot));
  return size < 0 ? size : 1;
}

}  // namespace

ssize_t ReadFrame(int fd, void* to, size_t room, SocketFrames* socket, uint32_t wanted) {
  if (socket != nullptr) return socket->Read(fd, static_cast<uint8_t*>(to), room, wanted);
  return BytesOrErrno([=] { return calls::Read(fd, to, room); });
}

ssize_t WriteFrame(int fd, const void* frame, size_t size, SocketFrames* socket) {
  if (socket != nullptr) {
    const iovec part{const_cast<void*>(frame), size};
    return socket->Write(fd, &part, 1);
  }
  return BytesOrErrno([=] { return calls::Write(fd, frame, size); });
}

ssize_t WriteFrame(int fd, const iovec* parts, int count, SocketFrames* socket) {
  if (socket != nullptr) return socket->Write(fd, parts, count);
  return BytesOrErrno([=] { return calls::WriteParts(fd, parts, count); });
}

int ReadFrames(int fd, const Slots& slots, uint32_t most, FrameCounters* counters, SocketFrames* socket) {
  most = std::min(most, slots.count);
  uint32_t count = 0;
  uint32_t cut = 0;
  while (count + cut < most) {
    const ssize_t size = ReadFrame(fd, slots.at(count), slots.frame_size + 1, socket, most - count - cut);
    if (size == -EAGAIN) break;
    if (size < 0) {
      if (count == 0) return static_cast<int>(size);
      break;  // the next call meets it again
    }
    // The kernel cuts what has no room without a word.
    if (size > slots.frame_size) {
      ++cut;
      continue;
    }
    slots.lengths[count++] = static_cast<uint32_t>(size);
    counters->bytes_in += size;
  }
  counters->frames_in += count;
  counters->truncated += cut;
  return static_cast<int>(count);
}

int WriteFrames(int fd, const Slots& slots, uint32_t first, uint32_t count, FrameCounters* counters,
                SocketFrames* socket) {
  uint32_t written = 0;
  while (written < count) {
    const ssize_t taken = socket != nullptr ? socket->WriteSlots(fd, slots, first + written, count - written)
                                            : WriteSlot(fd, slots, first + written);
    if (taken < 0) {
      if (written == 0 && taken != -EAGAIN && taken != -ENOBUFS) {
        ++counters->dropped;
        return static_cast<int>(taken);
      }
      break;
    }
    for (ssize_t i = 0; i < taken; ++i) counters->bytes_out += slots.size(first + written++);
  }
  counters->frames_out += written;
  return static_cast<int>(written);
}

}  // namespace netloom
