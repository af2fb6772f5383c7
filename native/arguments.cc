#include "arguments.h"

#include <cmath>

namespace netloom {

void Arguments::Reject(const char* name, const char* expected, const char* code) {
  ok_ = false;
  const std::string message = std::string(name) + " must be " + expected;
  napi_throw_type_error(env(), code, message.c_str());
}

Arguments& Arguments::Integer(Napi::Value value, const char* name, int* out) {
  if (!ok_) return *this;
  double number = NAN;
  if (value.IsNumber()) number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= INT32_MIN && number <= INT32_MAX) || number != std::trunc(number)) {
    Reject(name, "a 32-bit integer");
    return *this;
  }
  *out = static_cast<int>(number);
  return *this;
}

Arguments& Arguments::Count(size_t index, const char* name, uint64_t* out) {
  if (!ok_) return *this;
  const Napi::Value value = At(index);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  // 2^53: beyond it, JavaScript's numbers are not exact.
  if (!(number >= 0 && number <= 9007199254740992.0)) {
    Reject(name, "a number, 0 or more");
    return *this;
  }
  *out = static_cast<uint64_t>(number);
  return *this;
}

Arguments& Arguments::Netns(Napi::Value value, const char* name, NetnsRef* out) {
  int fd = -1;
  if (!Integer(value, name, &fd).ok_) return *this;
  if (fd < -1) {
    Reject(name, "a descriptor, or -1 for the caller's own namespace", "ERR_INVALID_ARG_VALUE");
    return *this;
  }
  *out = NetnsRef(fd);
  return *this;
}

Arguments& Arguments::Text(size_t index, const char* name, std::string* out) {
  if (!ok_) return *this;
  if (!At(index).IsString()) {
    Reject(name, "a string");
    return *this;
  }
  *out = At(index).As<Napi::String>().Utf8Value();
  return *this;
}

Arguments& Arguments::Path(size_t index, const char* name, std::string* out) {
  if (!Text(index, name, out).ok_) return *this;
  if (out->find('\0') != std::string::npos) Reject(name, "a string without NUL", "ERR_INVALID_ARG_VALUE");
  return *this;
}

Arguments& Arguments::Memory(size_t index, const char* name, Bytes* out) {
  if (!ok_) return *this;
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  size_t size = 0;
  const bool is_uint8_array =
      At(index).IsTypedArray() &&
      napi_get_typedarray_info(env(), At(index), &type, &size, &data, nullptr, nullptr) == napi_ok &&
      type == napi_uint8_array;
  if (!is_uint8_array) {
    Reject(name, "a Uint8Array");
    return *this;
  }
  *out = {static_cast<uint8_t*>(data), size};
  return *this;
}

Arguments& Arguments::Object(size_t index, const char* name, Napi::Object* out) {
  if (!ok_) return *this;
  if (!At(index).IsObject()) {
    Reject(name, "an object");
    return *this;
  }
  *out = At(index).As<Napi::Object>();
  return *this;
}

}  // namespace netloom
