// A uv_poll_t that tells its observer once, for each time it is asked, that a descriptor can be read. It keeps the
// event loop alive only while it is asked. Polling goes on between two questions, because stopping and starting cost a
// system call each; it stops by itself when something arrives that nobody asked for, so an idle reader costs no CPU.
//
// Lifetime: owns itself from Create to the uv close callback, which Close() or the end of the environment (an async
// cleanup hook: a Worker may be terminated at any moment) brings about. The descriptor belongs to the observer, which
// may close it as soon as Close() has returned. Thread: the environment's own.
#pragma once

#include <napi.h>
#include <uv.h>

#include "system_error.h"

namespace netloom {

class ReadableObserver {
 public:
  virtual ~ReadableObserver() = default;
  // Once for each Ask(). 0, or a negative errno: the descriptor is in error.
  virtual void OnReadable(int status) = 0;
  // The environment ends: the poll must not be used any more.
  virtual void OnPollGone() = 0;
};

class ReadablePoll {
 public:
  static Result<ReadablePoll*> Create(Napi::Env env, int fd, ReadableObserver* observer);
  ReadablePoll(const ReadablePoll&) = delete;
  ReadablePoll& operator=(const ReadablePoll&) = delete;

  // 0 or a negative errno.
  int Ask();
  // Takes it back.
  void Forget();
  // No OnReadable comes after this, and the poll must not be used any more.
  void Close();

 private:
  explicit ReadablePoll(ReadableObserver* observer) : observer_(observer) {}
  ~ReadablePoll() = default;
  void OnEvent(int status);

  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&poll_); }

  ReadableObserver* observer_;  // null once closing
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_poll_t poll_;
  bool polling_ = false;
  bool asked_ = false;
};

}  // namespace netloom
