// Classic BPF (bpf_filter.h) from the bytes that JavaScript has of it, and runBpf, which its tests call.
//
// Lifetime: none; the filters own what they need. Thread: the environment's own.
#pragma once

#include <napi.h>

#include "arguments.h"
#include "bpf_filter.h"

namespace netloom {

// The bytes of struct sock_filter, one behind the other.
BpfFilter FilterFrom(const Bytes& bytes);

void DefineBpf(Napi::Env env, Napi::Object exports);

}  // namespace netloom
