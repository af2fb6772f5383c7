// The JavaScript class FrameSlab's memory, as native code sees it: slots of equal size for frames, and how many bytes
// each holds. The pointers are looked up once; JavaScript holds them as an External, which costs less to read than an
// object to unwrap.
//
// Lifetime: until the External is collected; keeps the memory's ArrayBuffer alive. Detached memory must not be touched:
// lib/packet/ asks before each call, and whoever comes from the event loop asks IsDetached(). Thread: the environment's
// own.
#pragma once

#include <napi.h>

#include <cstdint>

namespace netloom {

struct Slots {
  uint8_t* bytes = nullptr;  // slot i begins at i * stride
  uint32_t* lengths = nullptr;
  uint32_t count = 0;
  uint32_t stride = 0;
  uint32_t frame_size = 0;  // the largest frame; less than stride, so that a longer one can be told

  [[nodiscard]] uint8_t* at(uint32_t slot) const { return bytes + static_cast<size_t>(slot) * stride; }
};

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
