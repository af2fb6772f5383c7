// The JavaScript class PacketQueue: one descriptor of a TUN, TAP or MACVTAP device. Reads and writes take one system
// call each, whole frames, and never wait; wait() tells when reading is worth while.
//
// Lifetime: until close(), closeAsync(), the garbage collector or the end of the environment. A queue that waits
// holds itself and the callback, so that a pending read is never collected. Thread: the environment's own; closeAsync
// moves the descriptor to a pool thread, because closing waits for an RCU grace period.
#pragma once

#include <napi.h>

#include <list>

#include "readable_poll.h"
#include "unique_fd.h"

namespace netloom {

class PacketQueue final : public Napi::ObjectWrap<PacketQueue>, private ReadableObserver {
 public:
  // A new PacketQueue that owns `fd`, which is nonblocking and attached to its device.
  static Napi::Value New(Napi::Env env, UniqueFd fd);

  // Called through New; JavaScript cannot construct one.
  explicit PacketQueue(const Napi::CallbackInfo& info);
  ~PacketQueue() override;

  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value Wait(const Napi::CallbackInfo& info);
  void CancelWait(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  Napi::Value CloseAsync(const Napi::CallbackInfo& info);

 private:
  void OnReadable(int status) override;
  void OnPollGone() override { poll_ = nullptr; }
  // The descriptor, which nothing polls any more; the callback is forgotten.
  UniqueFd TakeFd();
  void EndWait();

  UniqueFd fd_;
  ReadablePoll* poll_ = nullptr;  // made by the first wait; owns itself
  bool waiting_ = false;
  Napi::FunctionReference callback_;
};

// An array of PacketQueue over `fds`. Empty when JavaScript cannot run.
Napi::Value QueuesToJs(Napi::Env env, std::list<UniqueFd> fds);

void DefinePacketQueue(Napi::Env env, Napi::Object exports);

}  // namespace netloom
