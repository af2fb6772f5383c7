#include "bpf.h"

#include <cstring>
#include <memory>
#include <utility>

namespace netloom {

namespace {

// What a program makes of a frame.
Napi::Value RunBpf(const Napi::CallbackInfo& info) {
  Bytes program;
  Bytes frame;
  if (!Arguments(info).Memory(0, "program", &program).Memory(1, "frame", &frame).ok()) return {};
  return Napi::Number::New(info.Env(), FilterFrom(program).Run(frame.data, frame.size));
}

}  // namespace

BpfFilter FilterFrom(const Bytes& bytes) {
  const size_t count = bytes.size / sizeof(sock_filter);
  auto program = std::make_unique<sock_filter[]>(count);
  // No filter has no bytes, and then no address either.
  if (count > 0) std::memcpy(program.get(), bytes.data, count * sizeof(sock_filter));
  return {std::move(program), count};
}

void DefineBpf(Napi::Env env, Napi::Object exports) {
  exports.Set("runBpf", Napi::Function::New(env, RunBpf, "runBpf"));
}

}  // namespace netloom
