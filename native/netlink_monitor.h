// The JavaScript class NetlinkMonitor: a netlink socket, opened inside a namespace, that hears multicast groups and
// calls back when something has come. It moves bytes; what they say, TypeScript knows.
//
// Lifetime: until close(), or the end of the environment; it keeps itself from being collected while it is open.
// Thread: the environment's own, except that a pool thread opens the socket.
#pragma once

#include <napi.h>

#include "fd_poll.h"
#include "unique_fd.h"

namespace netloom {

class NetlinkMonitor final : public Napi::ObjectWrap<NetlinkMonitor>, private FdObserver {
 public:
  // Called by native code; JavaScript cannot construct one.
  explicit NetlinkMonitor(const Napi::CallbackInfo& info);

  Napi::Value Receive(const Napi::CallbackInfo& info);
  void KeepAlive(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

 private:
  void OnEvents(int status, int events) override;
  void OnPollGone() override;
  void Release();

  UniqueFd fd_;
  FdPoll* poll_ = nullptr;  // owns itself; null once closed
  Napi::FunctionReference readable_;
  bool keep_alive_ = true;
};

void DefineNetlinkMonitor(Napi::Env env, Napi::Object exports);

}  // namespace netloom
