#include "fd_poll.h"

namespace netloom {

Result<FdPoll*> FdPoll::Create(Napi::Env env, int fd, FdObserver* observer) {
  uv_loop_t* loop = nullptr;
  auto* poll = new FdPoll(observer);
  int error = napi_get_uv_event_loop(env, &loop) == napi_ok ? 0 : UV_ENOTSUP;
  if (error == 0) error = uv_poll_init(loop, &poll->poll_, fd);
  if (error != 0) {
    delete poll;
    return SystemError{"uv_poll_init", -error, {}};
  }
  uv_idle_init(loop, &poll->idle_);
  poll->poll_.data = poll;
  poll->idle_.data = poll;
  uv_unref(poll->poll_handle());
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void* data) {
        auto* ending = static_cast<FdPoll*>(data);
        ending->hook_ = hook;
        FdObserver* observer = ending->observer_;
        ending->Close();
        if (observer != nullptr) observer->OnPollGone();
      },
      poll, &poll->hook_);
  return poll;
}

int FdPoll::Ask(int events, bool keep_alive) {
  if ((polled_ & events) != events) {
    const int error = Poll(polled_ | events);
    if (error != 0) return error;
  }
  asked_ |= events;
  keep_alive_ = keep_alive ? keep_alive_ | events : keep_alive_ & ~events;
  UpdateReference();
  return 0;
}

void FdPoll::Forget(int events) {
  asked_ &= ~events;
  UpdateReference();
}

int FdPoll::Poll(int events) {
  polled_ = 0;
  if (events == 0) return uv_poll_stop(&poll_);
  const int error = uv_poll_start(&poll_, events, [](uv_poll_t* poll, int status, int ready) {
    static_cast<FdPoll*>(poll->data)->OnEvent(status, ready);
  });
  if (error == 0) polled_ = events;
  return error;
}

void FdPoll::UpdateReference() {
  if ((asked_ & keep_alive_) != 0) {
    uv_ref(poll_handle());
  } else {
    uv_unref(poll_handle());
  }
}

void FdPoll::OnEvent(int status, int events) {
  if (status != 0) {
    // libuv itself stops a poll that reports an error.
    polled_ = 0;
    events = UV_READABLE | UV_WRITABLE;
  } else if ((events & ~asked_) != 0) {
    Poll(asked_);
  }
  const int told = events & asked_;
  if (told == 0) return;
  asked_ &= ~told;
  UpdateReference();
  observer_->OnEvents(status, told);
}

void FdPoll::Spin(bool on, bool keep_alive) {
  if (!on) {
    uv_idle_stop(&idle_);
    return;
  }
  uv_idle_start(&idle_, [](uv_idle_t* idle) { static_cast<FdPoll*>(idle->data)->observer_->OnTurn(); });
  if (keep_alive) {
    uv_ref(idle_handle());
  } else {
    uv_unref(idle_handle());
  }
}

void FdPoll::Close() {
  if (uv_is_closing(poll_handle()) != 0) return;
  observer_ = nullptr;
  CloseHandle(poll_handle());
  CloseHandle(idle_handle());
}

void FdPoll::CloseHandle(uv_handle_t* handle) {
  uv_close(handle, [](uv_handle_t* closed) {
    auto* poll = static_cast<FdPoll*>(closed->data);
    if (--poll->open_handles_ > 0) return;
    napi_async_cleanup_hook_handle done = poll->hook_;
    delete poll;
    napi_remove_async_cleanup_hook(done);
  });
}

}  // namespace netloom
