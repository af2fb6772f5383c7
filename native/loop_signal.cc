#include "loop_signal.h"

namespace netloom {

Result<LoopSignal*> LoopSignal::Create(Napi::Env env, SignalObserver* observer) {
  uv_loop_t* loop = nullptr;
  auto* signal = new LoopSignal(observer);
  int error = napi_get_uv_event_loop(env, &loop) == napi_ok ? 0 : UV_ENOTSUP;
  if (error == 0) {
    error = uv_async_init(loop, &signal->async_, [](uv_async_t* async) {
      SignalObserver* observer = static_cast<LoopSignal*>(async->data)->observer_;
      if (observer != nullptr) observer->OnSignal();
    });
  }
  if (error != 0) {
    delete signal;
    return SystemError{"uv_async_init", -error, {}};
  }
  signal->async_.data = signal;
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void* data) {
        auto* ending = static_cast<LoopSignal*>(data);
        ending->hook_ = hook;
        if (ending->observer_ != nullptr) ending->observer_->OnSignalGone();
        ending->Close();
      },
      signal, &signal->hook_);
  return signal;
}

void LoopSignal::KeepAlive(bool keep) {
  if (keep) {
    uv_ref(handle());
  } else {
    uv_unref(handle());
  }
}

void LoopSignal::Close() {
  if (uv_is_closing(handle()) != 0) return;
  observer_ = nullptr;
  uv_close(handle(), [](uv_handle_t* closed) {
    auto* signal = static_cast<LoopSignal*>(closed->data);
    napi_async_cleanup_hook_handle done = signal->hook_;
    delete signal;
    napi_remove_async_cleanup_hook(done);
  });
}

}  // namespace netloom
