// The JavaScript class PingSocket: an ICMP echo socket, opened inside a namespace, that calls back when it has
// something to read. It moves bytes and tells the times; what an echo request is, TypeScript knows. All that is known
// here is where its identifier stands, since a raw socket must not be filled with the answers to others.
//
// Lifetime: until close(), or the end of the environment; it keeps itself from being collected while it is open.
// Thread: the environment's own, except that a pool thread opens the socket.
#pragma once

#include <napi.h>

#include "arguments.h"
#include "fd_poll.h"
#include "socket_address.h"
#include "unique_fd.h"

namespace netloom {

class PingSocket final : public Napi::ObjectWrap<PingSocket>, private FdObserver {
 public:
  // Called by native code; JavaScript cannot construct one.
  explicit PingSocket(const Napi::CallbackInfo& info);

  Napi::Value Raw(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

 private:
  void OnEvents(int status, int events) override;
  void OnPollGone() override;
  [[nodiscard]] int Begin(Bytes first);
  void Release();

  UniqueFd fd_;
  FdPoll* poll_ = nullptr;  // owns itself; null once closed
  Napi::FunctionReference readable_;
  bool raw_ = false;
  bool connected_ = false;
  SocketAddress destination_;
};

void DefinePingSocket(Napi::Env env, Napi::Object exports);

}  // namespace netloom
