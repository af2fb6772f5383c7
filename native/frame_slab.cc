#include "frame_slab.h"

#include <memory>

#include "arguments.h"

namespace netloom {

namespace {

struct Layout {
  Bytes memory;
  Napi::Object buffer;
  int slots = 0;
  int frame_size = 0;
  int stride = 0;
  int first = 0;  // where the first slot begins; the lengths stand before it
};

bool Parse(const Napi::CallbackInfo& info, Layout* layout) {
  Arguments arguments(info);
  arguments.Memory(0, "memory", &layout->memory)
      .Integer(1, "slots", &layout->slots)
      .Integer(2, "frameSize", &layout->frame_size)
      .Integer(3, "stride", &layout->stride)
      .Integer(4, "first", &layout->first);
  if (!arguments.ok()) return false;
  layout->buffer = info[0].As<Napi::Uint8Array>().ArrayBuffer();
  const bool sane = layout->slots > 0 && layout->frame_size > 0 && layout->stride > layout->frame_size &&
                    layout->first >= 0 && static_cast<size_t>(layout->first) >= layout->slots * sizeof(uint32_t) &&
                    layout->memory.size >= layout->first + static_cast<size_t>(layout->slots) * layout->stride &&
                    reinterpret_cast<uintptr_t>(layout->memory.data) % alignof(uint32_t) == 0;
  if (!sane) napi_throw_range_error(info.Env(), "ERR_OUT_OF_RANGE", "memory must hold the lengths and the slots");
  return sane;
}

Napi::Value CreateFrameSlab(const Napi::CallbackInfo& info) {
  Layout layout;
  if (!Parse(info, &layout)) return {};
  const Slots slots{layout.memory.data + layout.first, reinterpret_cast<uint32_t*>(layout.memory.data),
                    static_cast<uint32_t>(layout.slots), static_cast<uint32_t>(layout.stride),
                    static_cast<uint32_t>(layout.frame_size)};
  auto slab = std::make_unique<FrameSlab>(slots, layout.buffer);
  napi_value external = nullptr;
  const napi_status made = napi_create_external(
      info.Env(), slab.get(), [](napi_env, void* data, void*) { delete static_cast<FrameSlab*>(data); }, nullptr,
      &external);
  if (made != napi_ok) return {};
  (void)slab.release();
  return {info.Env(), external};
}

}  // namespace

const FrameSlab* FrameSlab::Of(napi_env env, napi_value value) {
  void* slab = nullptr;
  if (napi_get_value_external(env, value, &slab) != napi_ok)
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "slab must come from createFrameSlab");
  return static_cast<const FrameSlab*>(slab);
}

bool FrameSlab::IsDetached(napi_env env) const {
  bool detached = false;
  return napi_is_detached_arraybuffer(env, buffer_.Value(), &detached) == napi_ok && detached;
}

void DefineFrameSlab(Napi::Env env, Napi::Object exports) {
  exports.Set("createFrameSlab", Napi::Function::New(env, CreateFrameSlab, "createFrameSlab"));
}

}  // namespace netloom
