// Cuts a super-packet, which a device with offloads passes on whole, into the packets that it stands for, as the
// kernel does for a network card without TSO and USO (tcp_gso_segment, __udp_gso_segment).
//
// Pure functions over the caller's memory; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "slots.h"

namespace netloom {

// `packet` is a vnet header of `header_size` bytes and a frame; the slots get frames without. Nothing is written
// unless all of it can be. How many, or an OffloadError.
int GsoSplit(const uint8_t* packet, size_t size, size_t header_size, int layer, const Slots& out);

}  // namespace netloom
