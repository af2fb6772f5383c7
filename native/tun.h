// Opening TUN and TAP devices (/dev/net/tun): the device is born, or found, in the namespace of the thread that opens
// the descriptor, so that happens inside a NetnsScope.
//
// Lifetime: a device lives as long as its queues, which the caller gets, unless it is made persistent. Threads: any.
#pragma once

#include <napi.h>

namespace netloom {

void DefineTun(Napi::Env env, Napi::Object exports);

}  // namespace netloom
