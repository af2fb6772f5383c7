#include "socket.h"

#include <sys/socket.h>

#include <utility>

#include "arguments.h"
#include "handle.h"
#include "job.h"
#include "socket_address.h"
#include "unique_fd.h"

namespace netloom {

namespace {

// Which of these flags there are, lib/socket/open.ts says.
constexpr int kReuseAddress = 1;
constexpr int kReusePort = 2;
constexpr int kOnlyV6 = 4;
constexpr int kBothFamilies = 8;

// SO_BINDTOIFINDEX of asm-generic/socket.h, which C libraries of the floor do not know yet (Linux 5.0).
constexpr int kBindToIfindex = 62;

class OpenSocket {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    Napi::Object options;
    Bytes address;
    int port = 0;
    int scope = 0;
    if (!arguments.Netns(0, "netns", &netns_).Object(1, "options", &options).Memory(2, "address", &address).ok())
      return false;
    arguments.Integer(options.Get("family"), "options.family", &family_)
        .Integer(options.Get("type"), "options.type", &type_)
        .Integer(options.Get("protocol"), "options.protocol", &protocol_)
        .Integer(options.Get("flags"), "options.flags", &flags_)
        .Integer(options.Get("backlog"), "options.backlog", &backlog_)
        .Integer(options.Get("port"), "options.port", &port)
        .Integer(options.Get("scope"), "options.scope", &scope)
        .Integer(options.Get("device"), "options.device", &device_);
    address_ = SocketAddress(address, port, scope);
    return arguments.ok();
  }

  Result<UniqueFd> Run(HomeNetns& home) {
    UniqueFd fd;
    {
      const NetnsScope scope(home, netns_);
      if (!scope.status()) return scope.status().error();
      fd.Reset(::socket(family_, type_ | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol_));
      if (!fd) return SystemError::Last("socket");
    }
    // From here on the socket knows its namespace, whichever the thread is in.
    const Status set = SetOptions(fd.get());
    if (!set) return set.error();
    if (address_.size > 0 && ::bind(fd.get(), address_.get(), address_.size) != 0) return SystemError::Last("bind");
    if (backlog_ >= 0 && ::listen(fd.get(), backlog_) != 0) return SystemError::Last("listen");
    return fd;
  }

  static Napi::Value ToJs(Napi::Env env, UniqueFd fd) { return Handle::New(env, std::move(fd)); }

 private:
  [[nodiscard]] Status SetOptions(int fd) const {
    const auto set = [fd](int level, int name, int value) {
      return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
    };
    if ((flags_ & kReuseAddress) != 0 && !set(SOL_SOCKET, SO_REUSEADDR, 1)) return SystemError::Last("SO_REUSEADDR");
    if ((flags_ & kReusePort) != 0 && !set(SOL_SOCKET, SO_REUSEPORT, 1)) return SystemError::Last("SO_REUSEPORT");
    if (device_ > 0 && !set(SOL_SOCKET, kBindToIfindex, device_)) return SystemError::Last("SO_BINDTOIFINDEX");
    // One of the two is always said: the sysctl net.ipv6.bindv6only must not decide.
    const bool only = (flags_ & kOnlyV6) != 0;
    if ((only || (flags_ & kBothFamilies) != 0) && !set(IPPROTO_IPV6, IPV6_V6ONLY, only ? 1 : 0))
      return SystemError::Last("IPV6_V6ONLY");
    return Done{};
  }

  NetnsRef netns_;
  int family_ = 0;
  int type_ = 0;
  int protocol_ = 0;
  int flags_ = 0;
  int device_ = 0;
  int backlog_ = -1;  // -1: it does not listen
  SocketAddress address_;
};

}  // namespace

void DefineSocket(Napi::Env env, Napi::Object exports) {
  ExportBoth<OpenSocket>(env, exports, "openSocket");
}

}  // namespace netloom
