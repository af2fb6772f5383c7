#include "netlink_monitor.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "arguments.h"
#include "environment.h"
#include "job.h"

namespace netloom {

namespace {

class OpenMonitor {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    Napi::Object options;
    if (!arguments.Object(0, "options", &options).ok()) return false;
    arguments.Netns(options.Get("netns"), "options.netns", &netns_)
        .Integer(options.Get("receiveBuffer"), "options.receiveBuffer", &receive_buffer_);
    if (!arguments.ok()) return false;
    if (!options.Get("groups").IsArray() || !info[1].IsFunction()) {
      napi_throw_type_error(info.Env(), "ERR_INVALID_ARG_TYPE", "groups must be an array, readable a function");
      return false;
    }
    const auto groups = options.Get("groups").As<Napi::Array>();
    for (uint32_t i = 0; i < groups.Length(); ++i) groups_.push_back(groups.Get(i).ToNumber().Int32Value());
    readable_ = Napi::Persistent(info[1].As<Napi::Function>());
    return true;
  }

  Result<UniqueFd> Run(HomeNetns& home) {
    const NetnsScope scope(home, netns_);
    if (!scope.status()) return scope.status().error();
    UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!fd) return SystemError::Last("socket");
    // FORCE passes net.core.rmem_max, and takes CAP_NET_ADMIN.
    if (!Set(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_) && !Set(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer_))
      return SystemError::Last("setsockopt");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return SystemError::Last("bind");
    // A membership for each, since the bits of bind() end at 32.
    for (const int group : groups_)
      if (!Set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)) return SystemError::Last("setsockopt");
    return fd;
  }

  Napi::Value ToJs(Napi::Env env, UniqueFd fd) {
    return Environment::Of(env).NewInstance<NetlinkMonitor>(env, Monitored{std::move(fd), std::move(readable_)});
  }

 private:
  static bool Set(const UniqueFd& fd, int level, int option, int value) {
    return ::setsockopt(fd.get(), level, option, &value, sizeof value) == 0;
  }

  NetnsRef netns_;
  int receive_buffer_ = 0;
  std::vector<int> groups_;
  Napi::FunctionReference readable_;
};

}  // namespace

// One datagram. Its bytes, or a negative errno: -EMSGSIZE where it has no room, -ENOBUFS where others were lost.
Napi::Value NetlinkMonitor::Receive(const Napi::CallbackInfo& info) {
  Bytes buffer;
  if (!Arguments(info).Memory(0, "buffer", &buffer).ok()) return {};
  for (;;) {
    sockaddr_nl sender{};
    socklen_t size = sizeof sender;
    const ssize_t received = ::recvfrom(fd(), buffer.data, buffer.size, MSG_DONTWAIT | MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&sender), &size);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return Napi::Number::New(info.Env(), -errno);
    if (sender.nl_pid != 0) continue;  // not the kernel: any process may send to this socket's port
    const bool whole = static_cast<size_t>(received) <= buffer.size;
    return Napi::Number::New(info.Env(), whole ? static_cast<double>(received) : -EMSGSIZE);
  }
}

void DefineNetlinkMonitor(Napi::Env env, Napi::Object exports) {
  Environment::Of(env).KeepConstructor<NetlinkMonitor>(NetlinkMonitor::Define(
      env, "NetlinkMonitor", {NetlinkMonitor::InstanceMethod<&NetlinkMonitor::Receive>("receive")}));
  // No synchronous flavour: to watch is to wait.
  exports.Set("openMonitorAsync", Napi::Function::New(env, CallOnPool<OpenMonitor>, "openMonitorAsync"));
}

}  // namespace netloom
