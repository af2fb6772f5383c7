// Why an offload function refused its input: a negative number, which lib/packet/offload.ts turns into an error.
#pragma once

namespace netloom {

enum OffloadError : int {
  kNoVnetHeader = -1,      // shorter than its vnet header
  kNoFrame = -2,           // nothing behind the vnet header
  kChecksumOutside = -3,   // csum_start and csum_offset point behind the end
  kUnknownGsoType = -4,    //
  kNoSegmentSize = -5,     // gso_size 0
  kBadHeaders = -6,        // the headers are cut short, or contradict themselves
  kNotIp = -7,             //
  kFragment = -8,          // of an IP packet
  kExtensionHeader = -9,   // IPv6, one that is not understood
  kOtherProtocol = -10,    // neither TCP nor UDP, or not the one of gso_type
  kSegmentTooLong = -11,   // longer than an IP packet can be
  kFrameTooLong = -12,     // longer than a slot of the output
  kTooFewSlots = -13,      // in the output
  kOverlap = -14,          // input and output share memory
  kLengthOutOfSlot = -15,  // a slab's lengths[i] is larger than its frame_size
};

}  // namespace netloom
