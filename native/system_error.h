// A failed system call, as a value: captured where it happened, on any thread, and turned into a JavaScript Error on
// the environment's own thread. Result<T> is that or a T; it is how every operation here reports.
//
// Lifetime: plain values. `syscall` points to a string literal.
#pragma once

#include <napi.h>

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

namespace netloom {

struct SystemError {
  const char* syscall;
  int error;         // positive, as in errno
  std::string path;  // empty when the call is not about a path

  // Captures errno: the first thing to call after the failure.
  static SystemError Last(const char* syscall, std::string path = {}) {
    const int error = errno;
    return {syscall, error, std::move(path)};
  }

  // An Error like those of Node's own fs: `EEXIST: file exists, mount '/run/netns/x'`, with code, errno, syscall and
  // path. Empty when the environment is terminating.
  [[nodiscard]] napi_value ToJs(napi_env env) const;
  void Throw(napi_env env) const;
  // Where no JavaScript has called: the process's uncaughtException.
  void ThrowFromLoop(napi_env env) const;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}            // NOLINT: meant to convert
  Result(SystemError error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: meant to convert

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  [[nodiscard]] const SystemError& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, SystemError> state_;
};

// The result of what gives nothing back but may fail: `return Done{};`.
struct Done {};
using Status = Result<Done>;

}  // namespace netloom
