// A lock between processes: flock(2) on a file, which is made where it is missing. Programs that lock the same file in
// the same way (CNI's host-local does) and this one keep each other out.
//
// The lock is the handle's: it ends when that is closed, at the latest with the process, whatever ends it.
// Threads: any; the one that asks waits.
#pragma once

#include <napi.h>

namespace netloom {

void DefineFileLock(Napi::Env env, Napi::Object exports);

}  // namespace netloom
