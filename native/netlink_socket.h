// The JavaScript class NetlinkSocket: a NetlinkExchange, run here or on a pool thread.
//
// Lifetime: until closed or collected. Thread: the environment's own. While an asynchronous exchange runs, the
// NetlinkExchange is away with the job (so no second exchange can begin, and close() takes effect at its return), and
// the job holds references to this object and to both buffers.
#pragma once

#include <napi.h>

#include <memory>

#include "netlink_exchange.h"

namespace netloom {

class NetlinkSocket final : public Napi::ObjectWrap<NetlinkSocket> {
 public:
  // Called by native code; JavaScript cannot construct one.
  explicit NetlinkSocket(const Napi::CallbackInfo& info);

  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Burst(const Napi::CallbackInfo& info);
  Napi::Value Outstanding(const Napi::CallbackInfo& info);
  Napi::Value Exchange(const Napi::CallbackInfo& info);
  Napi::Value ExchangeAsync(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  Napi::Value CloseAsync(const Napi::CallbackInfo& info);

 private:
  friend class RunExchange;

  std::unique_ptr<NetlinkExchange> exchange_;  // null while it is away, and once closed
  bool away_ = false;
  bool closed_ = false;
  int fd_ = -1;
  uint32_t burst_ = 0;
  uint32_t outstanding_ = 0;
  Napi::ObjectReference send_;  // the send buffer of an exchange that is not finished
};

void DefineNetlinkSocket(Napi::Env env, Napi::Object exports);

}  // namespace netloom
