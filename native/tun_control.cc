#include "tun_control.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "handle.h"
#include "job.h"
#include "packet_queue.h"
#include "unique_fd.h"

namespace netloom {

namespace {

// How the kernel takes the number of a command.
enum class Passed { kValue, kPointer, kFlags };

struct Command {
  const char* name;
  unsigned long request;
  Passed passed;
};

constexpr Command kCommands[] = {
    {"TUNSETPERSIST", TUNSETPERSIST, Passed::kValue},
    {"TUNSETOWNER", TUNSETOWNER, Passed::kValue},
    {"TUNSETGROUP", TUNSETGROUP, Passed::kValue},
    {"TUNSETOFFLOAD", TUNSETOFFLOAD, Passed::kValue},
    {"TUNSETCARRIER", TUNSETCARRIER, Passed::kPointer},
    {"TUNSETSNDBUF", TUNSETSNDBUF, Passed::kPointer},
    {"TUNSETVNETLE", TUNSETVNETLE, Passed::kPointer},
    {"TUNSETSTEERINGEBPF", TUNSETSTEERINGEBPF, Passed::kPointer},
    {"TUNSETFILTEREBPF", TUNSETFILTEREBPF, Passed::kPointer},
    {"TUNDETACHFILTER", TUNDETACHFILTER, Passed::kPointer},
    {"TUNSETQUEUE", TUNSETQUEUE, Passed::kFlags},
};

const Command* Find(const std::string& name) {
  for (const Command& command : kCommands) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

// The caller's descriptor, as a duplicate that stays open while a native thread uses it.
class Borrowed {
 public:
  Borrowed() = default;
  explicit Borrowed(int fd) : fd_(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), error_(fd_ ? 0 : errno) {}

  [[nodiscard]] int get() const { return fd_.get(); }
  // Why there is none: it was not open, or there are too many.
  [[nodiscard]] Status status() const {
    if (error_ != 0) return SystemError{"fcntl", error_, {}};
    return Done{};
  }

 private:
  UniqueFd fd_;
  int error_ = 0;
};

// A command that takes one number.
class ControlTun {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    int fd = -1;
    std::string command;
    Arguments arguments(info);
    arguments.Integer(0, "fd", &fd)
        .Text(1, "device", &device_)
        .Text(2, "command", &command)
        .Integer(3, "value", &value_);
    if (!arguments.ok()) return false;
    command_ = Find(command);
    if (command_ == nullptr) {
      napi_throw_type_error(info.Env(), "ERR_INVALID_ARG_VALUE", "command must be one of the table");
      return false;
    }
    fd_ = Borrowed(fd);
    return true;
  }

  Status Run(HomeNetns&) {
    if (const Status open = fd_.status(); !open) return open.error();
    ifreq request{};
    request.ifr_flags = static_cast<short>(value_);
    int result = 0;
    switch (command_->passed) {
      case Passed::kValue:
        result = ::ioctl(fd_.get(), command_->request, value_);
        break;
      case Passed::kPointer:
        result = ::ioctl(fd_.get(), command_->request, &value_);
        break;
      case Passed::kFlags:
        result = ::ioctl(fd_.get(), command_->request, &request);
        break;
    }
    if (result < 0) return SystemError::Last(command_->name, device_);
    return Done{};
  }

  static Napi::Value ToJs(Napi::Env env, Done) { return env.Undefined(); }

 private:
  Borrowed fd_;
  std::string device_;  // for the error
  const Command* command_ = nullptr;
  int value_ = 0;
};

// Filters of the frames that a TAP hands to its reader: struct tun_filter, or the instructions of a socket filter.
class FilterTun {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    int fd = -1;
    int classic = 0;
    Bytes bytes;
    Arguments arguments(info);
    arguments.Integer(0, "fd", &fd)
        .Text(1, "device", &device_)
        .Integer(2, "classic", &classic)
        .Memory(3, "filter", &bytes);
    if (!arguments.ok()) return false;
    classic_ = classic != 0;
    // The kernel reads as much as the count in it says.
    tun_filter head{};
    if (bytes.size >= sizeof head) std::memcpy(&head, bytes.data, sizeof head);
    if (!classic_ && bytes.size != sizeof head + size_t{head.count} * ETH_ALEN) {
      napi_throw_range_error(info.Env(), "ERR_OUT_OF_RANGE", "filter must be a whole struct tun_filter");
      return false;
    }
    content_.assign(bytes.data, bytes.data + bytes.size);
    fd_ = Borrowed(fd);
    return true;
  }

  Status Run(HomeNetns&) {
    if (const Status open = fd_.status(); !open) return open.error();
    if (classic_) {
      sock_fprog program{};
      program.len = static_cast<unsigned short>(content_.size() / sizeof(sock_filter));
      program.filter = reinterpret_cast<sock_filter*>(content_.data());
      if (::ioctl(fd_.get(), TUNATTACHFILTER, &program) < 0) return SystemError::Last("TUNATTACHFILTER", device_);
    } else if (::ioctl(fd_.get(), TUNSETTXFILTER, content_.data()) < 0) {
      return SystemError::Last("TUNSETTXFILTER", device_);
    }
    return Done{};
  }

  static Napi::Value ToJs(Napi::Env env, Done) { return env.Undefined(); }

 private:
  Borrowed fd_;
  std::string device_;  // for the error
  bool classic_ = false;
  std::vector<uint8_t> content_;
};

struct Probed {
  bool misc = false;  // TUN or TAP; otherwise a MACVTAP
  std::string name;
  int flags = 0;
  int vnet_header_size = 0;
  std::string mac;                // six bytes
  std::optional<UniqueFd> netns;  // of its link, where the kernel tells
};

// What a descriptor that somebody else has opened is. It stays as it is.
class ProbeTun {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    int fd = -1;
    if (!Arguments(info).Integer(0, "fd", &fd).ok()) return false;
    fd_ = Borrowed(fd);
    return true;
  }

  Result<Probed> Run(HomeNetns&) {
    if (const Status open = fd_.status(); !open) return open.error();
    Probed probed;
    // glibc's own stat is a newer symbol than the floor allows.
    struct statx status;
    if (::statx(fd_.get(), "", AT_EMPTY_PATH, STATX_TYPE, &status) != 0) return SystemError::Last("statx");
    unsigned features = 0;
    // The same number may be another driver's question, which ends in ENOTTY or in features that no TAP lacks.
    if (!S_ISCHR(status.stx_mode) || ::ioctl(fd_.get(), TUNGETFEATURES, &features) != 0 || (features & IFF_TAP) == 0)
      return SystemError{"TUNGETFEATURES", ENOTTY, {}};
    // linux/miscdevice.h: TUN_MINOR. The number of macvtap is given when its module is loaded.
    constexpr unsigned kMiscMajor = 10;
    constexpr unsigned kTunMinor = 200;
    probed.misc = status.stx_rdev_major == kMiscMajor && status.stx_rdev_minor == kTunMinor;
    ifreq request{};
    if (::ioctl(fd_.get(), TUNGETIFF, &request) != 0) return SystemError::Last("TUNGETIFF");
    probed.name.assign(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ));
    probed.flags = static_cast<unsigned short>(request.ifr_flags);
    if ((probed.flags & IFF_VNET_HDR) != 0 && ::ioctl(fd_.get(), TUNGETVNETHDRSZ, &probed.vnet_header_size) != 0)
      return SystemError::Last("TUNGETVNETHDRSZ", probed.name);
    if (::ioctl(fd_.get(), SIOCGIFHWADDR, &request) == 0) probed.mac.assign(request.ifr_hwaddr.sa_data, 6);
    // Needs CAP_NET_ADMIN in that namespace, Linux 5.2, and no MACVTAP.
    UniqueFd netns(::ioctl(fd_.get(), TUNGETDEVNETNS));
    if (netns) probed.netns.emplace(std::move(netns));
    return probed;
  }

  static Napi::Value ToJs(Napi::Env env, Probed probed) {
    Napi::Value netns = env.Null();
    if (probed.netns) {
      netns = Handle::New(env, std::move(*probed.netns));
      if (netns.IsEmpty()) return {};
    }
    auto result = Napi::Object::New(env);
    result.Set("driver", probed.misc ? "tun" : "macvtap");
    result.Set("name", probed.name);
    result.Set("flags", probed.flags);
    result.Set("vnetHeaderSize", probed.vnet_header_size);
    result.Set("mac", Napi::Buffer<char>::Copy(env, probed.mac.data(), probed.mac.size()));
    result.Set("netns", netns);
    return result;
  }

 private:
  Borrowed fd_;
};

// The descriptor itself, as a queue from now on.
class AdoptQueue {
 public:
  bool Parse(const Napi::CallbackInfo& info) { return Arguments(info).Integer(0, "fd", &fd_).ok(); }

  Result<UniqueFd> Run(HomeNetns&) {
    const int flags = ::fcntl(fd_, F_GETFL);
    if (flags < 0 || ::fcntl(fd_, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd_, F_SETFD, FD_CLOEXEC) != 0)
      return SystemError::Last("fcntl");
    return UniqueFd(fd_);
  }

  static Napi::Value ToJs(Napi::Env env, UniqueFd fd) { return PacketQueue::New(env, std::move(fd)); }

 private:
  int fd_ = -1;
};

}  // namespace

void DefineTunControl(Napi::Env env, Napi::Object exports) {
  ExportBoth<ControlTun>(env, exports, "controlTun");
  ExportBoth<FilterTun>(env, exports, "filterTun");
  ExportBoth<ProbeTun>(env, exports, "probeTun");
  // Never waits, so it has no asynchronous flavour.
  exports.Set("adoptQueue", Napi::Function::New(env, CallHere<AdoptQueue>, "adoptQueue"));
}

}  // namespace netloom
