#include "environment.h"

namespace netloom {

bool Environment::Create(Napi::Env env) {
  WorkerPool* pool = WorkerPool::Create(env);
  if (pool == nullptr) return false;
  env.SetInstanceData(new Environment(pool));
  return true;
}

WorkerPool* Environment::LookupPool(Napi::Env env) {
  // The system's resolver runs there, with whatever modules nsswitch.conf names.
  constexpr size_t kStackSize = size_t{2} * 1024 * 1024;
  if (lookup_pool_ == nullptr) lookup_pool_ = WorkerPool::Create(env, kStackSize);
  return lookup_pool_;
}

napi_value Environment::ConstructorOf(const void* key) const {
  for (const auto& [candidate, constructor] : constructors_) {
    if (candidate == key) return constructor.Value();
  }
  return nullptr;
}

}  // namespace netloom
