// What the addon keeps per JavaScript environment (the main thread's, and one for each Worker): there are no globals.
//
// Lifetime: Node-API instance data, made when the addon is loaded into the environment and destroyed with it, after
// the pool has stopped. Thread: the environment's own.
#pragma once

#include <napi.h>

#include <cstdint>
#include <list>
#include <utility>

#include "netns_scope.h"
#include "worker_pool.h"

namespace netloom {

class Environment {
 public:
  // False, with a JavaScript exception pending, when the system refuses.
  static bool Create(Napi::Env env);
  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  WorkerPool& pool() { return *pool_; }
  // The threads that look names up, which takes long where no server answers. Made at the first use; null, with a
  // JavaScript exception pending, when the system refuses.
  WorkerPool* LookupPool(Napi::Env env);
  // The namespace of the JavaScript thread.
  HomeNetns& home() { return home_; }
  // How many packet queues flow, and share the thread.
  uint32_t& flows() { return flows_; }

  // The constructor of the class T wraps, for native code that makes instances of it.
  template <typename T>
  void KeepConstructor(Napi::Function constructor) {
    constructors_.emplace_back(&kClassKey<T>, Napi::Persistent(constructor));
  }

  // A new T over `content`, which its constructor takes out of an External. Empty when JavaScript cannot run.
  template <typename T, typename Content>
  Napi::Value NewInstance(Napi::Env env, Content content) {
    napi_value argument = nullptr;
    napi_value instance = nullptr;
    napi_create_external(env, &content, nullptr, nullptr, &argument);
    napi_new_instance(env, ConstructorOf(&kClassKey<T>), 1, &argument, &instance);
    return {env, instance};
  }

 private:
  template <typename T>
  static constexpr char kClassKey = 0;

  explicit Environment(WorkerPool* pool) : pool_(pool) {}
  napi_value ConstructorOf(const void* key) const;

  WorkerPool* pool_;                   // owns itself
  WorkerPool* lookup_pool_ = nullptr;  // so does this
  HomeNetns home_;
  uint32_t flows_ = 0;
  std::list<std::pair<const void*, Napi::FunctionReference>> constructors_;
};

}  // namespace netloom
