#include "frame_pump.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "file_table.h"
#include "frame_io.h"

namespace netloom {

namespace {

// Larger than any frame, so that one that fills it was cut: a super-packet has 64 KiB, and headers.
constexpr size_t kRoom = size_t{66} * 1024;

// Frames of one direction before the other has its turn, and turns before the descriptors are asked anew.
constexpr int kFramesPerTurn = 64;
constexpr int kTurnsPerWait = 4;

// A frame that waits is tried again after so long although nobody says that there is room: a link that goes down
// meanwhile never says so.
constexpr int kRetryMs = 100;
// A device whose frames nobody asks for does not tell epoll that it has lost its link, so it is asked this often.
constexpr int kLookMs = 500;

// For epoll, beside the two sides.
constexpr uint32_t kStop = 2;

void Add(std::atomic<uint64_t>& counter, uint64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

// TUN and TAP say EBADFD, a packet socket ENXIO.
bool IsGone(int error) {
  return error == EBADFD || error == ENXIO || error == ENODEV || error == EBADF;
}

}  // namespace

FramePump::FramePump(UniqueFd a, UniqueFd b, PumpOptions options)
    : fds_{std::move(a), std::move(b)},
      options_(std::move(options)),
      sockets_{SocketFrames::Of(fds_[0].get(), options_.header_size > 0),
               SocketFrames::Of(fds_[1].get(), options_.header_size > 0)} {
  if (options_.one_way) directions_[1].state = State::kOff;
}

Status FramePump::Start() {
  epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return SystemError::Last("epoll_create1");
  stop_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  ended_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_ || !ended_) return SystemError::Last("eventfd");
  const int polled[] = {fds_[0].get(), fds_[1].get(), stop_.get()};
  for (uint32_t i = 0; i <= kStop; ++i) {
    epoll_event event{};
    if (i == kStop) event.events = EPOLLIN;
    event.data.u32 = i;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, polled[i], &event) != 0) return SystemError::Last("epoll_ctl");
  }
  for (Direction& direction : directions_) {
    // Not make_unique, which would fill it.
    if (direction.state != State::kOff) direction.buffer.reset(new uint8_t[kRoom]);
  }
  uv_thread_options_t options{};
  options.flags = UV_THREAD_HAS_STACK_SIZE;
  options.stack_size = size_t{512} * 1024;
  int error = uv_sem_init(&settled_, 0);
  if (error != 0) return SystemError{"sem_init", -error, {}};
  error = uv_thread_create_ex(
      &thread_, &options, [](void* pump) { static_cast<FramePump*>(pump)->Run(); }, this);
  if (error == 0) uv_sem_wait(&settled_);
  uv_sem_destroy(&settled_);
  if (error != 0) return SystemError{"uv_thread_create", -error, {}};
  started_ = true;
  // The thread has, and closes, descriptors of the same numbers.
  if (own_table_)
    for (const UniqueFd* fd : {&fds_[0], &fds_[1], &epoll_}) ::close(fd->get());
  return Done{};
}

void FramePump::Stop() {
  if (!stop_ || stopping_.exchange(true)) return;
  eventfd_write(stop_.get(), 1);
}

void FramePump::Join() {
  Stop();
  if (std::exchange(started_, false)) uv_thread_join(&thread_);
  stop_.Reset();
  ended_.Reset();
}

void FramePump::Settle() {
  int kept[] = {fds_[0].get(), fds_[1].get(), epoll_.get(), stop_.get(), ended_.get()};
  own_table_ = TakeOwnFileTable(kept, std::size(kept));
  uv_sem_post(&settled_);
}

void FramePump::Run() {
  const int ended = ended_.get();
  Settle();
  while (!stopping_.load(std::memory_order_relaxed)) {
    Wait();
    for (int turn = 0; turn < kTurnsPerWait; ++turn) {
      for (int number = 0; number < 2; ++number) {
        if (directions_[number].state == State::kReady) Move(number);
      }
    }
  }
  // The last descriptor of a device takes the device along, before anybody hears of the end.
  epoll_.Reset();
  for (int side = 0; side < 2; ++side) {
    fds_[side].Reset();
    directions_[side].buffer.reset();
  }
  eventfd_write(ended, 1);
}

// For something to do, or just for news where there is something.
void FramePump::Wait() {
  int timeout = UntilLook();
  for (int side = 0; side < 2; ++side) {
    WatchFor(side);
    if (directions_[side].state == State::kReady) timeout = 0;
  }
  if (stopping_.load(std::memory_order_relaxed)) return;
  epoll_event events[3];
  const int count = ::epoll_wait(epoll_.get(), events, 3, timeout);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u32 != kStop) OnEvents(static_cast<int>(events[i].data.u32), events[i].events);
  }
}

// Milliseconds until it is time to look around, which happens here when it is; -1: nothing calls for it. A moment, and
// not a wait without news: a direction that is busy all the time must not put it off for the other.
int FramePump::UntilLook() {
  int period = -1;
  for (const Direction& direction : directions_) {
    if (direction.state == State::kBlocked) period = kRetryMs;
    if (direction.state == State::kOff && period < 0) period = kLookMs;
  }
  if (period < 0) {
    look_at_ = UINT64_MAX;
    return -1;
  }
  const uint64_t now = uv_hrtime() / 1'000'000;
  if (now >= look_at_) {
    LookAround();
    look_at_ = UINT64_MAX;
  }
  look_at_ = std::min(look_at_, now + static_cast<uint64_t>(period));
  return static_cast<int>(look_at_ - now);
}

void FramePump::LookAround() {
  for (int side = 0; side < 2; ++side) {
    if (directions_[side].state == State::kBlocked) directions_[side].state = State::kReady;
    CheckGone(side);
  }
}

void FramePump::OnEvents(int side, uint32_t events) {
  Direction& from = directions_[side];
  Direction& to = directions_[1 - side];
  if ((events & EPOLLIN) != 0 && from.state == State::kIdle) from.state = State::kReady;
  if ((events & EPOLLOUT) != 0 && to.state == State::kBlocked) to.state = State::kReady;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) CheckGone(side);
}

// What of a side is of interest now, which seldom changes.
void FramePump::WatchFor(int side) {
  const State from = directions_[side].state;
  uint32_t events = 0;
  if (from == State::kIdle || from == State::kReady) events |= EPOLLIN;
  if (directions_[1 - side].state == State::kBlocked) events |= EPOLLOUT;
  if (events == watched_[side]) return;
  epoll_event event{};
  event.events = events;
  event.data.u32 = static_cast<uint32_t>(side);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fds_[side].get(), &event) == 0) {
    watched_[side] = events;
  } else {
    Fail(side, errno, false);
  }
}

// The error of a packet socket (its link went down) is told once, and the link may come up again; that of a device
// without a link stays, and would wake the thread for ever.
void FramePump::CheckGone(int side) {
  if (sockets_[side] != nullptr) {
    const int error = sockets_[side]->TakeError(fds_[side].get());
    if (error != 0) Fail(side, -error, false);
    return;
  }
  pollfd now{fds_[side].get(), 0, 0};
  if (::poll(&now, 1, 0) > 0) Fail(side, EBADFD, false);
}

void FramePump::Move(int number) {
  Direction& direction = directions_[number];
  if (direction.pending > 0) WritePending(number);
  for (int i = 0; i < kFramesPerTurn && direction.state == State::kReady; ++i) {
    const ssize_t size =
        ReadFrame(fds_[number].get(), direction.buffer.get(), kRoom, sockets_[number].get(), kFramesPerTurn - i);
    if (size == -EAGAIN) {
      direction.state = State::kIdle;
    } else if (size < 0) {
      if (size != -ENETDOWN) Fail(number, static_cast<int>(-size), false);
    } else if (size == 0 || size == kRoom) {
      Add(direction.counters.dropped, 1);
    } else if (!Passes(direction.buffer.get(), static_cast<size_t>(size))) {
      Add(direction.counters.filtered, 1);
    } else {
      direction.pending = static_cast<size_t>(size);
      WritePending(number);
    }
  }
}

bool FramePump::Passes(const uint8_t* frame, size_t size) const {
  if (!options_.filter) return true;
  const size_t header = size < options_.header_size ? size : options_.header_size;
  return options_.filter.Run(frame + header, size - header) != 0;
}

void FramePump::WritePending(int number) {
  Direction& direction = directions_[number];
  const int to = 1 - number;
  const ssize_t written = WriteFrame(fds_[to].get(), direction.buffer.get(), direction.pending, sockets_[to].get());
  if (written == -EAGAIN) {
    direction.state = State::kBlocked;
    return;
  }
  direction.pending = 0;
  if (written >= 0) {
    Add(direction.counters.frames, 1);
    Add(direction.counters.bytes, static_cast<uint64_t>(written));
  } else if (IsGone(static_cast<int>(-written))) {
    Fail(to, static_cast<int>(-written), true);
  } else {
    Add(direction.counters.dropped, 1);
  }
}

// The first failure ends the pump.
void FramePump::Fail(int side, int error, bool writing) {
  if (end_.error == 0) end_ = {error, side, writing};
  for (Direction& direction : directions_) direction.state = State::kOff;
  stopping_.store(true, std::memory_order_relaxed);
}

}  // namespace netloom
