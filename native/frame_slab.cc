#include "frame_slab.h"

#include "arguments.h"
#include "environment.h"

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
  return Environment::Of(info.Env()).NewInstance<FrameSlab>(info.Env(), layout);
}

}  // namespace

FrameSlab::FrameSlab(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  if (IsEmpty()) return;
  const Layout& layout = *info[0].As<Napi::External<Layout>>().Data();
  slots_ = {layout.memory.data + layout.first, reinterpret_cast<uint32_t*>(layout.memory.data),
            static_cast<uint32_t>(layout.slots), static_cast<uint32_t>(layout.stride),
            static_cast<uint32_t>(layout.frame_size)};
  buffer_ = Napi::Persistent(layout.buffer);
}

FrameSlab* FrameSlab::Of(napi_env env, napi_value value) {
  void* slab = nullptr;
  if (napi_unwrap(env, value, &slab) != napi_ok) napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "slab");
  return static_cast<FrameSlab*>(slab);
}

bool FrameSlab::IsDetached(napi_env env) const {
  bool detached = false;
  return napi_is_detached_arraybuffer(env, buffer_.Value(), &detached) == napi_ok && detached;
}

void DefineFrameSlab(Napi::Env env, Napi::Object exports) {
  Environment::Of(env).KeepConstructor<FrameSlab>(FrameSlab::DefineClass(env, "FrameSlab", {}));
  exports.Set("createFrameSlab", Napi::Function::New(env, CreateFrameSlab, "createFrameSlab"));
}

}  // namespace netloom
