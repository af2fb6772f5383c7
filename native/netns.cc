#include "netns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "arguments.h"
#include "handle.h"
#include "job.h"
#include "nsfs.h"

namespace netloom {

namespace {

// NS_GET_NSTYPE answers ENOTTY on most other files, but a device may know the same number for something of its own;
// therefore the file system is asked first.
Status CheckNetns(int fd, const std::string& path) {
  if (!IsNamespaceFile(fd) || ::ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
    return SystemError{"NS_GET_NSTYPE", EINVAL, path};
  }
  return Done{};
}

class UnshareNetns {
 public:
  bool Parse(const Napi::CallbackInfo&) { return true; }

  Result<UniqueFd> Run(HomeNetns& home) { return MakeNetns(home); }

  static Napi::Value ToJs(Napi::Env env, UniqueFd fd) { return Handle::New(env, std::move(fd)); }
};

class OpenNetns {
 public:
  bool Parse(const Napi::CallbackInfo& info) { return Arguments(info).Path(0, "path", &path_).ok(); }

  Result<UniqueFd> Run(HomeNetns&) {
    // O_NONBLOCK: the path may be a FIFO, which would wait for a writer.
    UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return SystemError::Last("open", path_);
    const Status checked = CheckNetns(fd.get(), path_);
    if (!checked) return checked.error();
    return fd;
  }

  static Napi::Value ToJs(Napi::Env env, UniqueFd fd) { return Handle::New(env, std::move(fd)); }

 private:
  std::string path_;
};

class DuplicateNetns {
 public:
  bool Parse(const Napi::CallbackInfo& info) { return Arguments(info).Integer(0, "fd", &fd_).ok(); }

  Result<UniqueFd> Run(HomeNetns&) {
    UniqueFd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
    if (!copy) return SystemError::Last("fcntl");
    const Status checked = CheckNetns(copy.get(), {});
    if (!checked) return checked.error();
    return copy;
  }

  static Napi::Value ToJs(Napi::Env env, UniqueFd fd) { return Handle::New(env, std::move(fd)); }

 private:
  int fd_ = -1;
};

// Moves the calling thread, for good: that of a Worker which was made to live in a namespace, before anything else runs
// on it. Node.js gives each Worker a thread of its own and ends it with the Worker, so nothing else ever runs there;
// the threads that this one starts (the pools, a Worker of its own) are inside too. The main thread is never moved: a
// process is in the namespace of its main thread, and libuv's threads are its children.
Napi::Value EnterNetns(const Napi::CallbackInfo& info) {
  int fd = -1;
  if (!Arguments(info).Integer(0, "fd", &fd).ok()) return {};
  Status entered = Done{};
  if (::syscall(SYS_gettid) == ::getpid()) {
    entered = SystemError{"setns", EBUSY, {}};
  } else if (::setns(fd, CLONE_NEWNET) != 0) {
    entered = SystemError::Last("setns");
  } else {
    Environment::Of(info.Env()).home() = HomeNetns();
  }
  if (!entered) entered.error().Throw(info.Env());
  return {};
}

}  // namespace

Result<UniqueFd> MakeNetns(HomeNetns& home) {
  const Status prepared = home.Prepare();
  if (!prepared) return prepared.error();
  if (::unshare(CLONE_NEWNET) != 0) return SystemError::Last("unshare");
  constexpr const char* kPath = "/proc/thread-self/ns/net";
  UniqueFd fd(::open(kPath, O_RDONLY | O_CLOEXEC));
  const int error = errno;
  home.Return();
  if (!fd) return SystemError{"open", error, kPath};
  return fd;
}

void DefineNetns(Napi::Env env, Napi::Object exports) {
  ExportBoth<UnshareNetns>(env, exports, "unshareNetns");
  ExportBoth<OpenNetns>(env, exports, "openNetns");
  // Never waits, so it has no asynchronous flavour.
  exports.Set("duplicateNetns", Napi::Function::New(env, CallHere<DuplicateNetns>, "duplicateNetns"));
  exports.Set("enterNetns", Napi::Function::New(env, EnterNetns, "enterNetns"));
}

}  // namespace netloom
