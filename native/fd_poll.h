// The event loop's view of one descriptor: a uv_poll_t that tells its observer once, for each time it is asked, that
// the descriptor can be read or written, and a uv_idle_t for those who would rather look than sleep. Each question may
// keep the event loop alive. Polling goes on between two questions, because stopping and starting cost a system call
// each; it stops by itself when something arrives that nobody asked for, so an idle descriptor costs no CPU.
//
// Lifetime: owns itself from Create to the uv close callbacks, which Close() or the end of the environment (an async
// cleanup hook: a Worker may be terminated at any moment) brings about. The descriptor belongs to the observer, which
// may close it as soon as Close() has returned. Thread: the environment's own.
#pragma once

#include <napi.h>
#include <uv.h>

#include "system_error.h"

namespace netloom {

// What Ask() has failed with: libuv has the descriptor's number for another one's.
inline SystemError PollRefused(int error) {
  return {"uv_poll_start", -error, {}};
}

class FdObserver {
 public:
  virtual ~FdObserver() = default;
  // What was asked for and has come: UV_READABLE, UV_WRITABLE. `status` 0, or a negative errno: the descriptor is in
  // error, and all that was asked for is told. The observer may close the poll, and destroy itself.
  virtual void OnEvents(int status, int events) = 0;
  // A turn of the event loop, while it spins.
  virtual void OnTurn() {}
  // The environment ends: the poll must not be used any more.
  virtual void OnPollGone() = 0;
};

class FdPoll {
 public:
  static Result<FdPoll*> Create(Napi::Env env, int fd, FdObserver* observer);
  FdPoll(const FdPoll&) = delete;
  FdPoll& operator=(const FdPoll&) = delete;

  // 0 or a negative errno.
  [[nodiscard]] int Ask(int events, bool keep_alive = true);
  // Takes it back.
  void Forget(int events);
  // Calls OnTurn() in each turn of the event loop, which does not sleep, until it is told otherwise.
  void Spin(bool on, bool keep_alive = true);
  // No call comes after this, and the poll must not be used any more.
  void Close();

 private:
  explicit FdPoll(FdObserver* observer) : observer_(observer) {}
  ~FdPoll() = default;
  void OnEvent(int status, int events);
  int Poll(int events);
  void UpdateReference();
  void CloseHandle(uv_handle_t* handle);

  uv_handle_t* poll_handle() { return reinterpret_cast<uv_handle_t*>(&poll_); }
  uv_handle_t* idle_handle() { return reinterpret_cast<uv_handle_t*>(&idle_); }

  FdObserver* observer_;  // null once closing
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_poll_t poll_;
  uv_idle_t idle_;
  int open_handles_ = 2;
  int polled_ = 0;  // events that libuv polls for
  int asked_ = 0;
  int keep_alive_ = 0;  // of those asked for
};

}  // namespace netloom
