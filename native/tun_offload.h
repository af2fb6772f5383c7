// How the frames of a TUN, TAP or MACVTAP come with their work left to do (drivers/net/tun_vnet.h): the size of the
// vnet header in front of them, and which offloads the reader takes. Without a header, no offload, whatever the last
// user of a persistent device announced.
//
// Lifetime: a plain value within the operation that opens a device. Threads: Parse on the JavaScript thread, Apply any.
#pragma once

#include <linux/if_tun.h>
#include <napi.h>
#include <sys/ioctl.h>

#include <string>

#include "arguments.h"

namespace netloom {

class TunOffload {
 public:
  bool Parse(Arguments* arguments, const Napi::Object& options) {
    return arguments->Integer(options.Get("vnetHeaderSize"), "options.vnetHeaderSize", &vnet_header_size_)
        .Integer(options.Get("offload"), "options.offload", &mask_)
        .Integer(options.Get("optionalOffload"), "options.optionalOffload", &optional_)
        .Integer(options.Get("joined"), "options.joined", &joined_)
        .ok();
  }

  // The offloads (TUN_F_*) that are on now. `fd` is attached to its device.
  [[nodiscard]] Result<int> Apply(int fd, const std::string& name) const {
    if (vnet_header_size_ > 0) {
      // Where others have the device open, its header is theirs: to change it would spoil what they read.
      int present = 0;
      if (joined_ != 0 && (::ioctl(fd, TUNGETVNETHDRSZ, &present) != 0 || present != vnet_header_size_))
        return SystemError{"TUNSETVNETHDRSZ", EBUSY, name};
      const int on = 1;
      if (::ioctl(fd, TUNSETVNETHDRSZ, &vnet_header_size_) != 0) return SystemError::Last("TUNSETVNETHDRSZ", name);
      if (::ioctl(fd, TUNSETVNETLE, &on) != 0) return SystemError::Last("TUNSETVNETLE", name);
    }
    if (::ioctl(fd, TUNSETOFFLOAD, mask_) == 0) return mask_;
    // The kernel refuses a mask with what it does not know.
    const int least = mask_ & ~optional_;
    if (errno == EINVAL && least != mask_ && ::ioctl(fd, TUNSETOFFLOAD, least) == 0) return least;
    return SystemError::Last("TUNSETOFFLOAD", name);
  }

 private:
  int vnet_header_size_ = 0;
  int mask_ = 0;
  int optional_ = 0;
  int joined_ = 0;
};

}  // namespace netloom
