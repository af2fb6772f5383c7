// The JavaScript class MountMonitor: calls back when something was mounted or unmounted in the mount namespace of the
// process. The kernel says so by POLLPRI on an open /proc/self/mountinfo (mounts_poll() in fs/proc_namespace.c); what
// it was, whoever reads that file learns.
//
// Lifetime: until close(), or the end of the environment; it keeps itself from being collected while it is open.
// Thread: the environment's own.
#pragma once

#include <napi.h>

#include "fd_poll.h"
#include "unique_fd.h"

namespace netloom {

class MountMonitor final : public Napi::ObjectWrap<MountMonitor>, private FdObserver {
 public:
  // Called by native code; JavaScript cannot construct one.
  explicit MountMonitor(const Napi::CallbackInfo& info);

  void KeepAlive(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

 private:
  void OnEvents(int status, int events) override;
  void OnPollGone() override;
  void Release();

  UniqueFd fd_;
  FdPoll* poll_ = nullptr;  // owns itself; null once closed
  Napi::FunctionReference changed_;
  bool keep_alive_ = true;
};

void DefineMountMonitor(Napi::Env env, Napi::Object exports);

}  // namespace netloom
