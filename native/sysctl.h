// Reading and writing files below /proc/sys. Those below /proc/sys/net belong to the namespace of the thread that opens
// them, so the file is opened inside a NetnsScope and used after it.
//
// Nothing outlives a call. Threads: any.
#pragma once

#include <napi.h>

namespace netloom {

void DefineSysctl(Napi::Env env, Napi::Object exports);

}  // namespace netloom
