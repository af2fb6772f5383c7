// What the JavaScript classes have in common that call back when a descriptor has something to tell: NetlinkMonitor,
// MountMonitor. Each has keepAlive() and close(), and what else it defines.
//
// Lifetime: until close(), or the end of the environment; it keeps itself from being collected while it is open.
// Thread: the environment's own.
#pragma once

#include <napi.h>

#include <utility>
#include <vector>

#include "environment.h"
#include "fd_poll.h"
#include "loop_callback.h"
#include "system_error.h"
#include "unique_fd.h"

namespace netloom {

// What a monitor is made of, by Environment::NewInstance.
struct Monitored {
  UniqueFd fd;
  Napi::FunctionReference callback;
};

// `Self` is the class itself, `kEvents` what it waits for: UV_READABLE, UV_PRIORITIZED.
template <typename Self, int kEvents>
class FdMonitor : public Napi::ObjectWrap<Self>, private FdObserver {
 public:
  // Called by native code; JavaScript cannot construct one.
  explicit FdMonitor(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Self>(info) {
    if (!info[0].IsExternal()) {
      napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
      return;
    }
    // A terminating Worker wraps nothing more, and nobody would ever delete this object: the caller keeps what it has.
    if (this->IsEmpty()) return;
    auto& [fd, callback] = *info[0].As<Napi::External<Monitored>>().Data();
    auto poll = FdPoll::Create(info.Env(), fd.get(), this);
    if (!poll) {
      poll.error().Throw(info.Env());
      return;
    }
    poll_ = *poll;
    if (const int error = poll_->Ask(kEvents, keep_alive_); error != 0) {
      std::exchange(poll_, nullptr)->Close();
      PollRefused(error).Throw(info.Env());
      return;
    }
    fd_ = std::move(fd);
    callback_ = std::move(callback);
    this->Ref();
  }

  // The class, with what it has besides.
  static Napi::Function Define(Napi::Env env, const char* name,
                               std::vector<Napi::ClassPropertyDescriptor<Self>> properties = {}) {
    properties.push_back(Self::InstanceMethod("keepAlive", &Self::KeepAlive));
    properties.push_back(Self::InstanceMethod("close", &Self::Close));
    return Self::DefineClass(env, name, properties);
  }

  void KeepAlive(const Napi::CallbackInfo& info) {
    keep_alive_ = info[0].ToBoolean();
    if (poll_ == nullptr) return;
    if (const int error = poll_->Ask(kEvents, keep_alive_); error != 0) PollRefused(error).Throw(info.Env());
  }

  void Close(const Napi::CallbackInfo&) {
    if (poll_ == nullptr) return;
    std::exchange(poll_, nullptr)->Close();
    Release();
  }

 protected:
  // -1 once closed.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  void OnEvents(int, int) override {
    const Napi::Env env = this->Env();
    const Napi::HandleScope scope(env);
    if (!CallFromLoop(env, this->Value(), callback_.Value())) return;
    if (poll_ == nullptr) return;
    // Nobody called, and a monitor that hears no more must not look like one for which nothing happens.
    if (const int error = poll_->Ask(kEvents, keep_alive_); error != 0) PollRefused(error).ThrowFromLoop(env);
  }

  void OnPollGone() override {
    poll_ = nullptr;
    Release();
  }

  void Release() {
    fd_.Reset();
    callback_.Reset();
    this->Unref();
  }

  UniqueFd fd_;
  FdPoll* poll_ = nullptr;  // owns itself; null once closed
  Napi::FunctionReference callback_;
  bool keep_alive_ = true;
};

}  // namespace netloom
