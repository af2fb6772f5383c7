// The hot calls of PacketQueue: raw Node-API, whose wrappers cost as much as the call.
#include <cerrno>

#include "frame_slab.h"
#include "packet_queue.h"

namespace netloom {

namespace {

napi_value Number(napi_env env, int64_t value) {
  napi_value number = nullptr;
  napi_create_int32(env, static_cast<int32_t>(value), &number);
  return number;
}

// The queue of a hot call, and its arguments. What is wrong with them was found out before.
template <size_t count>
PacketQueue& Unpack(napi_env env, napi_callback_info info, napi_value (&arguments)[count]) {
  size_t size = count;
  void* queue = nullptr;
  napi_get_cb_info(env, info, &size, arguments, nullptr, &queue);
  return *static_cast<PacketQueue*>(queue);
}

bool Memory(napi_env env, napi_value value, iovec* part) {
  if (napi_get_typedarray_info(env, value, nullptr, &part->iov_len, &part->iov_base, nullptr, nullptr) == napi_ok)
    return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "frame must be a Uint8Array");
  return false;
}

uint32_t Unsigned(napi_env env, napi_value value) {
  uint32_t number = 0;
  napi_get_value_uint32(env, value, &number);
  return number;
}

}  // namespace

// Functions of this object alone: they find it without unwrapping `this`, which costs as much as a small read.
void PacketQueue::DefineHotCalls(napi_env env, napi_value self) {
  const struct {
    const char* name;
    napi_callback call;
  } kCalls[] = {{"read", Read},
                {"write", Write},
                {"writeParts", WriteParts},
                {"readBatch", ReadBatch},
                {"writeBatch", WriteBatch}};
  for (const auto& [name, call] : kCalls) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, this, &function) != napi_ok) return;
    napi_set_named_property(env, self, name, function);
  }
}

napi_value PacketQueue::Read(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  iovec to;
  PacketQueue& self = Unpack(env, info, arguments);
  if (!Memory(env, arguments[0], &to)) return nullptr;
  if (self.refusal_ != 0) return Number(env, self.refusal_);
  const ssize_t size = ReadFrame(self.fd_.get(), to.iov_base, to.iov_len, self.socket_.get());
  if (size >= 0) {
    ++self.counters_.frames_in;
    self.counters_.bytes_in += size;
  }
  return Number(env, size);
}

napi_value PacketQueue::Write(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  iovec frame;
  PacketQueue& self = Unpack(env, info, arguments);
  if (!Memory(env, arguments[0], &frame)) return nullptr;
  return Number(env, self.Count(WriteFrame(self.fd_.get(), frame.iov_base, frame.iov_len, self.socket_.get())));
}

napi_value PacketQueue::WriteParts(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  PacketQueue& self = Unpack(env, info, arguments);
  uint32_t count = 0;
  if (napi_get_array_length(env, arguments[0], &count) != napi_ok) return nullptr;
  if (count > uint32_t{SocketFrames::kMostParts}) return Number(env, -EINVAL);
  iovec parts[SocketFrames::kMostParts];
  for (uint32_t i = 0; i < count; ++i) {
    napi_value part = nullptr;
    napi_get_element(env, arguments[0], i, &part);
    if (!Memory(env, part, &parts[i])) return nullptr;
  }
  return Number(env, self.Count(WriteFrame(self.fd_.get(), parts, static_cast<int>(count), self.socket_.get())));
}

napi_value PacketQueue::ReadBatch(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  PacketQueue& self = Unpack(env, info, arguments);
  const FrameSlab* slab = FrameSlab::Of(env, arguments[0]);
  if (slab == nullptr) return nullptr;
  if (self.refusal_ != 0) return Number(env, self.refusal_);
  return Number(env,
                ReadFrames(self.fd_.get(), slab->slots(), slab->slots().count, &self.counters_, self.socket_.get()));
}

napi_value PacketQueue::WriteBatch(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  PacketQueue& self = Unpack(env, info, arguments);
  const FrameSlab* slab = FrameSlab::Of(env, arguments[0]);
  if (slab == nullptr) return nullptr;
  const uint32_t first = Unsigned(env, arguments[1]);
  const uint32_t count = Unsigned(env, arguments[2]);
  if (first > slab->slots().count || count > slab->slots().count - first) return Number(env, -EINVAL);
  return Number(env, WriteFrames(self.fd_.get(), slab->slots(), first, count, &self.counters_, self.socket_.get()));
}

ssize_t PacketQueue::Count(ssize_t written) {
  if (written >= 0) {
    ++counters_.frames_out;
    counters_.bytes_out += written;
  } else if (fd_) {
    ++counters_.dropped;
  }
  // To whoever writes, both are no room.
  return written == -ENOBUFS ? -EAGAIN : written;
}

}  // namespace netloom
