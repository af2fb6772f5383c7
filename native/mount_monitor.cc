#include "mount_monitor.h"

#include <fcntl.h>

#include <utility>

#include "environment.h"
#include "loop_callback.h"

namespace netloom {

namespace {

constexpr char kMountInfo[] = "/proc/self/mountinfo";

struct Content {
  UniqueFd fd;
  Napi::FunctionReference changed;
};

Napi::Value OpenMountMonitor(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsFunction()) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "changed must be a function");
    return {};
  }
  // What changes from here on is told, since the kernel remembers in the open file what it has told.
  UniqueFd fd(::open(kMountInfo, O_RDONLY | O_CLOEXEC));
  if (!fd) {
    SystemError::Last("open", kMountInfo).Throw(env);
    return {};
  }
  return Environment::Of(env).NewInstance<MountMonitor>(
      env, Content{std::move(fd), Napi::Persistent(info[0].As<Napi::Function>())});
}

}  // namespace

MountMonitor::MountMonitor(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  // A terminating Worker wraps nothing more, and nobody would ever delete this object: the caller keeps what it has.
  if (IsEmpty()) return;
  auto& [fd, changed] = *info[0].As<Napi::External<Content>>().Data();
  auto poll = FdPoll::Create(info.Env(), fd.get(), this);
  if (!poll) {
    poll.error().Throw(info.Env());
    return;
  }
  poll_ = *poll;
  fd_ = std::move(fd);
  changed_ = std::move(changed);
  Ref();
  poll_->Ask(UV_PRIORITIZED, keep_alive_);
}

void MountMonitor::OnEvents(int, int) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  if (!CallFromLoop(env, Value(), changed_.Value())) return;
  if (poll_ != nullptr) poll_->Ask(UV_PRIORITIZED, keep_alive_);
}

void MountMonitor::OnPollGone() {
  poll_ = nullptr;
  Release();
}

void MountMonitor::Release() {
  fd_.Reset();
  changed_.Reset();
  Unref();
}

void MountMonitor::KeepAlive(const Napi::CallbackInfo& info) {
  keep_alive_ = info[0].ToBoolean();
  if (poll_ != nullptr) poll_->Ask(UV_PRIORITIZED, keep_alive_);
}

void MountMonitor::Close(const Napi::CallbackInfo&) {
  if (poll_ == nullptr) return;
  std::exchange(poll_, nullptr)->Close();
  Release();
}

void DefineMountMonitor(Napi::Env env, Napi::Object exports) {
  using Class = MountMonitor;
  Environment::Of(env).KeepConstructor<Class>(Class::DefineClass(
      env, "MountMonitor",
      {Class::InstanceMethod<&Class::KeepAlive>("keepAlive"), Class::InstanceMethod<&Class::Close>("close")}));
  // Opening waits for nobody.
  exports.Set("openMountMonitor", Napi::Function::New(env, OpenMountMonitor, "openMountMonitor"));
}

}  // namespace netloom
