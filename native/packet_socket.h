// Opening packet sockets (AF_PACKET) on a link: a socket stays in the namespace of the thread that opens it, so that
// happens inside a NetnsScope. What travels through them, socket_frames.h says.
//
// Lifetime: that of the queue which the caller gets. Threads: any.
#pragma once

#include <napi.h>

namespace netloom {

void DefinePacketSocket(Napi::Env env, Napi::Object exports);

}  // namespace netloom
