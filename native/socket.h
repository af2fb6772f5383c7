// Ordinary sockets, opened inside a namespace, in which they stay whoever uses them.
#pragma once

#include <napi.h>

namespace netloom {

void DefineSocket(Napi::Env env, Napi::Object exports);

}  // namespace netloom
