// Names for network namespaces, as iproute2 gives and takes them (ip/ipnetns.c: netns_add, netns_delete): a file in a
// shared directory, usually /run/netns, with the namespace bind-mounted on it. Each side understands the other's.
//
// But for the namespace's handle nothing outlives a call; the directory is flocked during it, as iproute2 does while it
// prepares the directory. Threads: any; createNamedNetns leaves the new namespace again before it returns.
#pragma once

#include <napi.h>

namespace netloom {

void DefineNamedNetns(Napi::Env env, Napi::Object exports);

}  // namespace netloom
