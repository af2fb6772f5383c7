#include "netlink_socket.h"

#include <algorithm>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "job.h"

namespace netloom {

// One call of exchange or exchangeAsync. It has a part in the NetlinkExchange from TakeFrom until it is destroyed.
class RunExchange {
 public:
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
    transaction_ = arguments.At(3).IsBoolean() && arguments.At(3).As<Napi::Boolean>().Value();
    // The result is an int.
    receive_.size = std::min<size_t>(receive_.size, INT32_MAX & ~3);
    return true;
  }

  void TakeFrom(NetlinkSocket& socket) {
    ++socket.jobs_;
    socket_.reset(&socket);
  }

  // The socket and the buffers must outlive the visit to another thread.
  void Hold(const Napi::CallbackInfo& info) {
    queued_ = true;
    held_[0] = Napi::Persistent(info.This().As<Napi::Object>());
    if (begins_) held_[1] = Napi::Persistent(info[0].As<Napi::Object>());
    held_[2] = Napi::Persistent(info[2].As<Napi::Object>());
  }

  // Exchanges on one socket follow each other.
  [[nodiscard]] const void* Strand() const { return socket_.get(); }

  Result<int> Run(HomeNetns& home) {
    const Status opened = socket_->Open(home);
    if (!opened) return opened.error();
    const int result = Exchange(*socket_->exchange_);
    outstanding_ = socket_->exchange_->outstanding();
    // Sizes are multiples of 4.
    return result > 0 && outstanding_ > 0 ? result | kUnfinished : result;
  }

  // Keeps the send buffer of an exchange that is not finished.
  void Finish(Napi::Value send) {
    if (outstanding_ == 0) {
      socket_->send_.Reset();
    } else if (begun_) {
      socket_->send_ = Napi::Persistent(send.As<Napi::Object>());
    }
  }

  Napi::Value ToJs(Napi::Env env, int result) {
    Finish(begun_ ? held_[1].Value() : Napi::Object());
    return Napi::Number::New(env, result);
  }

 private:
  // On the JavaScript thread, also for one that was not run: there was no thread for it, or the environment ends.
  struct GiveBack {
    void operator()(NetlinkSocket* socket) const {
      if (--socket->jobs_ == 0 && socket->closed_) socket->Release();
    }
  };

  static constexpr int kUnfinished = 1;

  int Exchange(NetlinkExchange& exchange) {
    if (begins_) {
      // What it was queued behind is not finished; to begin would be to give that up.
      if (queued_ && exchange.outstanding() > 0) return -EAGAIN;
      begun_ = true;
      const int error = exchange.Begin(send_.data, send_.size, transaction_);
      if (error != 0) return error;
    }
    return exchange.Run(receive_.data, receive_.size);
  }

  Napi::ObjectReference held_[3];  // outlives what gives the socket back
  std::unique_ptr<NetlinkSocket, GiveBack> socket_;
  Bytes send_;
  Bytes receive_;
  bool queued_ = false;
  bool begins_ = false;
  bool transaction_ = false;
  bool begun_ = false;
  uint32_t outstanding_ = 0;
};

namespace {

Napi::Value OpenNetlink(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  Napi::Object options;
  NetlinkPlace place;
  if (!arguments.Object(0, "options", &options).ok()) return {};
  arguments.Netns(options.Get("netns"), "options.netns", &place.netns)
      .Integer(options.Get("protocol"), "options.protocol", &place.protocol)
      .Integer(options.Get("receiveBuffer"), "options.receiveBuffer", &place.receive_buffer);
  if (!arguments.ok()) return {};
  // For good, unlike what may keep a socket from being opened.
  if (place.netns.error() != 0) {
    SystemError{"fcntl", place.netns.error(), {}}.Throw(info.Env());
    return {};
  }
  return Environment::Of(info.Env()).NewInstance<NetlinkSocket>(info.Env(), std::move(place));
}

}  // namespace

NetlinkSocket::NetlinkSocket(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  // A terminating Worker wraps nothing more, and nobody would ever delete this object: the caller keeps what it has.
  if (IsEmpty()) return;
  place_ = std::move(*info[0].As<Napi::External<NetlinkPlace>>().Data());
}

Status NetlinkSocket::Open(HomeNetns& home) {
  if (exchange_) return Done{};
  auto exchange = NetlinkExchange::Open(home, place_.netns, place_.protocol, place_.receive_buffer);
  if (!exchange) return exchange.error();
  exchange_ = std::move(*exchange);
  place_ = {};
  return Done{};
}

void NetlinkSocket::Release() {
  place_ = {};
  exchange_.reset();
  send_.Reset();
}

Napi::Value NetlinkSocket::Exchange(const Napi::CallbackInfo& info) {
  RunExchange run;
  if (!run.Parse(info)) return {};
  if (closed_ || jobs_ > 0) return Napi::Number::New(info.Env(), closed_ ? -EBADF : -EBUSY);
  run.TakeFrom(*this);
  auto result = RunAnywhere(run, Environment::Of(info.Env()).home());
  if (!result) {
    result.error().Throw(info.Env());
    return {};
  }
  run.Finish(info[0]);
  return Napi::Number::New(info.Env(), *result);
}

Napi::Value NetlinkSocket::ExchangeAsync(const Napi::CallbackInfo& info) {
  RunExchange run;
  if (!run.Parse(info)) return {};
  if (closed_) {
    auto refused = Napi::Promise::Deferred::New(info.Env());
    refused.Resolve(Napi::Number::New(info.Env(), -EBADF));
    return refused.Promise();
  }
  run.Hold(info);
  run.TakeFrom(*this);
  return RunOnPool(info.Env(), std::move(run));
}

void NetlinkSocket::Close(const Napi::CallbackInfo&) {
  closed_ = true;
  if (jobs_ == 0) Release();
}

void DefineNetlinkSocket(Napi::Env env, Napi::Object exports) {
  using Class = NetlinkSocket;
  Environment::Of(env).KeepConstructor<Class>(Class::DefineClass(
      env, "NetlinkSocket",
      {Class::InstanceMethod<&Class::Exchange>("exchange"),
       Class::InstanceMethod<&Class::ExchangeAsync>("exchangeAsync"), Class::InstanceMethod<&Class::Close>("close")}));
  exports.Set("openNetlink", Napi::Function::New(env, OpenNetlink, "openNetlink"));
}

}  // namespace netloom
