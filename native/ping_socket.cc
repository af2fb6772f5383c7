#include "ping_socket.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <time.h>

// After <time.h>, whose timespec it uses.
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/icmp.h>

#include <cstring>
#include <iterator>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "job.h"
#include "loop_callback.h"

namespace netloom {

namespace {

// What `receive` puts in front of the bytes; lib/ping/received.ts reads it.
struct ReceiveHeader {
  double time = 0;     // CLOCK_MONOTONIC, in nanoseconds
  int32_t ttl = -1;    // of the received packet; -1: not told
  int32_t error = 0;   // errno of an entry of the error queue, 0 for a packet
  uint8_t origin = 0;  // SO_EE_ORIGIN_*
  uint8_t type = 0;    // ICMP type and code of the error
  uint8_t code = 0;
  uint8_t from_size = 0;  // 4 or 16 when `from` tells who sent the error
  uint8_t from[16] = {};
  uint32_t padding = 0;
};
static_assert(sizeof(ReceiveHeader) == 40);

double Nanoseconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double Now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return Nanoseconds(time);
}

// The kernel stamps packets with the wall clock, which may be set while an answer is awaited. How long ago that was is
// a short time, so it is taken from the clock that only rises.
double MonotonicOf(const timespec& stamp) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const double age =
      static_cast<double>(now.tv_sec - stamp.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec - stamp.tv_nsec);
  return Now(CLOCK_MONOTONIC) - (age > 0 ? age : 0);
}

void ReadErrorEntry(const cmsghdr* control, ReceiveHeader* header) {
  // The offender's address follows the entry.
  struct {
    sock_extended_err entry;
    union {
      sa_family_t family;
      sockaddr_in v4;
      sockaddr_in6 v6;
    };
  } data{};
  const size_t size = control->cmsg_len - CMSG_LEN(0);
  std::memcpy(&data, CMSG_DATA(control), size < sizeof data ? size : sizeof data);
  header->error = static_cast<int32_t>(data.entry.ee_errno);
  header->origin = data.entry.ee_origin;
  header->type = data.entry.ee_type;
  header->code = data.entry.ee_code;
  if (data.family == AF_INET) {
    header->from_size = 4;
    std::memcpy(header->from, &data.v4.sin_addr, 4);
  } else if (data.family == AF_INET6) {
    header->from_size = 16;
    std::memcpy(header->from, &data.v6.sin6_addr, 16);
  }
}

template <typename T>
T ReadControl(const cmsghdr* control) {
  T value{};
  std::memcpy(&value, CMSG_DATA(control), sizeof value);
  return value;
}

// A packet or, before any packet, an entry of the error queue. Bytes received, or a negative errno.
int ReceiveInto(int fd, Bytes buffer) {
  iovec vector{buffer.data + sizeof(ReceiveHeader), buffer.size - sizeof(ReceiveHeader)};
  alignas(cmsghdr) char controls[512];
  msghdr message{};
  const auto receive = [&](int flags) {
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = controls;
    message.msg_controllen = sizeof controls;
    ssize_t size = 0;
    do size = ::recvmsg(fd, &message, flags | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    return size;
  };
  ssize_t size = receive(MSG_ERRQUEUE);
  if (size < 0 && errno == EAGAIN) size = receive(0);
  if (size < 0) return -errno;

  ReceiveHeader header;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    const int level = control->cmsg_level;
    const int type = control->cmsg_type;
    if (level == SOL_SOCKET && type == SO_TIMESTAMPNS) {
      header.time = MonotonicOf(ReadControl<timespec>(control));
    } else if ((level == IPPROTO_IP && type == IP_TTL) || (level == IPPROTO_IPV6 && type == IPV6_HOPLIMIT)) {
      header.ttl = ReadControl<int>(control);
    } else if ((level == IPPROTO_IP && type == IP_RECVERR) || (level == IPPROTO_IPV6 && type == IPV6_RECVERR)) {
      ReadErrorEntry(control, &header);
    }
  }
  if (header.time == 0) header.time = Now(CLOCK_MONOTONIC);
  std::memcpy(buffer.data, &header, sizeof header);
  return static_cast<int>(size);
}

struct OpenedSocket {
  UniqueFd fd;
  bool raw;
};

// Raw sockets need CAP_NET_RAW; the echo sockets of sysctl net.ipv4.ping_group_range do not. When neither is allowed,
// the error is that of the raw socket.
Result<OpenedSocket> OpenSocket(int family) {
  const int protocol = family == AF_INET ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  UniqueFd raw(::socket(family, SOCK_RAW | kFlags, protocol));
  if (raw) return OpenedSocket{std::move(raw), true};
  SystemError refused = SystemError::Last("socket");
  if (refused.error != EPERM && refused.error != EACCES) return refused;
  UniqueFd datagram(::socket(family, SOCK_DGRAM | kFlags, protocol));
  if (!datagram) return refused;
  return OpenedSocket{std::move(datagram), false};
}

template <typename T>
Status SetOption(int fd, int level, int name, T value) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) return SystemError::Last("setsockopt");
  return Done{};
}

// Which types a raw socket gets: echo replies, or nothing at all. Unlike a socket filter this is looked at before the
// packet is copied for the socket. ICMP errors come by the error queue, which neither keeps from it.
Status HearReplies(int fd, bool v4, bool hear) {
  if (v4) return SetOption(fd, SOL_RAW, ICMP_FILTER, icmp_filter{hear ? ~(1U << ICMP_ECHOREPLY) : ~0U});
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  if (hear) ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  return SetOption(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter);
}

// A raw socket gets a copy of every echo reply of its namespace, and among hundreds of pings those to the others would
// fill its receive buffer, so that the kernel drops its own. It hears nothing until its first request.
Status BeDeaf(int fd, bool v4) {
  Status deaf = HearReplies(fd, v4, false);
  if (!deaf) return deaf;
  // What came in before that.
  while (::recv(fd, nullptr, 0, MSG_DONTWAIT) >= 0) {
  }
  return Done{};
}

// From now on echo replies to the identifier of `request` are let in, and nothing else: ICMP_FILTER knows no types from
// 32 on, and passes them.
Status HearRepliesTo(int fd, bool v4, Bytes request) {
  constexpr uint32_t kTypeAt = 0;
  constexpr uint32_t kIdentifierAt = 4;
  if (request.size < kIdentifierAt + 2) return SystemError{"send", EINVAL, {}};
  const uint32_t reply = v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
  const auto identifier = static_cast<uint32_t>(request.data[kIdentifierAt] << 8 | request.data[kIdentifierAt + 1]);
  sock_filter code[] = {
      // X is where the ICMP message begins: IPv4 arrives with its header, IPv6 without.
      v4 ? sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0) : sock_filter BPF_STMT(BPF_LDX | BPF_IMM, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, kTypeAt),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, reply, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, kIdentifierAt),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, identifier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),  // all of the packet
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  Status status = SetOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, sock_fprog{std::size(code), code});
  return status ? HearReplies(fd, v4, true) : status;
}

Status Configure(const OpenedSocket& socket, int family, int ttl) {
  const int fd = socket.fd.get();
  const bool v4 = family == AF_INET;
  const int level = v4 ? static_cast<int>(IPPROTO_IP) : static_cast<int>(IPPROTO_IPV6);
  Status status = socket.raw ? BeDeaf(fd, v4) : Done{};
  if (status) status = SetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  if (status) status = SetOption(fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
  if (status) status = SetOption(fd, level, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
  if (status && ttl > 0) status = SetOption(fd, level, v4 ? IP_TTL : IPV6_UNICAST_HOPS, ttl);
  return status;
}

// What the constructor of PingSocket takes out of its External.
struct Content {
  OpenedSocket socket;
  SocketAddress destination;
  Napi::FunctionReference readable;
};

class OpenPing {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    Napi::Object options;
    if (!arguments.Object(0, "options", &options).ok()) return false;
    int scope = 0;
    Bytes address;
    arguments.Netns(options.Get("netns"), "options.netns", &netns_)
        .Integer(options.Get("scope"), "options.scope", &scope)
        .Integer(options.Get("ttl"), "options.ttl", &ttl_)
        .Memory(1, "address", &address);
    if (!arguments.ok()) return false;
    if (!info[2].IsFunction() || (address.size != 4 && address.size != 16)) {
      napi_throw_type_error(info.Env(), "ERR_INVALID_ARG_TYPE", "address must be 4 or 16 bytes, readable a function");
      return false;
    }
    readable_ = Napi::Persistent(info[2].As<Napi::Function>());
    destination_ = SocketAddress(address, 0, scope);
    return true;
  }

  Result<OpenedSocket> Run(HomeNetns& home) {
    const NetnsScope scope(home, netns_);
    if (!scope.status()) return scope.status().error();
    const int family = destination_.storage.ss_family;
    auto socket = OpenSocket(family);
    if (!socket) return socket.error();
    const Status configured = Configure(*socket, family, ttl_);
    if (!configured) return configured.error();
    return socket;
  }

  Napi::Value ToJs(Napi::Env env, OpenedSocket socket) {
    return Environment::Of(env).NewInstance<PingSocket>(env,
                                                        Content{std::move(socket), destination_, std::move(readable_)});
  }

 private:
  NetnsRef netns_;
  int ttl_ = 0;
  SocketAddress destination_;
  Napi::FunctionReference readable_;
};

}  // namespace

PingSocket::PingSocket(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  // A terminating Worker wraps nothing more, and nobody would ever delete this object: the caller keeps what it has.
  if (IsEmpty()) return;
  auto& [socket, destination, readable] = *info[0].As<Napi::External<Content>>().Data();
  raw_ = socket.raw;
  destination_ = destination;
  auto poll = FdPoll::Create(info.Env(), socket.fd.get(), this);
  if (!poll) {
    poll.error().Throw(info.Env());
    return;
  }
  poll_ = *poll;
  if (const int error = poll_->Ask(UV_READABLE); error != 0) {
    std::exchange(poll_, nullptr)->Close();
    PollRefused(error).Throw(info.Env());
    return;
  }
  fd_ = std::move(socket.fd);
  readable_ = std::move(readable);
  Ref();
}

void PingSocket::OnEvents(int, int) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  if (!CallFromLoop(env, Value(), readable_.Value())) return;
  if (poll_ == nullptr) return;
  // Nobody called, and answers that are not heard must not look like none.
  if (const int error = poll_->Ask(UV_READABLE); error != 0) PollRefused(error).ThrowFromLoop(env);
}

void PingSocket::OnPollGone() {
  poll_ = nullptr;
  Release();
}

void PingSocket::Release() {
  fd_.Reset();
  readable_.Reset();
  Unref();
}

Napi::Value PingSocket::Raw(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), raw_);
}

// Before anything is sent. Not when the socket is opened: a route may come, and go, between two packets.
int PingSocket::Begin(Bytes first) {
  if (connected_) return 0;
  if (raw_) {
    const Status hearing = HearRepliesTo(fd_.get(), destination_.storage.ss_family == AF_INET, first);
    if (!hearing) return -hearing.error().error;
  }
  if (::connect(fd_.get(), destination_.get(), destination_.size) != 0) return -errno;
  connected_ = true;
  return 0;
}

Napi::Value PingSocket::Send(const Napi::CallbackInfo& info) {
  Bytes packet;
  if (!Arguments(info).Memory(0, "packet", &packet).ok()) return {};
  if (!fd_) return Napi::Number::New(info.Env(), -EBADF);
  const int error = Begin(packet);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  const double now = Now(CLOCK_MONOTONIC);
  if (::send(fd_.get(), packet.data, packet.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    return Napi::Number::New(info.Env(), -errno);
  }
  return Napi::Number::New(info.Env(), now);
}

Napi::Value PingSocket::Receive(const Napi::CallbackInfo& info) {
  Bytes buffer;
  if (!Arguments(info).Memory(0, "buffer", &buffer).ok()) return {};
  if (buffer.size < sizeof(ReceiveHeader)) {
    napi_throw_range_error(info.Env(), "ERR_OUT_OF_RANGE", "buffer must have room for the header");
    return {};
  }
  return Napi::Number::New(info.Env(), !fd_ ? -EBADF : ReceiveInto(fd_.get(), buffer));
}

void PingSocket::Close(const Napi::CallbackInfo&) {
  if (poll_ == nullptr) return;
  std::exchange(poll_, nullptr)->Close();
  Release();
}

void DefinePingSocket(Napi::Env env, Napi::Object exports) {
  using Class = PingSocket;
  Environment::Of(env).KeepConstructor<Class>(Class::DefineClass(
      env, "PingSocket",
      {Class::InstanceAccessor<&Class::Raw>("raw"), Class::InstanceMethod<&Class::Send>("send"),
       Class::InstanceMethod<&Class::Receive>("receive"), Class::InstanceMethod<&Class::Close>("close")}));
  // No synchronous flavour: to ping is to wait.
  exports.Set("openPingAsync", Napi::Function::New(env, CallOnPool<OpenPing>, "openPingAsync"));
}

}  // namespace netloom
