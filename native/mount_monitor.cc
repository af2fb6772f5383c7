#include "mount_monitor.h"

#include <fcntl.h>

#include <utility>

#include "environment.h"
#include "fd_monitor.h"

namespace netloom {

namespace {

constexpr char kMountInfo[] = "/proc/self/mountinfo";

class MountMonitor final : public FdMonitor<MountMonitor, UV_PRIORITIZED> {
 public:
  using FdMonitor::FdMonitor;
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
      env, Monitored{std::move(fd), Napi::Persistent(info[0].As<Napi::Function>())});
}

}  // namespace

void DefineMountMonitor(Napi::Env env, Napi::Object exports) {
  Environment::Of(env).KeepConstructor<MountMonitor>(MountMonitor::Define(env, "MountMonitor"));
  // Opening waits for nobody.
  exports.Set("openMountMonitor", Napi::Function::New(env, OpenMountMonitor, "openMountMonitor"));
}

}  // namespace netloom
