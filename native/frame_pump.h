// Frames from one descriptor to another, and back, on a thread of its own that sleeps in epoll. Where the destination
// has no room, nothing more is read from the source until it has: what comes meanwhile waits in the source's queue. A
// destination that refuses a frame (because it is down, above all) loses it, and the frame is counted. Nothing is
// allocated per frame.
//
// Lifetime: made, started, joined and destroyed by its owner's thread; the descriptors are its own, and closed before
// the end is told. Threads: its own has its own descriptors, too (file_table.h). Stop() and the counters are for any
// thread, end() for the owner's after Join().
#pragma once

#include <uv.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "bpf_filter.h"
#include "socket_frames.h"
#include "system_error.h"
#include "unique_fd.h"

namespace netloom {

// Written by the pump's thread alone, so that plain loads and stores do.
struct PumpCounters {
  std::atomic<uint64_t> frames{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> dropped{0};   // refused by the destination
  std::atomic<uint64_t> filtered{0};  // not let through
};

// What ended a pump: 0 if it was told to stop.
struct PumpEnd {
  int error = 0;
  int side = 0;  // whose descriptor failed
  bool writing = false;
};

struct PumpOptions {
  bool one_way = false;    // from side 0 to side 1 only
  size_t header_size = 0;  // of the vnet header, which the filter does not see
  BpfFilter filter;
};

class FramePump {
 public:
  FramePump(UniqueFd a, UniqueFd b, PumpOptions options);
  ~FramePump() { Join(); }
  FramePump(const FramePump&) = delete;
  FramePump& operator=(const FramePump&) = delete;

  Status Start();
  // Readable once the thread has come to its end. Valid from Start() to Join().
  [[nodiscard]] int ended() const { return ended_.get(); }
  // Begins the end. Idempotent.
  void Stop();
  // Stops it, and waits for the thread. Idempotent.
  void Join();

  [[nodiscard]] const PumpCounters& counters(int direction) const { return directions_[direction].counters; }
  [[nodiscard]] const PumpEnd& end() const { return end_; }

 private:
  enum class State {
    kIdle,     // nothing to read
    kReady,    // perhaps there is more
    kBlocked,  // a frame waits for room at the destination
    kOff,
  };
  // From the side of its number to the other one.
  struct Direction {
    State state = State::kIdle;
    size_t pending = 0;  // bytes of the frame that waits
    std::unique_ptr<uint8_t[]> buffer;
    PumpCounters counters;
  };

  void Run();
  void Settle();
  void Wait();
  int UntilLook();
  void LookAround();
  void OnEvents(int side, uint32_t events);
  void WatchFor(int side);
  void CheckGone(int side);
  void Move(int number);
  bool Passes(const uint8_t* frame, size_t size) const;
  void WritePending(int number);
  void Fail(int side, int error, bool writing);

  UniqueFd fds_[2];
  const PumpOptions options_;
  const std::unique_ptr<SocketFrames> sockets_[2];  // null: no packet socket
  UniqueFd epoll_;
  UniqueFd stop_;  // an eventfd, as the next
  UniqueFd ended_;
  uint32_t watched_[2] = {};
  uint64_t look_at_ = UINT64_MAX;  // ms of uv_hrtime; UINT64_MAX: nothing calls for a look
  Direction directions_[2];
  std::atomic<bool> stopping_{false};
  PumpEnd end_;

  uv_sem_t settled_;
  bool own_table_ = false;  // the thread's; known once it has settled
  uv_thread_t thread_;
  bool started_ = false;
};

}  // namespace netloom
