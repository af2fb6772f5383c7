#include "packet_queue.h"

#include <unistd.h>

#include <utility>

#include "arguments.h"
#include "environment.h"
#include "job.h"

namespace netloom {

namespace {

// What the hot path gives back: bytes, or a negative errno.
template <typename Call>
Napi::Value BytesOrErrno(Napi::Env env, Call call) {
  ssize_t size = 0;
  do size = call();
  while (size < 0 && errno == EINTR);
  return Napi::Number::New(env, static_cast<double>(size < 0 ? -errno : size));
}

// Hands a descriptor to the pool thread that closes it.
class CloseFd {
 public:
  explicit CloseFd(UniqueFd fd) : fd_(std::move(fd)) {}

  Status Run(HomeNetns&) {
    fd_.Reset();
    return Done{};
  }
  static Napi::Value ToJs(Napi::Env env, Done) { return env.Undefined(); }

 private:
  UniqueFd fd_;
};

}  // namespace

Napi::Value PacketQueue::New(Napi::Env env, UniqueFd fd) {
  return Environment::Of(env).NewInstance<PacketQueue>(env, std::move(fd));
}

PacketQueue::PacketQueue(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  // A terminating Worker wraps nothing more, and nobody would ever delete this object: the caller keeps what it has.
  if (IsEmpty()) return;
  fd_ = std::move(*info[0].As<Napi::External<UniqueFd>>().Data());
}

PacketQueue::~PacketQueue() {
  if (poll_ != nullptr) poll_->Close();
}

Napi::Value PacketQueue::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fd_.get());
}

Napi::Value PacketQueue::Read(const Napi::CallbackInfo& info) {
  Bytes buffer;
  if (!Arguments(info).Memory(0, "buffer", &buffer).ok()) return {};
  return BytesOrErrno(info.Env(), [&] { return ::read(fd_.get(), buffer.data, buffer.size); });
}

Napi::Value PacketQueue::Write(const Napi::CallbackInfo& info) {
  Bytes buffer;
  if (!Arguments(info).Memory(0, "buffer", &buffer).ok()) return {};
  return BytesOrErrno(info.Env(), [&] { return ::write(fd_.get(), buffer.data, buffer.size); });
}

Napi::Value PacketQueue::Wait(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsFunction()) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "callback must be a function");
    return {};
  }
  if (!fd_ || waiting_) return Napi::Number::New(env, fd_ ? -EBUSY : -EBADF);
  if (poll_ == nullptr) {
    auto poll = ReadablePoll::Create(env, fd_.get(), this);
    if (!poll) return Napi::Number::New(env, -poll.error().error);
    poll_ = *poll;
  }
  const int error = poll_->Ask();
  if (error == 0) {
    waiting_ = true;
    callback_ = Napi::Persistent(info[0].As<Napi::Function>());
    Ref();
  }
  return Napi::Number::New(env, error);
}

void PacketQueue::CancelWait(const Napi::CallbackInfo&) {
  if (waiting_) poll_->Forget();
  EndWait();
}

void PacketQueue::EndWait() {
  if (!waiting_) return;
  waiting_ = false;
  callback_.Reset();
  Unref();
}

void PacketQueue::OnReadable(int status) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  const Napi::Object self = Value();
  const Napi::Function callback = callback_.Value();
  EndWait();
  // Raw Node-API: a terminating Worker refuses each of these calls, and then there is nobody left to tell.
  napi_value argument = nullptr;
  if (napi_create_int32(env, status, &argument) != napi_ok) return;
  // Without an async context: the promise that the callback settles has its own.
  if (napi_make_callback(env, nullptr, self, callback, 1, &argument, nullptr) != napi_pending_exception) return;
  bool threw = false;
  napi_value exception = nullptr;
  if (napi_is_exception_pending(env, &threw) == napi_ok && threw &&
      napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
    napi_fatal_exception(env, exception);
  }
}

UniqueFd PacketQueue::TakeFd() {
  if (poll_ != nullptr) std::exchange(poll_, nullptr)->Close();
  EndWait();
  return std::move(fd_);
}

void PacketQueue::Close(const Napi::CallbackInfo&) {
  TakeFd().Reset();
}

Napi::Value PacketQueue::CloseAsync(const Napi::CallbackInfo& info) {
  return RunOnPool(info.Env(), CloseFd(TakeFd()));
}

Napi::Value QueuesToJs(Napi::Env env, std::list<UniqueFd> fds) {
  auto queues = Napi::Array::New(env, fds.size());
  uint32_t i = 0;
  for (UniqueFd& fd : fds) {
    const Napi::Value queue = PacketQueue::New(env, std::move(fd));
    if (queue.IsEmpty()) return {};
    queues.Set(i++, queue);
  }
  return queues;
}

void DefinePacketQueue(Napi::Env env, Napi::Object) {
  using Class = PacketQueue;
  Environment::Of(env).KeepConstructor<Class>(Class::DefineClass(
      env, "PacketQueue",
      {Class::InstanceAccessor<&Class::Fd>("fd", napi_enumerable), Class::InstanceMethod<&Class::Read>("read"),
       Class::InstanceMethod<&Class::Write>("write"), Class::InstanceMethod<&Class::Wait>("wait"),
       Class::InstanceMethod<&Class::CancelWait>("cancelWait"), Class::InstanceMethod<&Class::Close>("close"),
       Class::InstanceMethod<&Class::CloseAsync>("closeAsync")}));
}

}  // namespace netloom
