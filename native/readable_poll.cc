#include "readable_poll.h"

namespace netloom {

Result<ReadablePoll*> ReadablePoll::Create(Napi::Env env, int fd, ReadableObserver* observer) {
  uv_loop_t* loop = nullptr;
  auto* poll = new ReadablePoll(observer);
  int error = napi_get_uv_event_loop(env, &loop) == napi_ok ? 0 : UV_ENOTSUP;
  if (error == 0) error = uv_poll_init(loop, &poll->poll_, fd);
  if (error != 0) {
    delete poll;
    return SystemError{"uv_poll_init", -error, {}};
  }
  poll->poll_.data = poll;
  uv_unref(poll->handle());
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void* data) {
        auto* ending = static_cast<ReadablePoll*>(data);
        ending->hook_ = hook;
        ReadableObserver* observer = ending->observer_;
        ending->Close();
        if (observer != nullptr) observer->OnPollGone();
      },
      poll, &poll->hook_);
  return poll;
}

int ReadablePoll::Ask() {
  if (!polling_) {
    const int error = uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int status, int) {
      static_cast<ReadablePoll*>(poll->data)->OnEvent(status);
    });
    if (error != 0) return error;
    polling_ = true;
  }
  asked_ = true;
  uv_ref(handle());
  return 0;
}

void ReadablePoll::Forget() {
  asked_ = false;
  uv_unref(handle());
}

void ReadablePoll::OnEvent(int status) {
  // libuv itself stops a poll that reports an error.
  if (status != 0) polling_ = false;
  if (!asked_) {
    uv_poll_stop(&poll_);
    polling_ = false;
    return;
  }
  asked_ = false;
  uv_unref(handle());
  observer_->OnReadable(status);
}

void ReadablePoll::Close() {
  if (uv_is_closing(handle()) != 0) return;
  observer_ = nullptr;
  uv_close(handle(), [](uv_handle_t* handle) {
    auto* poll = static_cast<ReadablePoll*>(handle->data);
    napi_async_cleanup_hook_handle done = poll->hook_;
    delete poll;
    napi_remove_async_cleanup_hook(done);
  });
}

}  // namespace netloom
