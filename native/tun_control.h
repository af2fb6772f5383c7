// What a descriptor of a TUN, TAP or MACVTAP device is asked for, and told: its ioctls, but for those that open it
// (tun.h, macvtap.h), and taking over a descriptor that somebody else has opened.
//
// Lifetime: each operation works on a duplicate, so that the queue may be closed meanwhile. Threads: any; nearly all of
// these ioctls take the lock that every change of a link holds (rtnl), so that asynchronous calls run them on the pool.
#pragma once

#include <napi.h>

namespace netloom {

void DefineTunControl(Napi::Env env, Napi::Object exports);

}  // namespace netloom
