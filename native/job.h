// One operation, two flavours: written once as a small class, exported as `x`, which runs on the calling thread, and
// `xAsync`, which runs on a pool thread and returns a promise. An operation is
//
//   class OpenTun {
//    public:
//     bool Parse(const Napi::CallbackInfo& info);          // JavaScript thread; false: an exception is pending
//     Result<UniqueFd> Run(HomeNetns& home);               // any thread: no Node-API here
//     static Napi::Value ToJs(Napi::Env env, UniqueFd fd)  // JavaScript thread; empty: an exception is pending
//   };
//   void DefineTun(Napi::Env env, Napi::Object exports) { ExportBoth<OpenTun>(env, exports, "openTun"); }
//
// Bad arguments throw in both flavours; a failed system call throws from `x` and rejects the promise of `xAsync`. ToJs
// need not be static: it may use what Parse kept. An operation is made and destroyed on the JavaScript thread, also
// when the environment ends before it was run or delivered, so it may hold references and descriptors.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "environment.h"
#include "excursion.h"
#include "worker_pool.h"

namespace netloom {

template <typename Operation>
class PromiseJob final : public Job {
 public:
  using Outcome = decltype(std::declval<Operation&>().Run(std::declval<HomeNetns&>()));

  PromiseJob(Operation operation, napi_deferred deferred) : operation_(std::move(operation)), deferred_(deferred) {}

  void Run(HomeNetns& home) override { outcome_.emplace(RunAnywhere(operation_, home)); }

  [[nodiscard]] const void* Strand() const override {
    if constexpr (requires { operation_.Strand(); }) return operation_.Strand();
    return nullptr;
  }

  // Statuses are ignored: they fail only when the environment is terminating, and then nobody waits for the promise.
  void Deliver(Napi::Env env) override {
    if (!*outcome_) {
      napi_value error = outcome_->error().ToJs(env);
      if (error != nullptr) napi_reject_deferred(env, deferred_, error);
      return;
    }
    napi_value value = operation_.ToJs(env, std::move(**outcome_));
    bool threw = false;
    napi_is_exception_pending(env, &threw);
    if (threw) {
      napi_value exception = nullptr;
      napi_get_and_clear_last_exception(env, &exception);
      if (exception != nullptr) napi_reject_deferred(env, deferred_, exception);
    } else if (value != nullptr) {
      napi_resolve_deferred(env, deferred_, value);
    }
  }

 private:
  Operation operation_;
  napi_deferred deferred_;
  std::optional<Outcome> outcome_;
};

template <typename Operation>
Napi::Value RunHere(Napi::Env env, Operation operation) {
  auto outcome = RunAnywhere(operation, Environment::Of(env).home());
  if (!outcome) {
    outcome.error().Throw(env);
    return {};
  }
  return operation.ToJs(env, std::move(*outcome));
}

template <typename Operation>
Napi::Value RunOnPool(Napi::Env env, WorkerPool& pool, Operation operation) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) return {};
  auto job = std::make_unique<PromiseJob<Operation>>(std::move(operation), deferred);
  const Status submitted = pool.Submit(std::move(job));
  if (!submitted) {
    napi_value error = submitted.error().ToJs(env);
    if (error != nullptr) napi_reject_deferred(env, deferred, error);
  }
  return {env, promise};
}

template <typename Operation>
Napi::Value RunOnPool(Napi::Env env, Operation operation) {
  return RunOnPool(env, Environment::Of(env).pool(), std::move(operation));
}

template <typename Operation>
Napi::Value CallHere(const Napi::CallbackInfo& info) {
  Operation operation;
  if (!operation.Parse(info)) return {};
  return RunHere(info.Env(), std::move(operation));
}

template <typename Operation>
Napi::Value CallOnPool(const Napi::CallbackInfo& info) {
  Operation operation;
  if (!operation.Parse(info)) return {};
  return RunOnPool(info.Env(), std::move(operation));
}

template <typename Operation>
void ExportBoth(Napi::Env env, Napi::Object exports, const std::string& name) {
  exports.Set(name, Napi::Function::New(env, CallHere<Operation>, name));
  exports.Set(name + "Async", Napi::Function::New(env, CallOnPool<Operation>, name + "Async"));
}

}  // namespace netloom
