// The JavaScript class MountMonitor: calls back when something was mounted or unmounted in the mount namespace of the
// process. The kernel says so by POLLPRI on an open /proc/self/mountinfo (mounts_poll() in fs/proc_namespace.c); what
// it was, whoever reads that file learns.
//
// Lifetime and thread: as every FdMonitor.
#pragma once

#include <napi.h>

namespace netloom {

void DefineMountMonitor(Napi::Env env, Napi::Object exports);

}  // namespace netloom
