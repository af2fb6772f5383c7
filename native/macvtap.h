// Opening the packet device of a macvtap (or ipvtap) link.
//
// Its character device is found by number, not by the name /dev/tapINDEX: links in several namespaces may have the same
// index, and that name is any one's of them. The number is in the sysfs of the link's namespace, which shows only when
// it is mounted there. So all of it happens on a thread made for one call, in a mount namespace of its own, which ends
// with the thread: nobody else sees the mounts or the device node.
//
// Lifetime: the queues are the caller's; the link stays when they close. Threads: any.
#pragma once

#include <napi.h>

namespace netloom {

void DefineMacvtap(Napi::Env env, Napi::Object exports);

}  // namespace netloom
