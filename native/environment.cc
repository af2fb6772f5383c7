#include "environment.h"

namespace netloom {

bool Environment::Create(Napi::Env env) {
  WorkerPool* pool = WorkerPool::Create(env);
  if (pool == nullptr) return false;
  env.SetInstanceData(new Environment(pool));
  return true;
}

napi_value Environment::ConstructorOf(const void* key) const {
  for (const auto& [candidate, constructor] : constructors_) {
    if (candidate == key) return constructor.Value();
  }
  return nullptr;
}

}  // namespace netloom
