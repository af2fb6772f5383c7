// Reading the arguments of a call from JavaScript. The first bad one throws a TypeError that names it; the rest of the
// reads then do nothing, and ok() is false.
//
// Lifetime: a stack object within one native call, on the JavaScript thread.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "netns_scope.h"

namespace netloom {

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] Napi::Value At(size_t index) const { return info_[index]; }
  [[nodiscard]] Napi::Env env() const { return info_.Env(); }

  Arguments& Integer(size_t index, const char* name, int* out) { return Integer(At(index), name, out); }
  Arguments& Integer(Napi::Value value, const char* name, int* out);
  // A number that may be larger than an int: of an inode, say.
  Arguments& Count(size_t index, const char* name, uint64_t* out);
  // A descriptor, or -1 for the caller's own namespace.
  Arguments& Netns(size_t index, const char* name, NetnsRef* out) { return Netns(At(index), name, out); }
  Arguments& Netns(Napi::Value value, const char* name, NetnsRef* out);
  Arguments& Text(size_t index, const char* name, std::string* out);
  // A text for the kernel, where a NUL would end it early.
  Arguments& Path(size_t index, const char* name, std::string* out);
  // The caller's memory, not a copy: the Uint8Array must be kept alive.
  Arguments& Memory(size_t index, const char* name, Bytes* out);
  Arguments& Object(size_t index, const char* name, Napi::Object* out);

 private:
  void Reject(const char* name, const char* expected, const char* code = "ERR_INVALID_ARG_TYPE");

  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

}  // namespace netloom
