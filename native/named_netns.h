// Names for network namespaces, as iproute2 gives and takes them (ip/ipnetns.c: netns_add, netns_delete): a file in a
// shared directory, usually /run/netns, with the namespace bind-mounted on it. Each side understands the other's.
//
// Nothing outlives a call; the directory is flocked during it, as iproute2 does while it prepares the directory.
// Threads: any; no thread enters the namespace.
#pragma once

#include <napi.h>

namespace netloom {

void DefineNamedNetns(Napi::Env env, Napi::Object exports);

}  // namespace netloom
