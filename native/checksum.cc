#include "checksum.h"

#include <bit>
#include <cstring>

#include "network_order.h"
#include "offload_error.h"

namespace netloom {

namespace {

// The sum does not depend on the order of the bytes within the words as long as all words have the same (RFC 1071,
// section 2(B)), so the words are added as the processor has them, and the sum is turned around at the end. Halves
// of 32 bits go into 64, where carries gather without being looked at.
class NativeSum {
 public:
  void Add(const uint8_t* data) {
    uint64_t word = 0;
    std::memcpy(&word, data, sizeof word);
    low_ += word & 0xffffffff;
    high_ += word >> 32;
  }

  void Add(const NativeSum& other) {
    low_ += other.low_;
    high_ += other.high_;
  }

  [[nodiscard]] uint16_t InNetworkOrder() const {
    const uint16_t sum = Fold(uint64_t{Fold(low_)} + Fold(high_));
    if constexpr (std::endian::native == std::endian::big) return sum;
    return static_cast<uint16_t>(sum << 8 | sum >> 8);
  }

 private:
  uint64_t low_ = 0;
  uint64_t high_ = 0;
};

}  // namespace

uint16_t Sum(const uint8_t* data, size_t size) {
  constexpr size_t kWord = sizeof(uint64_t);
  NativeSum even;
  NativeSum odd;  // two chains of additions, which do not wait for each other
  while (size >= 4 * kWord) {
    even.Add(data);
    odd.Add(data + kWord);
    even.Add(data + 2 * kWord);
    odd.Add(data + 3 * kWord);
    data += 4 * kWord;
    size -= 4 * kWord;
  }
  while (size >= kWord) {
    even.Add(data);
    data += kWord;
    size -= kWord;
  }
  if (size > 0) {
    uint8_t rest[kWord] = {};
    std::memcpy(rest, data, size);
    odd.Add(rest);
  }
  even.Add(odd);
  return even.InNetworkOrder();
}

int CompleteChecksum(uint8_t* frame, size_t size, const VnetHeader& header) {
  if ((header.flags & kNeedsChecksum) == 0) return 0;
  const size_t start = header.csum_start;
  const size_t field = start + header.csum_offset;
  if (field + 2 > size) return kChecksumOutside;
  const uint16_t checksum = Checksum(frame + start, size - start);
  // As skb_checksum_help does: UDP must not have 0, which says that there is none, and to all others the two are one.
  Store16(frame + field, checksum == 0 ? 0xffff : checksum);
  return 0;
}

}  // namespace netloom
