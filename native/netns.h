// Network namespaces without a name: making one, opening one that is there, checking that a descriptor is one.
//
// Each result is a Handle, so the namespace lives at least as long as that. Threads: unshareNetns leaves the new
// namespace again before it returns; the others never enter it.
#pragma once

#include <napi.h>

#include "netns_scope.h"
#include "system_error.h"
#include "unique_fd.h"

namespace netloom {

// A new namespace, which the calling thread has left again.
Result<UniqueFd> MakeNetns(HomeNetns& home);

void DefineNetns(Napi::Env env, Napi::Object exports);

}  // namespace netloom
