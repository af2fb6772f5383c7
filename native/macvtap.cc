#include "macvtap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <uv.h>

#include <charconv>
#include <list>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "arguments.h"
#include "job.h"
#include "packet_queue.h"
#include "tun_offload.h"

namespace netloom {

namespace {

// Where the private file systems go: a directory that exists wherever namespaces are used, and is a mount of its own,
// so that making it private keeps them from spreading to other mount namespaces.
constexpr const char* kPrivate = "/proc";
constexpr const char* kSysfs = "/proc/sysfs";
constexpr const char* kNode = "/proc/tap";

// The calling thread must not be used for anything else afterwards.
Status EnterPrivateMounts() {
  if (::unshare(CLONE_FS | CLONE_NEWNS) != 0) return SystemError::Last("unshare");
  if (::mount(nullptr, kPrivate, nullptr, MS_PRIVATE, nullptr) != 0 ||
      ::mount("netloom", kPrivate, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k") != 0) {
    return SystemError::Last("mount", kPrivate);
  }
  if (::mkdir(kSysfs, 0700) != 0) return SystemError::Last("mkdir", kSysfs);
  if (::mount("netloom", kSysfs, "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, nullptr) != 0) {
    return SystemError::Last("mount", kSysfs);
  }
  return Done{};
}

// "246:1" in /sys/class/net/NAME/tapINDEX/dev. The index in the path makes sure that the name is still that link's.
Result<dev_t> DeviceNumber(const std::string& name, int index) {
  const std::string path = std::string(kSysfs) + "/class/net/" + name + "/tap" + std::to_string(index) + "/dev";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return SystemError::Last("open", path);
  char text[32];
  const ssize_t size = ::read(fd.get(), text, sizeof text);
  if (size < 0) return SystemError::Last("read", path);
  // from_chars, because the scanf of newer headers is a newer symbol too.
  const char* end = text + size;
  unsigned major = 0;
  unsigned minor = 0;
  const auto [colon, error] = std::from_chars(text, end, major);
  const bool whole =
      error == std::errc() && colon != end && *colon == ':' && std::from_chars(colon + 1, end, minor).ec == std::errc();
  if (!whole) return SystemError{"read", EINVAL, path};
  return makedev(major, minor);
}

Status CheckDevice(int directory, const std::string& at, dev_t device, const std::string& path) {
  // glibc's own stat is a newer symbol than the floor allows, and not every architecture has the same system call.
  struct statx status;
  if (::statx(directory, at.c_str(), AT_EMPTY_PATH, STATX_TYPE, &status) != 0) return SystemError::Last("statx", path);
  if (!S_ISCHR(status.stx_mode) || makedev(status.stx_rdev_major, status.stx_rdev_minor) != device)
    return SystemError{"statx", ENODEV, path};
  return Done{};
}

// The path of a node for the device: a private one, or where that is not permitted (a user namespace has no CAP_MKNOD)
// the one that devtmpfs made, if it is the same device: to open another would take frames from its link.
Result<std::string> NodeFor(dev_t device, int index) {
  // glibc's own mknod is a newer symbol than the floor allows.
  if (::syscall(SYS_mknodat, AT_FDCWD, kNode, S_IFCHR | 0600, static_cast<unsigned>(device)) == 0)
    return std::string(kNode);
  if (errno != EPERM) return SystemError::Last("mknod", kNode);
  std::string path = "/dev/tap" + std::to_string(index);
  const Status same = CheckDevice(AT_FDCWD, path, device, path);
  if (!same) return same.error();
  return path;
}

struct Opened {
  std::list<UniqueFd> fds;
  int offload = 0;
};

Result<Opened> OpenQueues(const std::string& path, dev_t device, int flags, int queues, const TunOffload& offload) {
  Opened opened;
  for (int i = 0; i < queues; ++i) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return SystemError::Last("open", path);
    // devtmpfs may have given the name to another link since.
    const Status same = CheckDevice(fd.get(), "", device, path);
    if (!same) return same.error();
    // A fresh descriptor has the vnet header on.
    ifreq request{};
    request.ifr_flags = static_cast<short>(flags);
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return SystemError::Last("TUNSETIFF", path);
    // The header is that of each queue; the offloads are the link's, and each queue says the same.
    auto applied = offload.Apply(fd.get(), path);
    if (!applied) return applied.error();
    opened.offload = *applied;
    opened.fds.push_back(std::move(fd));
  }
  return opened;
}

class OpenMacvtap {
 public:
  using Outcome = Result<Opened>;

  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    Napi::Object options;
    if (!arguments.Netns(0, "netns", &netns_).Path(1, "name", &name_).Object(2, "options", &options).ok()) return false;
    arguments.Integer(options.Get("index"), "options.index", &index_)
        .Integer(options.Get("flags"), "options.flags", &flags_)
        .Integer(options.Get("queues"), "options.queues", &queues_);
    return arguments.ok() && offload_.Parse(&arguments, options);
  }

  Outcome Run(HomeNetns&) {
    uv_thread_t thread;
    const int error = uv_thread_create(
        &thread,
        [](void* data) {
          auto* self = static_cast<OpenMacvtap*>(data);
          self->outcome_.emplace(self->RunOnOwnThread());
        },
        this);
    if (error != 0) return SystemError{"uv_thread_create", -error, {}};
    uv_thread_join(&thread);
    return std::move(*outcome_);
  }

  static Napi::Value ToJs(Napi::Env env, Opened opened) {
    const Napi::Value queues = QueuesToJs(env, std::move(opened.fds));
    if (queues.IsEmpty()) return {};
    auto result = Napi::Object::New(env);
    result.Set("offload", opened.offload);
    result.Set("queues", queues);
    return result;
  }

 private:
  Outcome RunOnOwnThread() {
    HomeNetns home = HomeNetns::ForGood();
    const NetnsScope scope(home, netns_);
    if (!scope.status()) return scope.status().error();
    const Status entered = EnterPrivateMounts();
    if (!entered) return entered.error();
    auto device = DeviceNumber(name_, index_);
    if (!device) return device.error();
    auto path = NodeFor(*device, index_);
    if (!path) return path.error();
    return OpenQueues(*path, *device, flags_, queues_, offload_);
  }

  NetnsRef netns_;
  std::string name_;
  int index_ = 0;
  int flags_ = 0;
  int queues_ = 0;
  TunOffload offload_;
  std::optional<Outcome> outcome_;
};

// Whether the link of a queue was deleted, which reading and polling do not tell (drivers/net/tap.c). On a pool thread,
// because it takes the lock that every change of a link holds.
class IsMacvtapGone {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    int fd = -1;
    if (!Arguments(info).Integer(0, "fd", &fd).ok()) return false;
    fd_.Reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return true;
  }

  Result<bool> Run(HomeNetns&) {
    ifreq request{};
    return ::ioctl(fd_.get(), TUNGETIFF, &request) != 0 && errno == ENOLINK;
  }

  static Napi::Value ToJs(Napi::Env env, bool gone) { return Napi::Boolean::New(env, gone); }

 private:
  UniqueFd fd_;  // a duplicate: the queue may be closed meanwhile
};

}  // namespace

void DefineMacvtap(Napi::Env env, Napi::Object exports) {
  ExportBoth<OpenMacvtap>(env, exports, "openMacvtap");
  exports.Set("isMacvtapGoneAsync", Napi::Function::New(env, CallOnPool<IsMacvtapGone>, "isMacvtapGoneAsync"));
}

}  // namespace netloom
