#include "system_error.h"

#include <sys/resource.h>
#include <uv.h>

namespace netloom {

namespace {

napi_value Text(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

// What an error of too many descriptors leaves out: how many are too many, and what helps.
std::string DescriptorLimit() {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return "; the process may have " + std::to_string(limit.rlim_cur) +
         " descriptors open (RLIMIT_NOFILE): close what is not needed, or raise the limit (`ulimit -n`, LimitNOFILE= "
         "of "
         "a systemd unit)";
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
  if (error == EMFILE) message += DescriptorLimit();

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

void SystemError::ThrowFromLoop(napi_env env) const {
  const napi_value exception = ToJs(env);
  if (exception != nullptr) napi_fatal_exception(env, exception);
}

}  // namespace netloom
