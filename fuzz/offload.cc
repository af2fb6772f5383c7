// Fuzzes the pure core of the offload functions (native/checksum, gso_split, gro_coalesce): no input makes them read or
// write outside of what they were given (the sanitizers tell), and what comes out is right by a reference of its own.
//
// An input is
//     what 1 | slots 1 | frame size 2, little endian | rest
// what: bits 0-1 are the function (0 split, 1 complete, 2 coalesce, 3 checksum), bit 2 layer 3 (else 2), bit 3 a vnet
// header of 12 bytes (else 10), bit 4 puts lengths and checksums of the frames right before they are coalesced.
// rest: the packet; to coalesce: frames, each behind its length in 2 bytes, little endian.
// test/unit/offload-corpus.test.ts reads the same.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "../native/checksum.h"
#include "../native/gro_coalesce.h"
#include "../native/gso_split.h"
#include "../native/slots.h"
#include "../native/vnet_header.h"
#include "reference.h"

namespace {

using reference::Bytes;

void Check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "fuzz/offload: wrong: %s\n", what);
  std::abort();
}

// Slots with a gap behind each, whose bytes must stay as they are.
class Slab {
 public:
  Slab(uint32_t count, uint32_t frame_size)
      : stride_(frame_size + kGap), bytes_(size_t{count} * stride_, kFill), lengths_(count, 0) {
    slots_ = {bytes_.data(), lengths_.data(), count, stride_, frame_size};
  }

  [[nodiscard]] const netloom::Slots& slots() const { return slots_; }

  [[nodiscard]] Bytes Frame(uint32_t i) const {
    Check(lengths_[i] <= slots_.frame_size, "a frame is no longer than its slot");
    const uint8_t* start = slots_.at(i);
    return {start, start + lengths_[i]};
  }

  void Set(uint32_t i, const Bytes& frame) {
    std::copy(frame.begin(), frame.end(), slots_.at(i));
    lengths_[i] = static_cast<uint32_t>(frame.size());
  }

  void CheckGaps() const {
    for (uint32_t i = 0; i < slots_.count; i++) {
      const uint8_t* gap = slots_.at(i) + slots_.frame_size;
      Check(std::all_of(gap, gap + kGap, IsFill), "nothing is written behind a slot");
    }
  }

  void CheckUntouched() const {
    // Each byte is as the next, and the last is as it was.
    Check(std::memcmp(bytes_.data(), bytes_.data() + 1, bytes_.size() - 1) == 0 && IsFill(bytes_.back()),
          "a refusal leaves the slots alone");
    Check(std::all_of(lengths_.begin(), lengths_.end(), [](uint32_t length) { return length == 0; }),
          "a refusal leaves the lengths alone");
  }

 private:
  static constexpr uint32_t kGap = 8;
  static constexpr uint8_t kFill = 0xa5;
  static bool IsFill(uint8_t byte) { return byte == kFill; }

  uint32_t stride_;
  Bytes bytes_;
  std::vector<uint32_t> lengths_;
  netloom::Slots slots_;
};

struct Input {
  int layer;
  size_t header_size;
  bool put_right;
  uint32_t slots;
  uint32_t frame_size;
  Bytes rest;
};

// The segments, against the super-packet that they came from.
void CheckSegments(const Input& input, const netloom::VnetHeader& header, const std::vector<Bytes>& segments) {
  Bytes payload;
  for (size_t i = 0; i < segments.size(); i++) {
    const Bytes& frame = segments[i];
    const auto packet = reference::Read(frame, input.layer);
    if (!packet) return;  // IPv6 extension headers, which the reference does not read
    Check(reference::HasRightChecksums(frame, *packet), "a segment has right checksums");
    if (!packet->tcp)
      Check(reference::Word(frame, packet->transport + 4) == frame.size() - packet->transport, "UDP has its length");
    const size_t length = frame.size() - packet->payload;
    Check(i + 1 == segments.size() ? length <= header.gso_size : length == header.gso_size,
          "every segment but the last has gso_size");
    payload.insert(payload.end(), frame.begin() + static_cast<long>(packet->payload), frame.end());
  }
  const size_t start = input.header_size + reference::Read(segments[0], input.layer)->payload;
  Check(start + payload.size() <= input.rest.size(), "the segments hold no more than the packet");
  Check(std::equal(payload.begin(), payload.end(), input.rest.begin() + static_cast<long>(start)),
        "the segments hold what the packet held");
}

void Split(const Input& input) {
  const Slab out(input.slots, input.frame_size);
  const int count =
      netloom::GsoSplit(input.rest.data(), input.rest.size(), input.header_size, input.layer, out.slots());
  out.CheckGaps();
  if (count < 0) return out.CheckUntouched();
  Check(count > 0 && static_cast<uint32_t>(count) <= input.slots, "as many segments as slots at most");
  const auto header = netloom::ReadVnetHeader(input.rest.data());
  if (header.gso_type == 0) return;
  std::vector<Bytes> segments;
  for (uint32_t i = 0; i < static_cast<uint32_t>(count); i++) segments.push_back(out.Frame(i));
  CheckSegments(input, header, segments);
}

void Complete(const Input& input) {
  if (input.rest.size() < input.header_size) return;
  const auto header = netloom::ReadVnetHeader(input.rest.data());
  const Bytes before(input.rest.begin() + static_cast<long>(input.header_size), input.rest.end());
  Bytes frame = before;
  const int error = netloom::CompleteChecksum(frame.data(), frame.size(), header);
  if (error != 0 || (header.flags & 1) == 0) return Check(frame == before, "a packet without a need stays as it is");
  const size_t field = size_t{header.csum_start} + header.csum_offset;
  Check(field + 2 <= frame.size(), "the field lies in the packet");
  const size_t expected = 0xffff - reference::Sum(before, header.csum_start, before.size());
  Check(reference::Word(frame, field) == (expected == 0 ? 0xffff : expected), "the checksum is right");
}

// What a merged packet says to the kernel.
void CheckMerged(const Bytes& bytes, size_t header_size, int layer) {
  const auto header = netloom::ReadVnetHeader(bytes.data());
  if (header.gso_type == 0) {
    Check(std::all_of(bytes.begin(), bytes.begin() + static_cast<long>(header_size), [](uint8_t b) { return b == 0; }),
          "a packet that is passed on has an empty vnet header");
    return;
  }
  const Bytes frame(bytes.begin() + static_cast<long>(header_size), bytes.end());
  const auto packet = reference::Read(frame, layer);
  Check(packet.has_value(), "a merged packet has the right length");
  Check(header.flags == 1 && header.csum_start == packet->transport &&
            size_t{header.csum_start} + header.csum_offset == packet->field(),
        "a merged packet says where its checksum goes");
  Check(reference::Word(frame, packet->field()) == reference::PseudoHeader(frame, *packet),
        "a merged packet has the sum of its pseudo header");
  Check(header.hdr_len == packet->payload, "hdr_len is the length of the headers");
  const size_t payload = frame.size() - packet->payload;
  Check(header.gso_size > 0 && payload > header.gso_size, "a merged packet has two segments");
  Check(packet->tcp || payload <= size_t{64} * header.gso_size, "a merged packet has at most 64 datagrams");
}

std::vector<Bytes> FramesOf(const Input& input) {
  std::vector<Bytes> frames;
  size_t at = 0;
  while (at + 2 <= input.rest.size() && frames.size() < 64) {
    const size_t wanted = input.rest[at] + input.rest[at + 1] * 256U;
    at += 2;
    const size_t size = std::min(wanted, input.rest.size() - at);
    frames.emplace_back(input.rest.begin() + static_cast<long>(at), input.rest.begin() + static_cast<long>(at + size));
    if (input.put_right) reference::PutRight(&frames.back(), input.layer);
    at += size;
  }
  return frames;
}

void CheckOrder(const std::vector<Bytes>& before, const std::vector<Bytes>& after, int layer) {
  Check(before.size() == after.size(), "as many packets come out as went in");
  std::vector<bool> seen(before.size(), false);
  for (const Bytes& frame : after) {
    const std::string flow = reference::FlowOf(frame, layer);
    size_t i = 0;
    while (i < before.size() && (seen[i] || reference::FlowOf(before[i], layer) != flow)) i++;
    Check(i < before.size(), "a packet that comes out has gone in");
    Check(reference::WithoutId(before[i], layer) == reference::WithoutId(frame, layer),
          "split after coalesce gives the packets of each flow, in their order");
    seen[i] = true;
  }
}

void Coalesce(const Input& input) {
  const std::vector<Bytes> frames = FramesOf(input);
  size_t longest = 1;
  for (const Bytes& frame : frames) longest = std::max(longest, frame.size());
  const auto count = static_cast<uint32_t>(frames.size());
  Slab in(std::max(count, 1U), static_cast<uint32_t>(longest));
  for (uint32_t i = 0; i < count; i++) in.Set(i, frames[i]);
  const Slab out(input.slots, input.frame_size);
  const int merged = netloom::GroCoalesce(in.slots(), count, input.header_size, input.layer, out.slots());
  out.CheckGaps();
  if (merged < 0) return out.CheckUntouched();
  std::vector<Bytes> after;
  for (uint32_t i = 0; i < static_cast<uint32_t>(merged); i++) {
    const Bytes bytes = out.Frame(i);
    CheckMerged(bytes, input.header_size, input.layer);
    if (bytes.size() == input.header_size) {
      after.emplace_back();
      continue;
    }
    const Slab segments(64, static_cast<uint32_t>(longest));
    const int parts = netloom::GsoSplit(bytes.data(), bytes.size(), input.header_size, input.layer, segments.slots());
    Check(parts > 0, "what was merged can be split");
    for (uint32_t j = 0; j < static_cast<uint32_t>(parts); j++) after.push_back(segments.Frame(j));
  }
  CheckOrder(frames, after, input.layer);
}

void Sum(const Input& input) {
  const size_t expected = 0xffff - reference::Sum(input.rest, 0, input.rest.size());
  for (size_t alignment = 0; alignment < 16; alignment++) {
    // Of just that size, so that one byte too many is told.
    const auto memory = std::make_unique<uint8_t[]>(input.rest.size() + alignment);
    std::copy(input.rest.begin(), input.rest.end(), memory.get() + alignment);
    Check(netloom::Checksum(memory.get() + alignment, input.rest.size()) == expected, "the checksum is right");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  Input input{
      .layer = (data[0] & 4) != 0 ? 3 : 2,
      .header_size = (data[0] & 8) != 0 ? size_t{12} : size_t{10},
      .put_right = (data[0] & 16) != 0,
      .slots = data[1] % 64 + 1U,
      .frame_size = data[2] + data[3] * 256U + 1,
      .rest = Bytes(data + 4, data + size),
  };
  // 128 KiB at most: time is better spent on more inputs.
  input.slots = std::min(input.slots, 131072 / input.frame_size);
  switch (data[0] & 3) {
    case 0:
      Split(input);
      break;
    case 1:
      Complete(input);
      break;
    case 2:
      Coalesce(input);
      break;
    default:
      Sum(input);
  }
  return 0;
}

#ifdef __clang__
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

// Most changes go to where there is something to find: to what stands in front of the packet, and to the headers.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned int seed) {
  constexpr size_t kFront = 4;
  constexpr size_t kHeaders = 192;
  const size_t part = seed % 4 == 0 ? kFront : kHeaders;
  if (seed % 4 == 3 || size <= part) return LLVMFuzzerMutate(data, size, most);
  // In place, as what is changed must not become longer.
  LLVMFuzzerMutate(data, part, part);
  return size;
}
#endif
