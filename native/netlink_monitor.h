// The JavaScript class NetlinkMonitor: a netlink socket, opened inside a namespace, that hears multicast groups and
// calls back when something has come. It moves bytes; what they say, TypeScript knows.
//
// Lifetime and thread: as every FdMonitor, except that a pool thread opens the socket.
#pragma once

#include <napi.h>

#include "fd_monitor.h"

namespace netloom {

class NetlinkMonitor final : public FdMonitor<NetlinkMonitor, UV_READABLE> {
 public:
  using FdMonitor::FdMonitor;

  Napi::Value Receive(const Napi::CallbackInfo& info);
};

void DefineNetlinkMonitor(Napi::Env env, Napi::Object exports);

}  // namespace netloom
