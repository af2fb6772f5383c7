// Merges packets that follow each other in a flow to super-packets, which a device with offloads takes as one: the
// inverse of GsoSplit, by the rules of the kernel's own GRO (tcp_gro_receive, udp_gro_receive_segment,
// inet_gro_receive) and stricter where splitting the result would not give the same packets.
//
// Pure functions over the caller's memory; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "slots.h"

namespace netloom {

// The first `count` slots of `in` are frames without vnet header; those of `out` get a vnet header of `header_size`
// bytes each. Frames of one flow keep their order. Nothing is written unless all of it can be, had nothing been
// merged. How many, or an OffloadError. `count` is at most in.count.
int GroCoalesce(const Slots& in, uint32_t count, size_t header_size, int layer, const Slots& out);

}  // namespace netloom
