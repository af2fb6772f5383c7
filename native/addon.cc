// The entry point: sets up an environment and lets each concept export what it has. A new concept is a file of its own
// and one line here. Called once for each environment, on its thread.
#include <napi.h>

#include "bpf.h"
#include "environment.h"
#include "file_lock.h"
#include "frame_slab.h"
#include "handle.h"
#include "macvtap.h"
#include "mount_monitor.h"
#include "name_lookup.h"
#include "named_netns.h"
#include "netlink_monitor.h"
#include "netlink_socket.h"
#include "netns.h"
#include "offload.h"
#include "packet_queue.h"
#include "packet_socket.h"
#include "ping_socket.h"
#include "pump.h"
#include "socket.h"
#include "sysctl.h"
#include "tun.h"
#include "tun_control.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  if (!netloom::Environment::Create(env)) return exports;
  for (auto* define : {
           netloom::DefineHandle,
           netloom::DefineNetns,
           netloom::DefineNamedNetns,
           netloom::DefineFileLock,
           netloom::DefineMountMonitor,
           netloom::DefineNetlinkSocket,
           netloom::DefineNetlinkMonitor,
           netloom::DefinePingSocket,
           netloom::DefineSysctl,
           netloom::DefineFrameSlab,
           netloom::DefineOffload,
           netloom::DefinePacketQueue,
           netloom::DefineBpf,
           netloom::DefinePump,
           netloom::DefineTun,
           netloom::DefineTunControl,
           netloom::DefineMacvtap,
           netloom::DefinePacketSocket,
           netloom::DefineSocket,
           netloom::DefineNameLookup,
       }) {
    define(env, exports);
  }
  return exports;
}

}  // namespace

NODE_API_MODULE(netloom, Init)
