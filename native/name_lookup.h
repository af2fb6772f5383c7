// getaddrinfo and getnameinfo, for a Worker that lives in a namespace: Node's own run on libuv's threads, which are
// those of the whole process and in the namespace of its main thread. Here they run on threads that such a Worker's
// thread has started, so they are where it is; with the files of /etc/netns/NAME in place of those of /etc.
#pragma once

#include <napi.h>

namespace netloom {

void DefineNameLookup(Napi::Env env, Napi::Object exports);

}  // namespace netloom
