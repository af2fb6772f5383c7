#include "packet_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "arguments.h"
#include "job.h"
#include "packet_queue.h"
#include "socket_frames.h"
#include "unique_fd.h"

namespace netloom {

namespace {

class OpenPacketSocket {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    Napi::Object options;
    Bytes filter;
    if (!arguments.Netns(0, "netns", &netns_)
             .Path(1, "name", &name_)
             .Object(2, "options", &options)
             .Memory(3, "filter", &filter)
             .ok())
      return false;
    arguments.Integer(options.Get("index"), "options.index", &index_)
        .Integer(options.Get("layer"), "options.layer", &layer_)
        .Integer(options.Get("protocol"), "options.protocol", &protocol_)
        .Integer(options.Get("receiveBuffer"), "options.receiveBuffer", &receive_buffer_);
    if (!arguments.ok()) return false;
    promiscuous_ = options.Get("promiscuous").ToBoolean();
    offload_ = options.Get("offload").ToBoolean();
    outgoing_ = options.Get("outgoing").ToBoolean();
    instructions_ = filter.size / sizeof(sock_filter);
    filter_ = std::make_unique<sock_filter[]>(instructions_);
    if (instructions_ > 0) std::memcpy(filter_.get(), filter.data, instructions_ * sizeof(sock_filter));
    return true;
  }

  Result<UniqueFd> Run(HomeNetns& home) {
    const NetnsScope scope(home, netns_);
    if (!scope.status()) return scope.status().error();
    // Protocol 0: nothing arrives before it is bound, which is last. Otherwise frames of all links would, and frames
    // that the filter has not seen.
    UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return SystemError::Last("socket", name_);
    const Status set = SetOptions(fd.get());
    if (!set) return set.error();
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(static_cast<uint16_t>(protocol_));
    address.sll_ifindex = index_;
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return SystemError::Last("bind", name_);
    return fd;
  }

  Napi::Value ToJs(Napi::Env env, UniqueFd fd) const {
    return PacketQueue::New(env, std::move(fd), std::make_unique<SocketFrames>(offload_, layer_));
  }

 private:
  Status SetOptions(int fd) const {
    const int on = 1;
    if (::setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0)
      return SystemError::Last("PACKET_VNET_HDR", name_);
    if (::setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0)
      return SystemError::Last("PACKET_AUXDATA", name_);
    if (!outgoing_ && ::setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0)
      return SystemError::Last("PACKET_IGNORE_OUTGOING", name_);
    // The second has a limit (net.core.rmem_max), and no error.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_, sizeof receive_buffer_) != 0 &&
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_, sizeof receive_buffer_) != 0)
      return SystemError::Last("SO_RCVBUF", name_);
    if (instructions_ > 0) {
      const sock_fprog program{static_cast<unsigned short>(instructions_), filter_.get()};
      if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        return SystemError::Last("SO_ATTACH_FILTER", name_);
    }
    if (promiscuous_) {
      packet_mreq membership{};
      membership.mr_ifindex = index_;
      membership.mr_type = PACKET_MR_PROMISC;
      if (::setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) != 0)
        return SystemError::Last("PACKET_ADD_MEMBERSHIP", name_);
    }
    return Done{};
  }

  NetnsRef netns_;
  std::string name_;
  int index_ = 0;
  int layer_ = 2;
  int protocol_ = 0;
  int receive_buffer_ = 0;
  bool promiscuous_ = false;
  bool offload_ = false;
  bool outgoing_ = false;
  size_t instructions_ = 0;
  std::unique_ptr<sock_filter[]> filter_;
};

Napi::Value IsPacketSocketGone(const Napi::CallbackInfo& info) {
  int fd = -1;
  if (!Arguments(info).Integer(0, "fd", &fd).ok()) return {};
  return Napi::Boolean::New(info.Env(), IsUnbound(fd));
}

}  // namespace

void DefinePacketSocket(Napi::Env env, Napi::Object exports) {
  ExportBoth<OpenPacketSocket>(env, exports, "openPacketSocket");
  exports.Set("isPacketSocketGone", Napi::Function::New(env, IsPacketSocketGone, "isPacketSocketGone"));
}

}  // namespace netloom
