// How a native thread calls the event loop of an environment: a uv_async_t.
//
// Lifetime: owns itself from Create to the uv close callback, which Close() or the end of the environment (an async
// cleanup hook: a Worker may be terminated at any moment) brings about. Threads: the environment's own, but for Send().
#pragma once

#include <napi.h>
#include <uv.h>

#include "system_error.h"

namespace netloom {

class SignalObserver {
 public:
  virtual ~SignalObserver() = default;
  // Send() was called. The observer may close the signal, and destroy itself.
  virtual void OnSignal() = 0;
  // The environment ends: when this returns, no thread may use the signal any more.
  virtual void OnSignalGone() = 0;
};

class LoopSignal {
 public:
  static Result<LoopSignal*> Create(Napi::Env env, SignalObserver* observer);
  LoopSignal(const LoopSignal&) = delete;
  LoopSignal& operator=(const LoopSignal&) = delete;

  // From any thread.
  void Send() { uv_async_send(&async_); }
  // Whether it keeps the event loop alive: yes, until this says otherwise.
  void KeepAlive(bool keep);
  // No call comes after this, and the signal must not be used any more.
  void Close();

 private:
  explicit LoopSignal(SignalObserver* observer) : observer_(observer) {}
  ~LoopSignal() = default;
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&async_); }

  SignalObserver* observer_;  // null once closing
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_async_t async_;
};

}  // namespace netloom
