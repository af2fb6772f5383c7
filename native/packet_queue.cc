#include "packet_queue.h"

#include <cerrno>
#include <iterator>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "job.h"
#include "loop_callback.h"

namespace netloom {

namespace {

// What those are told who would read a queue that a pump reads, and one that flows.
constexpr int kPumped = -EALREADY;
constexpr int kFlows = -EBUSY;

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

Napi::Value PacketQueue::New(Napi::Env env, UniqueFd fd, std::unique_ptr<SocketFrames> socket) {
  return Environment::Of(env).NewInstance<PacketQueue>(env, Opened{std::move(fd), std::move(socket)});
}

PacketQueue::PacketQueue(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  // A terminating Worker wraps nothing more, and nobody would ever delete this object: the caller keeps what it has.
  if (IsEmpty()) return;
  Opened& opened = *info[0].As<Napi::External<Opened>>().Data();
  fd_ = std::move(opened.fd);
  socket_ = std::move(opened.socket);
  flows_ = &Environment::Of(info.Env()).flows();
  DefineHotCalls(info.Env(), info.This());
}

PacketQueue::~PacketQueue() {
  if (poll_ != nullptr) poll_->Close();
}

Napi::Value PacketQueue::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fd_.get());
}

// Into a Float64Array of seven: exact up to 2^53.
void PacketQueue::Stats(const Napi::CallbackInfo& info) {
  const uint64_t lost = socket_ ? socket_->lost() : 0;
  const uint64_t overruns = socket_ ? socket_->Overruns(fd_.get()) : 0;
  const uint64_t values[] = {counters_.frames_in,
                             counters_.bytes_in,
                             counters_.frames_out,
                             counters_.bytes_out,
                             counters_.dropped,
                             counters_.truncated + lost,
                             overruns};
  auto out = info[0].As<Napi::Float64Array>();
  for (size_t i = 0; i < std::size(values) && i < out.ElementLength(); ++i) out[i] = static_cast<double>(values[i]);
}

void PacketQueue::Pending::Begin(PacketQueue& queue, const Napi::Function& callback) {
  callback_ = Napi::Persistent(callback);
  queue.Ref();
}

Napi::Function PacketQueue::Pending::End(PacketQueue& queue) {
  if (!active()) return {};
  Napi::Function callback = callback_.Value();
  callback_.Reset();
  queue.Unref();
  return callback;
}

int PacketQueue::Ask(int events, bool keep_alive) {
  if (poll_ == nullptr) {
    auto poll = FdPoll::Create(Env(), fd_.get(), this);
    if (!poll) return -poll.error().error;
    poll_ = *poll;
  }
  return poll_->Ask(events, keep_alive);
}

int PacketQueue::Occupied() const {
  if (!fd_) return -EBADF;
  if (refusal_ != 0) return refusal_;
  return readable_.active() ? -EBUSY : 0;
}

Napi::Value PacketQueue::Await(const Napi::CallbackInfo& info, Pending* pending, int event) {
  if (!info[0].IsFunction()) {
    napi_throw_type_error(info.Env(), "ERR_INVALID_ARG_TYPE", "callback must be a function");
    return {};
  }
  int error = -EBADF;
  if (event == UV_READABLE) {
    error = Occupied();
  } else if (fd_) {
    error = pending->active() ? -EBUSY : 0;
  }
  if (error == 0) error = Ask(event, true);
  if (error == 0) pending->Begin(*this, info[0].As<Napi::Function>());
  if (error == 0 && event == UV_READABLE && HasMore()) {
    spinning_ = true;
    poll_->Spin(true);
  }
  return Napi::Number::New(info.Env(), error);
}

void PacketQueue::Cancel(Pending* pending, int event) {
  if (pending->active() && poll_ != nullptr) {
    poll_->Forget(event);
    if (pending == &readable_) StopSpinning();
  }
  pending->End(*this);
}

Napi::Value PacketQueue::Wait(const Napi::CallbackInfo& info) {
  return Await(info, &readable_, UV_READABLE);
}

void PacketQueue::CancelWait(const Napi::CallbackInfo&) {
  Cancel(&readable_, UV_READABLE);
}

Napi::Value PacketQueue::Drain(const Napi::CallbackInfo& info) {
  return Await(info, &writable_, UV_WRITABLE);
}

void PacketQueue::CancelDrain(const Napi::CallbackInfo&) {
  Cancel(&writable_, UV_WRITABLE);
}

void PacketQueue::OnEvents(int status, int events) {
  const Napi::HandleScope scope(Env());
  // Keeps the object over callbacks that let go of it.
  [[maybe_unused]] const Napi::Object self = Value();
  // A packet socket whose link went down goes on.
  if (status != 0 && socket_) status = socket_->TakeError(fd_.get());
  if ((events & UV_WRITABLE) != 0) Tell(&writable_, status);
  if ((events & UV_READABLE) == 0) return;
  if (flowing_.active()) {
    RunFlow(status);
  } else {
    StopSpinning();
    Tell(&readable_, status);
  }
}

void PacketQueue::Tell(Pending* pending, int status) {
  const Napi::Function callback = pending->End(*this);
  if (callback.IsEmpty()) return;
  const napi_value argument = Napi::Number::New(Env(), status);
  CallFromLoop(Env(), Value(), callback, 1, &argument);
}

Napi::Value PacketQueue::StartFlow(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int spin_us = 0;
  const FrameSlab* slab = FrameSlab::Of(env, info[0]);
  if (slab == nullptr || !Arguments(info).Integer(2, "spin", &spin_us).ok()) return {};
  const bool busy = info[3].ToBoolean();
  int error = Occupied();
  if (error == 0) error = Ask(UV_READABLE, true);
  if (error != 0) return Napi::Number::New(env, error);
  keep_alive_ = true;
  flow_ = FrameFlow(static_cast<uint64_t>(spin_us) * 1000, busy);
  slab_ = slab;
  flowing_.Begin(*this, info[1].As<Napi::Function>());
  refusal_ = kFlows;
  ++*flows_;
  error = SpinOrWait(busy || HasMore());
  if (error != 0) EndFlow();
  return Napi::Number::New(env, error);
}

void PacketQueue::StopFlow(const Napi::CallbackInfo&) {
  EndFlow();
}

Napi::Function PacketQueue::EndFlow() {
  if (!flowing_.active()) return {};
  --*flows_;
  if (poll_ != nullptr) poll_->Forget(UV_READABLE);
  StopSpinning();
  refusal_ = 0;
  ++flow_number_;
  return flowing_.End(*this);
}

void PacketQueue::KeepAlive(const Napi::CallbackInfo& info) {
  keep_alive_ = info[0].ToBoolean();
  if (!flowing_.active() || poll_ == nullptr) return;
  if (spinning_) {
    poll_->Spin(true, keep_alive_);
  } else {
    const int error = poll_->Ask(UV_READABLE, keep_alive_);
    if (error != 0) PollRefused(error).Throw(info.Env());
  }
}

void PacketQueue::OnTurn() {
  const Napi::HandleScope scope(Env());
  // Keeps the object over a callback that lets go of it.
  [[maybe_unused]] const Napi::Object self = Value();
  if (flowing_.active()) {
    RunFlow(0);
    return;
  }
  // Somebody waits for frames that are here.
  poll_->Forget(UV_READABLE);
  StopSpinning();
  Tell(&readable_, 0);
}

// Reads, and tells what it read, until it is time to let the event loop go on.
void PacketQueue::RunFlow(int status) {
  const uint64_t number = flow_number_;
  const bool spins = flow_.spins();
  uint64_t now = spins ? uv_hrtime() : 0;
  flow_.BeginTurn(now);
  do {
    const int count = ReadForFlow(status);
    // The callback may stop the flow, or close the queue.
    if (count != 0 && (!TellFlow(count) || number != flow_number_)) return;
    if (spins) now = uv_hrtime();
    flow_.Met(static_cast<uint32_t>(count), now);
  } while ((spins && flow_.Lingers(now, *flows_ == 1)) || (HasMore() && flow_.most() > 0));
  const bool stays_hot = spins && flow_.StaysHot(now);
  if (const int error = SpinOrWait(stays_hot || HasMore()); error != 0) TellFlow(error);
}

// The count of frames that are in the slab now, 0, or a negative errno.
int PacketQueue::ReadForFlow(int status) {
  if (slab_->IsDetached(Env())) return -EFAULT;
  const int count = ReadFrames(fd_.get(), slab_->slots(), flow_.most(), &counters_, socket_.get());
  return count == 0 ? status : count;
}

// False when there is nobody to tell any more. An error ends the flow.
bool PacketQueue::TellFlow(int count) {
  const Napi::HandleScope scope(Env());
  const Napi::Function callback = count < 0 ? EndFlow() : flowing_.callback();
  const napi_value argument = Napi::Number::New(Env(), count);
  return CallFromLoop(Env(), Value(), callback, 1, &argument);
}

int PacketQueue::SpinOrWait(bool spin) {
  if (spin != spinning_) poll_->Spin(spin, keep_alive_);
  spinning_ = spin;
  if (!spin) return poll_->Ask(UV_READABLE, keep_alive_);
  poll_->Forget(UV_READABLE);
  return 0;
}

void PacketQueue::StopSpinning() {
  if (std::exchange(spinning_, false) && poll_ != nullptr) poll_->Spin(false);
}

void PacketQueue::OnPollGone() {
  poll_ = nullptr;
}

UniqueFd PacketQueue::TakeFd() {
  refusal_ = 0;
  if (socket_) socket_->Overruns(fd_.get());
  EndFlow();
  readable_.End(*this);
  writable_.End(*this);
  if (poll_ != nullptr) std::exchange(poll_, nullptr)->Close();
  return std::move(fd_);
}

// For a pump (true): nothing here reads until it is given back (false).
Napi::Value PacketQueue::Reserve(const Napi::CallbackInfo& info) {
  const bool reserve = info[0].ToBoolean();
  const int error = reserve ? Occupied() : 0;
  if (error == 0) refusal_ = reserve ? kPumped : 0;
  return Napi::Number::New(info.Env(), error);
}

// The descriptor is the caller's from now on.
Napi::Value PacketQueue::Release(const Napi::CallbackInfo& info) {
  UniqueFd fd = TakeFd();
  return Napi::Number::New(info.Env(), fd.Release());
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

Napi::Function PacketQueue::Define(Napi::Env env) {
  return DefineClass(
      env, "PacketQueue",
      {InstanceAccessor<&PacketQueue::Fd>("fd", napi_enumerable),

       InstanceMethod<&PacketQueue::Stats>("stats"), InstanceMethod<&PacketQueue::Wait>("wait"),
       InstanceMethod<&PacketQueue::CancelWait>("cancelWait"), InstanceMethod<&PacketQueue::Drain>("drain"),
       InstanceMethod<&PacketQueue::CancelDrain>("cancelDrain"), InstanceMethod<&PacketQueue::StartFlow>("startFlow"),
       InstanceMethod<&PacketQueue::StopFlow>("stopFlow"), InstanceMethod<&PacketQueue::KeepAlive>("keepAlive"),
       InstanceMethod<&PacketQueue::Reserve>("reserve"), InstanceMethod<&PacketQueue::Release>("release"),
       InstanceMethod<&PacketQueue::Close>("close"), InstanceMethod<&PacketQueue::CloseAsync>("closeAsync")});
}

void DefinePacketQueue(Napi::Env env, Napi::Object) {
  Environment::Of(env).KeepConstructor<PacketQueue>(PacketQueue::Define(env));
}

}  // namespace netloom
