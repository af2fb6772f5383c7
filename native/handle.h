// The JavaScript class Handle: a file descriptor that the caller owns.
//
// Lifetime: until close(), the garbage collector or the end of the environment, whichever comes first. Thread: the
// environment's own.
#pragma once

#include <napi.h>

#include "unique_fd.h"

namespace netloom {

class Handle final : public Napi::ObjectWrap<Handle> {
 public:
  // A new Handle that owns `fd`.
  static Napi::Value New(Napi::Env env, UniqueFd fd);

  // Called through New; JavaScript cannot construct one.
  explicit Handle(const Napi::CallbackInfo& info);

  Napi::Value Fd(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  // Gives the descriptor to the caller, who has to close it from now on.
  Napi::Value Release(const Napi::CallbackInfo& info);

 private:
  UniqueFd fd_;
};

void DefineHandle(Napi::Env env, Napi::Object exports);

}  // namespace netloom
