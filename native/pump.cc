#include "pump.h"

#include <fcntl.h>

#include <utility>

#include "arguments.h"
#include "bpf.h"
#include "environment.h"
#include "loop_callback.h"

namespace netloom {

namespace {

// A duplicate: the queue may be closed while the pump works.
Result<UniqueFd> Duplicate(int fd) {
  UniqueFd duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate) return SystemError::Last("fcntl");
  return duplicate;
}

}  // namespace

Napi::Value Pump::Begin(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Arguments arguments(info);
  int a = -1;
  int b = -1;
  int header_size = 0;
  Bytes filter;
  if (!arguments.Integer(0, "a", &a)
           .Integer(1, "b", &b)
           .Integer(3, "headerSize", &header_size)
           .Memory(4, "filter", &filter)
           .ok())
    return {};
  auto from = Duplicate(a);
  auto to = Duplicate(b);
  if (!from || !to) {
    (from ? to : from).error().Throw(env);
    return {};
  }
  PumpOptions options{info[2].ToBoolean(), static_cast<size_t>(header_size), FilterFrom(filter)};
  auto frames = std::make_unique<FramePump>(std::move(*from), std::move(*to), std::move(options));
  const Napi::Value value = Environment::Of(env).NewInstance<Pump>(env, std::move(frames));
  // A terminating Worker has made nothing.
  void* pump = nullptr;
  if (value.IsEmpty() || napi_unwrap(env, value, &pump) != napi_ok) return {};
  const Status started = static_cast<Pump*>(pump)->Start(info[5].As<Napi::Function>());
  if (!started) {
    started.error().Throw(env);
    return {};
  }
  return value;
}

Pump::Pump(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  if (IsEmpty()) return;
  frames_ = std::move(*info[0].As<Napi::External<std::unique_ptr<FramePump>>>().Data());
}

Status Pump::Start(const Napi::Function& ended) {
  const Status started = frames_->Start();
  if (!started) return started.error();
  auto end = FdPoll::Create(Env(), frames_->ended(), this);
  int error = 0;
  if (end) error = (*end)->Ask(UV_READABLE);
  if (!end || error != 0) {
    frames_->Join();
    if (!end) return end.error();
    (*end)->Close();
    return PollRefused(error);
  }
  end_ = *end;
  ended_ = Napi::Persistent(ended);
  Ref();
  return Done{};
}

// Into a Float64Array of eight: exact up to 2^53.
void Pump::Stats(const Napi::CallbackInfo& info) {
  auto out = info[0].As<Napi::Float64Array>();
  size_t i = 0;
  for (const int direction : {0, 1}) {
    const PumpCounters& counters = frames_->counters(direction);
    for (const auto* counter : {&counters.frames, &counters.bytes, &counters.dropped, &counters.filtered}) {
      if (i < out.ElementLength()) out[i++] = static_cast<double>(counter->load(std::memory_order_relaxed));
    }
  }
}

// Somebody waits for the end from now on.
void Pump::Stop(const Napi::CallbackInfo& info) {
  if (end_ == nullptr) return;
  const int error = end_->Ask(UV_READABLE);
  frames_->Stop();
  if (error != 0) PollRefused(error).Throw(info.Env());
}

// The thread may have ended by itself, and the loop not have heard of it yet.
Napi::Value Pump::Join(const Napi::CallbackInfo& info) {
  if (end_ != nullptr) Finish();
  const auto& [error, side, writing] = frames_->end();
  auto result = Napi::Object::New(info.Env());
  result.Set("errno", -error);
  result.Set("side", side);
  result.Set("writing", writing);
  return result;
}

void Pump::KeepAlive(const Napi::CallbackInfo& info) {
  if (end_ == nullptr) return;
  if (const int error = end_->Ask(UV_READABLE, info[0].ToBoolean()); error != 0) PollRefused(error).Throw(info.Env());
}

void Pump::OnEvents(int, int) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  // Keeps the object over a callback that lets go of it.
  const Napi::Object self = Value();
  const Napi::Function ended = ended_.Value();
  Finish();
  const auto& [error, side, writing] = frames_->end();
  napi_value arguments[3] = {};
  napi_create_int32(env, -error, &arguments[0]);
  napi_create_int32(env, side, &arguments[1]);
  napi_get_boolean(env, writing, &arguments[2]);
  CallFromLoop(env, self, ended, 3, arguments);
}

void Pump::OnPollGone() {
  end_ = nullptr;
  frames_->Join();
}

void Pump::Finish() {
  std::exchange(end_, nullptr)->Close();
  frames_->Join();
  ended_.Reset();
  Unref();
}

Napi::Function Pump::Define(Napi::Env env) {
  return DefineClass(env, "Pump",
                     {InstanceMethod<&Pump::Stats>("stats"), InstanceMethod<&Pump::Stop>("stop"),
                      InstanceMethod<&Pump::Join>("join"), InstanceMethod<&Pump::KeepAlive>("keepAlive")});
}

void DefinePump(Napi::Env env, Napi::Object exports) {
  Environment::Of(env).KeepConstructor<Pump>(Pump::Define(env));
  exports.Set("startPump", Napi::Function::New(env, Pump::Begin, "startPump"));
}

}  // namespace netloom
