#include "sysctl.h"

#include <fcntl.h>

#include <string>
#include <string_view>
#include <utility>

#include "arguments.h"
#include "job.h"

namespace netloom {

namespace {

// The second line of defence: the names were checked where the path was built.
bool IsBelowProcSys(std::string_view path) {
  constexpr std::string_view kRoot = "/proc/sys/";
  if (!path.starts_with(kRoot) || path.size() == kRoot.size()) return false;
  return path.find("/../") == std::string_view::npos && !path.ends_with("/..");
}

Result<UniqueFd> OpenSysctl(HomeNetns& home, const NetnsRef& netns, const std::string& path, int mode) {
  if (!IsBelowProcSys(path)) return SystemError{"open", EINVAL, path};
  const NetnsScope scope(home, netns);
  if (!scope.status()) return scope.status().error();
  UniqueFd fd(::open(path.c_str(), mode | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return SystemError::Last("open", path);
  return fd;
}

class ReadSysctl {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    return Arguments(info).Netns(0, "netns", &netns_).Path(1, "path", &path_).ok();
  }

  Result<std::string> Run(HomeNetns& home) {
    auto fd = OpenSysctl(home, netns_, path_, O_RDONLY);
    if (!fd) return fd.error();
    std::string content;
    for (;;) {
      char chunk[4096];
      const ssize_t size = ::read(fd->get(), chunk, sizeof chunk);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return SystemError::Last("read", path_);
      if (size == 0) return content;
      content.append(chunk, static_cast<size_t>(size));
    }
  }

  static Napi::Value ToJs(Napi::Env env, const std::string& content) { return Napi::String::New(env, content); }

 private:
  NetnsRef netns_;
  std::string path_;
};

class WriteSysctl {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    return Arguments(info).Netns(0, "netns", &netns_).Path(1, "path", &path_).Text(2, "value", &value_).ok();
  }

  Status Run(HomeNetns& home) {
    auto fd = OpenSysctl(home, netns_, path_, O_WRONLY);
    if (!fd) return fd.error();
    // One write: the kernel parses each write as a whole value.
    ssize_t size = 0;
    do size = ::write(fd->get(), value_.data(), value_.size());
    while (size < 0 && errno == EINTR);
    if (size < 0) return SystemError::Last("write", path_);
    if (static_cast<size_t>(size) != value_.size()) return SystemError{"write", EINVAL, path_};
    return Done{};
  }

  static Napi::Value ToJs(Napi::Env env, Done) { return env.Undefined(); }

 private:
  NetnsRef netns_;
  std::string path_;
  std::string value_;
};

}  // namespace

void DefineSysctl(Napi::Env env, Napi::Object exports) {
  ExportBoth<ReadSysctl>(env, exports, "readSysctl");
  ExportBoth<WriteSysctl>(env, exports, "writeSysctl");
}

}  // namespace netloom
