// Calling JavaScript from the event loop.
#pragma once

#include <napi.h>

#include <cstddef>

namespace netloom {

// False when a terminating Worker refuses the call: then there is nobody left to tell. An exception that the callback
// throws becomes the process's uncaughtException. Raw Node-API, because each of these calls may be refused; without an
// async context: what the callback settles has its own. Needs an open HandleScope.
inline bool CallFromLoop(napi_env env, napi_value self, napi_value callback, size_t count = 0,
                         const napi_value* arguments = nullptr) {
  const napi_status called = napi_make_callback(env, nullptr, self, callback, count, arguments, nullptr);
  if (called != napi_pending_exception) return called == napi_ok;
  bool threw = false;
  napi_value exception = nullptr;
  if (napi_is_exception_pending(env, &threw) != napi_ok || !threw) return false;
  if (napi_get_and_clear_last_exception(env, &exception) != napi_ok) return false;
  return napi_fatal_exception(env, exception) == napi_ok;
}

}  // namespace netloom
