#include "netlink_socket.h"

#include <algorithm>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "handle.h"
#include "job.h"

namespace netloom {

using ExchangePtr = std::unique_ptr<NetlinkExchange>;

// One call of exchange or exchangeAsync. It has the NetlinkExchange from TakeFrom until it gives it back.
class RunExchange {
 public:
  RunExchange() = default;
  RunExchange(RunExchange&&) = default;
  // Not run: there was no thread for it, or the environment ends.
  ~RunExchange() { GiveBack(); }

  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    int length = 0;
    const bool sends = !arguments.At(0).IsNull();
    if (sends) arguments.Memory(0, "send", &send_);
    arguments.Integer(1, "length", &length).Memory(2, "receive", &receive_);
    if (!arguments.ok()) return false;
    if (length < 0 || static_cast<size_t>(length) > send_.size) {
      napi_throw_range_error(info.Env(), "ERR_OUT_OF_RANGE", "length must be within send");
      return false;
    }
    send_.size = static_cast<size_t>(length);
    begins_ = sends;
    // The result is an int.
    receive_.size = std::min<size_t>(receive_.size, INT32_MAX & ~3);
    return true;
  }

  void TakeFrom(NetlinkSocket& socket) {
    socket_ = &socket;
    exchange_ = std::move(socket.exchange_);
    socket.away_ = true;
  }

  // The socket and the buffers must outlive the visit to another thread.
  void Hold(const Napi::CallbackInfo& info) {
    held_[0] = Napi::Persistent(info.This().As<Napi::Object>());
    if (begins_) held_[1] = Napi::Persistent(info[0].As<Napi::Object>());
    held_[2] = Napi::Persistent(info[2].As<Napi::Object>());
  }

  Result<int> Run(HomeNetns&) {
    if (begins_) {
      const int error = exchange_->Begin(send_.data, send_.size);
      if (error != 0) return error;
    }
    return exchange_->Run(receive_.data, receive_.size);
  }

  // Keeps the send buffer of an exchange that is not finished, and takes the socket its NetlinkExchange back.
  void Finish(Napi::Value send) {
    if (exchange_->outstanding() == 0) {
      socket_->send_.Reset();
    } else if (begins_) {
      socket_->send_ = Napi::Persistent(send.As<Napi::Object>());
    }
    GiveBack();
  }

  Napi::Value ToJs(Napi::Env env, int result) {
    Finish(begins_ ? held_[1].Value() : Napi::Object());
    return Napi::Number::New(env, result);
  }

 private:
  void GiveBack() {
    if (!exchange_) return;
    socket_->away_ = false;
    socket_->outstanding_ = socket_->closed_ ? 0 : exchange_->outstanding();
    if (socket_->closed_) {
      socket_->send_.Reset();
      exchange_.reset();
    } else {
      socket_->exchange_ = std::move(exchange_);
    }
  }

  NetlinkSocket* socket_ = nullptr;
  ExchangePtr exchange_;
  Bytes send_;
  Bytes receive_;
  bool begins_ = false;
  Napi::ObjectReference held_[3];
};

namespace {

class OpenNetlink {
 public:
  bool Parse(const Napi::CallbackInfo& info) {
    Arguments arguments(info);
    Napi::Object options;
    if (!arguments.Object(0, "options", &options).ok()) return false;
    return arguments.Netns(options.Get("netns"), "options.netns", &netns_)
        .Integer(options.Get("protocol"), "options.protocol", &protocol_)
        .Integer(options.Get("receiveBuffer"), "options.receiveBuffer", &receive_buffer_)
        .ok();
  }

  Result<ExchangePtr> Run(HomeNetns& home) { return NetlinkExchange::Open(home, netns_, protocol_, receive_buffer_); }

  static Napi::Value ToJs(Napi::Env env, ExchangePtr exchange) {
    return Environment::Of(env).NewInstance<NetlinkSocket>(env, std::move(exchange));
  }

 private:
  NetnsRef netns_;
  int protocol_ = 0;
  int receive_buffer_ = 0;
};

}  // namespace

NetlinkSocket::NetlinkSocket(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  exchange_ = std::move(*info[0].As<Napi::External<ExchangePtr>>().Data());
  fd_ = exchange_->fd();
  burst_ = exchange_->burst();
}

Napi::Value NetlinkSocket::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fd_);
}
Napi::Value NetlinkSocket::Burst(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), burst_);
}
Napi::Value NetlinkSocket::Outstanding(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), outstanding_);
}

Napi::Value NetlinkSocket::Exchange(const Napi::CallbackInfo& info) {
  RunExchange run;
  if (!run.Parse(info)) return {};
  if (closed_ || away_) return Napi::Number::New(info.Env(), closed_ ? -EBADF : -EBUSY);
  run.TakeFrom(*this);
  auto result = run.Run(Environment::Of(info.Env()).home());
  run.Finish(info[0]);
  return Napi::Number::New(info.Env(), *result);
}

Napi::Value NetlinkSocket::ExchangeAsync(const Napi::CallbackInfo& info) {
  RunExchange run;
  if (!run.Parse(info)) return {};
  if (closed_ || away_) {
    auto refused = Napi::Promise::Deferred::New(info.Env());
    refused.Resolve(Napi::Number::New(info.Env(), closed_ ? -EBADF : -EBUSY));
    return refused.Promise();
  }
  run.Hold(info);
  run.TakeFrom(*this);
  outstanding_ = 0;
  return RunOnPool(info.Env(), std::move(run));
}

void NetlinkSocket::Close(const Napi::CallbackInfo&) {
  exchange_.reset();
  closed_ = true;
  fd_ = -1;
  outstanding_ = 0;
  if (!away_) send_.Reset();
}

Napi::Value NetlinkSocket::CloseAsync(const Napi::CallbackInfo& info) {
  UniqueFd fd = exchange_ ? exchange_->TakeFd() : UniqueFd();
  Close(info);
  return CloseOnPool(info.Env(), std::move(fd));
}

void DefineNetlinkSocket(Napi::Env env, Napi::Object exports) {
  using Class = NetlinkSocket;
  Environment::Of(env).KeepConstructor<Class>(Class::DefineClass(
      env, "NetlinkSocket",
      {Class::InstanceAccessor<&Class::Fd>("fd", napi_enumerable), Class::InstanceAccessor<&Class::Burst>("burst"),
       Class::InstanceAccessor<&Class::Outstanding>("outstanding"), Class::InstanceMethod<&Class::Exchange>("exchange"),
       Class::InstanceMethod<&Class::ExchangeAsync>("exchangeAsync"), Class::InstanceMethod<&Class::Close>("close"),
       Class::InstanceMethod<&Class::CloseAsync>("closeAsync")}));
  ExportBoth<OpenNetlink>(env, exports, "openNetlink");
}

}  // namespace netloom
