#include "offload.h"

#include "arguments.h"
#include "checksum.h"
#include "frame_slab.h"
#include "gro_coalesce.h"
#include "gso_split.h"
#include "offload_error.h"
#include "vnet_header.h"

namespace netloom {

namespace {

// How the frames are laid out; lib/packet/ has checked the values, and this is the second line of defence.
struct Format {
  int layer = 0;
  int header_size = 0;
};

bool ParseHeaderSize(Arguments* arguments, size_t index, int* header_size) {
  if (!arguments->Integer(index, "headerSize", header_size).ok()) return false;
  if (*header_size == kVnetHeaderSize || *header_size == kVnetHeaderSizeWithBuffers) return true;
  napi_throw_range_error(arguments->env(), "ERR_OUT_OF_RANGE", "headerSize must be 10 or 12");
  return false;
}

bool ParseFormat(Arguments* arguments, size_t index, Format* format) {
  if (!arguments->Integer(index, "layer", &format->layer).ok()) return false;
  if (format->layer == 2 || format->layer == 3) return ParseHeaderSize(arguments, index + 1, &format->header_size);
  napi_throw_range_error(arguments->env(), "ERR_OUT_OF_RANGE", "layer must be 2 or 3");
  return false;
}

Napi::Value ChecksumOf(const Napi::CallbackInfo& info) {
  Bytes bytes;
  uint64_t initial = 0;
  if (!Arguments(info).Memory(0, "bytes", &bytes).Count(1, "initial", &initial).ok()) return {};
  return Napi::Number::New(info.Env(), Checksum(bytes.data, bytes.size, initial));
}

Napi::Value CompleteChecksumOf(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  Bytes packet;
  int header_size = 0;
  if (!arguments.Memory(0, "packet", &packet).ok() || !ParseHeaderSize(&arguments, 1, &header_size)) return {};
  const auto complete = [&]() -> int {
    const auto size = static_cast<size_t>(header_size);
    if (packet.size < size) return kNoVnetHeader;
    const VnetHeader header = ReadVnetHeader(packet.data);
    const int error = CompleteChecksum(packet.data + size, packet.size - size, header);
    if (error == 0) packet.data[0] = static_cast<uint8_t>(header.flags & ~kNeedsChecksum);
    return error;
  };
  return Napi::Number::New(info.Env(), complete());
}

Napi::Value GsoSplitOf(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  Bytes packet;
  Format format;
  if (!arguments.Memory(0, "packet", &packet).ok() || !ParseFormat(&arguments, 2, &format)) return {};
  const FrameSlab* out = FrameSlab::Of(info.Env(), info[1]);
  if (out == nullptr) return {};
  return Napi::Number::New(info.Env(), GsoSplit(packet.data, packet.size, static_cast<size_t>(format.header_size),
                                                format.layer, out->slots()));
}

Napi::Value GroCoalesceOf(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int count = 0;
  Format format;
  if (!arguments.Integer(1, "count", &count).ok() || !ParseFormat(&arguments, 3, &format)) return {};
  const FrameSlab* in = FrameSlab::Of(info.Env(), info[0]);
  const FrameSlab* out = in == nullptr ? nullptr : FrameSlab::Of(info.Env(), info[2]);
  if (out == nullptr) return {};
  if (count < 0 || static_cast<uint32_t>(count) > in->slots().count) {
    napi_throw_range_error(info.Env(), "ERR_OUT_OF_RANGE", "count must be at most the slots of input");
    return {};
  }
  return Napi::Number::New(
      info.Env(), GroCoalesce(in->slots(), static_cast<uint32_t>(count), static_cast<size_t>(format.header_size),
                              format.layer, out->slots()));
}

}  // namespace

void DefineOffload(Napi::Env env, Napi::Object exports) {
  exports.Set("checksum", Napi::Function::New(env, ChecksumOf, "checksum"));
  exports.Set("completeChecksum", Napi::Function::New(env, CompleteChecksumOf, "completeChecksum"));
  exports.Set("gsoSplit", Napi::Function::New(env, GsoSplitOf, "gsoSplit"));
  exports.Set("groCoalesce", Napi::Function::New(env, GroCoalesceOf, "groCoalesce"));
}

}  // namespace netloom
