// The JavaScript class FrameSlab's memory, as native code sees it: slots of equal size for frames, and how many bytes
// each holds. The pointers are looked up once; JavaScript holds them as an External, which costs less to read than an
// object to unwrap.
//
// Lifetime: until the External is collected; keeps the memory's ArrayBuffer alive. Detached memory must not be touched:
// lib/packet/ asks before each call, and whoever comes from the event loop asks IsDetached(). Thread: the environment's
// own.
#pragma once

#include <napi.h>

#include "slots.h"

namespace netloom {

class FrameSlab {
 public:
  FrameSlab(const Slots& slots, const Napi::Object& buffer) : slots_(slots), buffer_(Napi::Persistent(buffer)) {}

  // The slab that an External stands for, or null, with an exception pending.
  static const FrameSlab* Of(napi_env env, napi_value value);

  [[nodiscard]] const Slots& slots() const { return slots_; }
  [[nodiscard]] bool IsDetached(napi_env env) const;

 private:
  Slots slots_;
  Napi::ObjectReference buffer_;
};

void DefineFrameSlab(Napi::Env env, Napi::Object exports);

}  // namespace netloom
