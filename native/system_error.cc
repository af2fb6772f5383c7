#include "system_error.h"

#include <uv.h>

namespace netloom {

namespace {

napi_value Text(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

}  // namespace

// Raw Node-API, with every status ignored on purpose: when a Worker is being terminated each of these calls fails, and
// there is nobody left to tell.
napi_value SystemError::ToJs(napi_env env) const {
  char name[64];
  char description[256];
  uv_err_name_r(-error, name, sizeof name);
  uv_strerror_r(-error, description, sizeof description);

  std::string message = std::string(name) + ": " + description + ", " + syscall;
  if (!path.empty()) message += " '" + path + "'";

  napi_value js_code = Text(env, name);
  napi_value js_message = Text(env, message);
  napi_value js_error = nullptr;
  if (napi_create_error(env, js_code, js_message, &js_error) != napi_ok) return nullptr;

  napi_value js_errno = nullptr;
  napi_create_int32(env, -error, &js_errno);
  napi_set_named_property(env, js_error, "errno", js_errno);
  napi_set_named_property(env, js_error, "syscall", Text(env, syscall));
  if (!path.empty()) napi_set_named_property(env, js_error, "path", Text(env, path));
  return js_error;
}

void SystemError::Throw(napi_env env) const {
  napi_value error = ToJs(env);
  if (error != nullptr) napi_throw(env, error);
}

}  // namespace netloom
