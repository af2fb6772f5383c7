// The JavaScript class NetlinkSocket: a NetlinkExchange, run here or on a pool thread. The first exchange opens it, so
// that opening costs no visit to another thread of its own.
//
// Lifetime: until closed or collected. Thread: the environment's own. Asynchronous exchanges run one behind the other,
// so that JavaScript can prepare the next ones while the kernel works on the first. Each of these jobs holds references
// to this object and to its buffers, and while there are any the NetlinkExchange, open or to be opened, is theirs:
// close() takes effect when the last of them has returned.
#pragma once

#include <napi.h>

#include <memory>

#include "netlink_exchange.h"

namespace netloom {

// Where a socket is to be opened, and how.
struct NetlinkPlace {
  NetnsRef netns;
  int protocol = 0;
  int receive_buffer = 0;
};

class NetlinkSocket final : public Napi::ObjectWrap<NetlinkSocket> {
 public:
  // Called by native code; JavaScript cannot construct one.
  explicit NetlinkSocket(const Napi::CallbackInfo& info);

  Napi::Value Exchange(const Napi::CallbackInfo& info);
  Napi::Value ExchangeAsync(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

 private:
  friend class RunExchange;

  // On the thread of the exchange that comes first.
  Status Open(HomeNetns& home);
  void Release();

  NetlinkPlace place_;                         // until it is open
  std::unique_ptr<NetlinkExchange> exchange_;  // null until then, and once closed
  uint32_t jobs_ = 0;                          // submitted and not yet delivered
  bool closed_ = false;
  Napi::ObjectReference send_;  // the send buffer of an exchange that is not finished
};

void DefineNetlinkSocket(Napi::Env env, Napi::Object exports);

}  // namespace netloom
