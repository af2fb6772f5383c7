// When to read next: the pace of a queue that flows. In event mode, when the event loop says that there is something.
// With a spin time, reading goes on for so long after the last frame: what comes back to back is met without sleep. A
// wait in vain halves the time, a frame that was met makes it whole again, so that a quiet queue costs little. Busy:
// never sleep.
//
// Queues that flow share their thread: while another one does, a look that finds nothing ends the turn, so that frames
// of each are met in every turn of the event loop, and not after the others have waited in vain.
//
// Lifetime: a plain object within its PacketQueue. Thread: the environment's own.
#pragma once

#include <cstdint>

namespace netloom {

class FrameFlow {
 public:
  // What one turn of the event loop may bring, so that timers and sockets get theirs: frames, and time.
  static constexpr uint32_t kFramesPerTurn = 64;
  static constexpr uint64_t kTurnNs = 200'000;

  FrameFlow() = default;
  FrameFlow(uint64_t spin_ns, bool busy) : spin_ns_(spin_ns), window_ns_(spin_ns), busy_(busy) {}

  [[nodiscard]] bool spins() const { return busy_ || spin_ns_ > 0; }

  void BeginTurn(uint64_t now) {
    turn_began_ = now;
    left_ = kFramesPerTurn;
  }
  // How many frames to read at a time: one, whose callback shall not wait for the look that finds no second; more
  // while more come.
  [[nodiscard]] uint32_t most() const { return most_ < left_ ? most_ : left_; }

  void Met(uint32_t frames, uint64_t now) {
    met_ = frames;
    if (frames == most()) {
      most_ = 2 * most_ < kFramesPerTurn ? 2 * most_ : kFramesPerTurn;
    } else {
      most_ = frames > 0 ? frames : 1;
    }
    if (frames == 0) return;
    left_ -= frames < left_ ? frames : left_;
    last_ = now;
    window_ns_ = spin_ns_;
  }
  // Whether to look once more in this turn. `alone`: no other queue of the thread flows.
  [[nodiscard]] bool Lingers(uint64_t now, bool alone) const {
    if (left_ == 0 || now - turn_began_ >= kTurnNs) return false;
    return alone ? busy_ || now - last_ < window_ns_ : met_ > 0;
  }
  // Whether to come back in the next turn without having been called. Otherwise the wait was in vain.
  bool StaysHot(uint64_t now) {
    if (busy_ || left_ == 0 || now - last_ < window_ns_) return true;
    window_ns_ = window_ns_ / 2 > spin_ns_ / kLeastShare ? window_ns_ / 2 : spin_ns_ / kLeastShare;
    return false;
  }

 private:
  static constexpr uint64_t kLeastShare = 16;

  uint64_t spin_ns_ = 0;
  uint64_t window_ns_ = 0;  // how long it spins at present
  uint64_t turn_began_ = 0;
  uint64_t last_ = 0;  // when the last frame came
  uint32_t left_ = 0;  // of this turn
  uint32_t met_ = 0;   // by the last look
  uint32_t most_ = 1;
  bool busy_ = false;
};

}  // namespace netloom
