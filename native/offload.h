// The offload functions for JavaScript: checksum, completeChecksum, gsoSplit, groCoalesce.
//
// Stateless; each works on the caller's memory within its call, on the environment's thread.
#pragma once

#include <napi.h>

namespace netloom {

void DefineOffload(Napi::Env env, Napi::Object exports);

}  // namespace netloom
