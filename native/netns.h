// Network namespaces without a name: making one, opening one that is there, checking that a descriptor is one.
//
// Each result is a Handle, so the namespace lives at least as long as that. Threads: unshareNetns leaves the new
// namespace again before it returns; the others never enter it.
#pragma once

#include <napi.h>

namespace netloom {

void DefineNetns(Napi::Env env, Napi::Object exports);

}  // namespace netloom
