// The JavaScript class Pump: a FramePump, and what JavaScript has to do with it. While it runs, it holds itself and the
// callback that it ends with.
//
// Lifetime: until the garbage collector finds one that has ended, or the end of the environment, which waits for the
// pump's thread. Thread: the environment's own.
#pragma once

#include <napi.h>

#include <memory>

#include "fd_poll.h"
#include "frame_pump.h"

namespace netloom {

class Pump final : public Napi::ObjectWrap<Pump>, private FdObserver {
 public:
  static Napi::Function Define(Napi::Env env);
  // startPump(a, b, oneWay, headerSize, filter, ended). Empty, with an exception pending, where it cannot begin.
  static Napi::Value Begin(const Napi::CallbackInfo& info);

  // Called through Begin; JavaScript cannot construct one.
  explicit Pump(const Napi::CallbackInfo& info);

 private:
  void Stats(const Napi::CallbackInfo& info);
  void Stop(const Napi::CallbackInfo& info);
  Napi::Value Join(const Napi::CallbackInfo& info);
  void KeepAlive(const Napi::CallbackInfo& info);

  Status Start(const Napi::Function& ended);
  void OnEvents(int status, int events) override;
  void OnPollGone() override;
  void Finish();

  FdPoll* end_ = nullptr;  // polls for it while it runs; owns itself
  std::unique_ptr<FramePump> frames_;
  Napi::FunctionReference ended_;
};

void DefinePump(Napi::Env env, Napi::Object exports);

}  // namespace netloom
