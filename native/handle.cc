#include "handle.h"

#include <utility>

#include "environment.h"

namespace netloom {

Napi::Value Handle::New(Napi::Env env, UniqueFd fd) {
  return Environment::Of(env).NewInstance<Handle>(env, std::move(fd));
}

Handle::Handle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) {
    napi_throw_type_error(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  // A terminating Worker wraps nothing more, and nobody would ever delete this object: the caller keeps what it has.
  if (IsEmpty()) return;
  fd_ = std::move(*info[0].As<Napi::External<UniqueFd>>().Data());
}

Napi::Value Handle::Fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fd_.get());
}

void Handle::Close(const Napi::CallbackInfo&) {
  fd_.Reset();
}

Napi::Value Handle::Release(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fd_.Release());
}

void DefineHandle(Napi::Env env, Napi::Object) {
  Environment::Of(env).KeepConstructor<Handle>(Handle::DefineClass(
      env, "Handle",
      {Handle::InstanceAccessor<&Handle::Fd>("fd", napi_enumerable), Handle::InstanceMethod<&Handle::Close>("close"),
       Handle::InstanceMethod<&Handle::Release>("release")}));
}

}  // namespace netloom
