// The JavaScript class PacketQueue: one descriptor of a TUN, TAP or MACVTAP device, or a packet socket. Reads and
// writes move whole frames and never wait. Three callbacks come from the event loop: once when there is something to
// read (wait), once when there is room to write (drain), and, while it flows, with every batch of frames that was read.
//
// Lifetime: until close(), closeAsync(), the garbage collector or the end of the environment. A queue that has a
// callback holds itself and the callback, so that a pending read is never collected. Thread: the environment's own;
// closeAsync moves the descriptor to a pool thread, because closing waits for an RCU grace period.
#pragma once

#include <napi.h>

#include <list>
#include <memory>

#include "fd_poll.h"
#include "frame_flow.h"
#include "frame_io.h"
#include "frame_slab.h"
#include "socket_frames.h"
#include "unique_fd.h"

namespace netloom {

class PacketQueue final : public Napi::ObjectWrap<PacketQueue>, private FdObserver {
 public:
  // A new PacketQueue that owns `fd`, which is nonblocking and attached to its device; or a packet socket, whose frames
  // `socket` knows.
  static Napi::Value New(Napi::Env env, UniqueFd fd, std::unique_ptr<SocketFrames> socket = nullptr);
  static Napi::Function Define(Napi::Env env);

  // Called through New; JavaScript cannot construct one.
  explicit PacketQueue(const Napi::CallbackInfo& info);
  ~PacketQueue() override;

 private:
  struct Opened {
    UniqueFd fd;
    std::unique_ptr<SocketFrames> socket;
  };

  // A callback that is to come. While there is one, the queue holds itself.
  class Pending {
   public:
    void Begin(PacketQueue& queue, const Napi::Function& callback);
    // Gives it, and forgets it. Empty if there is none.
    Napi::Function End(PacketQueue& queue);
    [[nodiscard]] Napi::Function callback() const { return callback_.Value(); }
    [[nodiscard]] bool active() const { return !callback_.IsEmpty(); }

   private:
    Napi::FunctionReference callback_;
  };

  Napi::Value Fd(const Napi::CallbackInfo& info);
  void Stats(const Napi::CallbackInfo& info);
  Napi::Value Wait(const Napi::CallbackInfo& info);
  void CancelWait(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  void CancelDrain(const Napi::CallbackInfo& info);
  Napi::Value StartFlow(const Napi::CallbackInfo& info);
  void StopFlow(const Napi::CallbackInfo& info);
  void KeepAlive(const Napi::CallbackInfo& info);
  Napi::Value Reserve(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  Napi::Value CloseAsync(const Napi::CallbackInfo& info);

  // The hot calls: raw Node-API, whose wrappers cost as much as the call.
  void DefineHotCalls(napi_env env, napi_value self);
  static napi_value Read(napi_env env, napi_callback_info info);
  static napi_value Write(napi_env env, napi_callback_info info);
  static napi_value WriteParts(napi_env env, napi_callback_info info);
  static napi_value ReadBatch(napi_env env, napi_callback_info info);
  static napi_value WriteBatch(napi_env env, napi_callback_info info);

  void OnEvents(int status, int events) override;
  void OnTurn() override;
  void OnPollGone() override;

  // Whether frames are here that the descriptor has not any more.
  [[nodiscard]] bool HasMore() const { return socket_ != nullptr && socket_->HasMore(); }
  // Begins to wait for `events`: 0 or a negative errno.
  [[nodiscard]] int Ask(int events, bool keep_alive);
  // Why reading cannot begin now, as a negative errno; 0 if it can.
  [[nodiscard]] int Occupied() const;
  Napi::Value Await(const Napi::CallbackInfo& info, Pending* pending, int event);
  void Cancel(Pending* pending, int event);
  void Tell(Pending* pending, int status);

  void RunFlow(int status);
  int ReadForFlow(int status);
  bool TellFlow(int count);
  // 0 or a negative errno.
  [[nodiscard]] int SpinOrWait(bool spin);
  void StopSpinning();
  Napi::Function EndFlow();

  ssize_t Count(ssize_t written);
  // The descriptor, which nothing polls any more; the callbacks are forgotten.
  UniqueFd TakeFd();

  UniqueFd fd_;
  std::unique_ptr<SocketFrames> socket_;  // null: not a packet socket
  int refusal_ = 0;                       // what others who read are told while a pump or a flow does: a negative errno
  FdPoll* poll_ = nullptr;                // made by the first wait; owns itself
  FrameCounters counters_;
  Pending readable_;
  Pending writable_;

  Pending flowing_;
  FrameFlow flow_;
  const FrameSlab* slab_ = nullptr;  // held by the callback
  uint32_t* flows_ = nullptr;        // the environment's, which counts those that flow
  uint64_t flow_number_ = 0;         // a flow that was stopped is not the one that began meanwhile
  bool spinning_ = false;
  bool keep_alive_ = true;
};

// An array of PacketQueue over `fds`. Empty when JavaScript cannot run.
Napi::Value QueuesToJs(Napi::Env env, std::list<UniqueFd> fds);

void DefinePacketQueue(Napi::Env env, Napi::Object exports);

}  // namespace netloom
