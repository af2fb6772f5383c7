#include "tun.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <list>
#include <string>
#include <utility>

#include "arguments.h"
#include "job.h"
#include "packet_queue.h"
#include "tun_offload.h"
#include "unique_fd.h"

namespace netloom {

namespace {

constexpr const char* kDevice = "/dev/net/tun";

struct Opened {
  std::string name;
  int index = 0;
  int offload = 0;
  std::list<UniqueFd> fds;
};

// Settings of the device itself, wherever a new one needs them. -1: leave it.
Status SetOwners(int fd, const std::string& name, int owner, int group) {
  if (owner >= 0 && ::ioctl(fd, TUNSETOWNER, owner) != 0) return SystemError::Last("TUNSETOWNER", name);
  if (group >= 0 && ::ioctl(fd, TUNSETGROUP, group) != 0) return SystemError::Last("TUNSETGROUP", name);
  return Done{};
}

// The index of the link `name` in the namespace of the calling thread. Any socket will do.
Result<int> IndexOf(const std::string& name) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return SystemError::Last("socket");
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(socket.get(), SIOCGIFINDEX, &request) != 0) return SystemError::Last("SIOCGIFINDEX", name);
  return request.ifr_ifindex;
}

class OpenTun {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    Napi::Object options;
    if (!arguments.Netns(0, "netns", &netns_).Path(1, "name", &name_).Object(2, "options", &options).ok()) return false;
    arguments.Integer(options.Get("flags"), "options.flags", &flags_)
        .Integer(options.Get("queues"), "options.queues", &queues_)
        .Integer(options.Get("owner"), "options.owner", &owner_)
        .Integer(options.Get("group"), "options.group", &group_);
    if (!arguments.ok() || !offload_.Parse(&arguments, options)) return false;
    // The kernel would cut it without a word.
    if (name_.size() >= IFNAMSIZ) {
      napi_throw_range_error(info.Env(), "ERR_OUT_OF_RANGE", "name must be shorter than IFNAMSIZ");
      return false;
    }
    return true;
  }

  Result<Opened> Run(HomeNetns& home) {
    const NetnsScope scope(home, netns_);
    if (!scope.status()) return scope.status().error();
    Opened opened;
    opened.name = name_;
    for (int i = 0; i < queues_; ++i) {
      UniqueFd fd(::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
      if (!fd) return SystemError::Last("open", kDevice);
      ifreq request{};
      std::memcpy(request.ifr_name, opened.name.data(), opened.name.size());
      // Only the first queue makes the device.
      request.ifr_flags = static_cast<short>(i == 0 ? flags_ : flags_ & ~IFF_TUN_EXCL);
      if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return SystemError::Last("TUNSETIFF", opened.name);
      if (i == 0) {
        opened.name.assign(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ));
        const Status set = SetOwners(fd.get(), opened.name, owner_, group_);
        if (!set) return set.error();
        auto offload = offload_.Apply(fd.get(), opened.name);
        if (!offload) return offload.error();
        opened.offload = *offload;
        auto index = IndexOf(opened.name);
        if (!index) return index.error();
        opened.index = *index;
      }
      opened.fds.push_back(std::move(fd));
    }
    return opened;
  }

  static Napi::Value ToJs(Napi::Env env, Opened opened) {
    const Napi::Value queues = QueuesToJs(env, std::move(opened.fds));
    if (queues.IsEmpty()) return {};
    auto result = Napi::Object::New(env);
    result.Set("name", opened.name);
    result.Set("index", opened.index);
    result.Set("offload", opened.offload);
    result.Set("queues", queues);
    return result;
  }

 private:
  NetnsRef netns_;
  std::string name_;
  int flags_ = 0;
  int queues_ = 0;
  int owner_ = -1;
  int group_ = -1;
  TunOffload offload_;
};

}  // namespace

void DefineTun(Napi::Env env, Napi::Object exports) {
  ExportBoth<OpenTun>(env, exports, "openTun");
}

}  // namespace netloom
