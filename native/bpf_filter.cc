#include "bpf_filter.h"

#include <endian.h>

#include <cstring>

namespace netloom {

namespace {

struct Frame {
  const uint8_t* bytes;
  size_t size;
};

template <typename Word>
bool Fetch(const Frame& frame, size_t offset, Word* word) {
  if (offset > frame.size || frame.size - offset < sizeof *word) return false;
  std::memcpy(word, frame.bytes + offset, sizeof *word);
  return true;
}

// A word of the frame, which is in network order. False: it is not within the frame.
bool LoadWord(const Frame& frame, uint16_t width, uint32_t offset, uint32_t* to) {
  if (width == BPF_W) {
    uint32_t word = 0;
    if (!Fetch(frame, offset, &word)) return false;
    *to = be32toh(word);
    return true;
  }
  if (width == BPF_H) {
    uint16_t word = 0;
    if (!Fetch(frame, offset, &word)) return false;
    *to = be16toh(word);
    return true;
  }
  uint8_t byte = 0;
  if (!Fetch(frame, offset, &byte)) return false;
  *to = byte;
  return true;
}

// False: drop the frame. Shifts take the low five bits of their operand, as the kernel's do.
bool Calculate(uint16_t operation, uint32_t operand, uint32_t* a) {
  switch (operation) {
    case BPF_ADD:
      *a += operand;
      return true;
    case BPF_SUB:
      *a -= operand;
      return true;
    case BPF_MUL:
      *a *= operand;
      return true;
    case BPF_DIV:
      if (operand == 0) return false;
      *a /= operand;
      return true;
    case BPF_MOD:
      if (operand == 0) return false;
      *a %= operand;
      return true;
    case BPF_OR:
      *a |= operand;
      return true;
    case BPF_AND:
      *a &= operand;
      return true;
    case BPF_XOR:
      *a ^= operand;
      return true;
    case BPF_LSH:
      *a <<= operand & 31;
      return true;
    case BPF_RSH:
      *a >>= operand & 31;
      return true;
    case BPF_NEG:
      *a = -*a;
      return true;
    default:
      return false;
  }
}

bool Holds(uint16_t condition, uint32_t a, uint32_t operand) {
  switch (condition) {
    case BPF_JEQ:
      return a == operand;
    case BPF_JGT:
      return a > operand;
    case BPF_JGE:
      return a >= operand;
    default:  // BPF_JSET
      return (a & operand) != 0;
  }
}

class Machine {
 public:
  explicit Machine(const Frame& frame) : frame_(frame) {}

  uint32_t Run(const sock_filter* program, size_t count) {
    for (size_t at = 0; at < count; ++at) {
      const sock_filter& step = program[at];
      const uint32_t operand = BPF_SRC(step.code) == BPF_X ? x_ : step.k;
      switch (BPF_CLASS(step.code)) {
        case BPF_LD:
          if (!Load(step)) return 0;
          break;
        case BPF_LDX:
          if (!LoadIndex(step)) return 0;
          break;
        case BPF_ST:
          memory_[step.k % BPF_MEMWORDS] = a_;
          break;
        case BPF_STX:
          memory_[step.k % BPF_MEMWORDS] = x_;
          break;
        case BPF_ALU:
          if (!Calculate(BPF_OP(step.code), operand, &a_)) return 0;
          break;
        case BPF_JMP:
          if (BPF_OP(step.code) == BPF_JA) {
            // Bounded, because it might wrap to an instruction before this one where size_t has 32 bits.
            if (step.k >= count - at) return 0;
            at += step.k;
          } else {
            at += Holds(BPF_OP(step.code), a_, operand) ? step.jt : step.jf;
          }
          break;
        case BPF_RET:
          return BPF_RVAL(step.code) == BPF_A ? a_ : step.k;
        default:  // BPF_MISC
          if (BPF_MISCOP(step.code) == BPF_TAX) {
            x_ = a_;
          } else {
            a_ = x_;
          }
      }
    }
    return 0;  // ran off its end
  }

 private:
  bool Load(const sock_filter& step) {
    const uint16_t width = BPF_SIZE(step.code);
    switch (BPF_MODE(step.code)) {
      case BPF_IMM:
        a_ = step.k;
        return true;
      case BPF_MEM:
        a_ = memory_[step.k % BPF_MEMWORDS];
        return true;
      case BPF_LEN:
        a_ = static_cast<uint32_t>(frame_.size);
        return true;
      case BPF_ABS:
        return LoadWord(frame_, width, step.k, &a_);
      case BPF_IND:
        return LoadWord(frame_, width, x_ + step.k, &a_);
      default:
        return false;
    }
  }

  bool LoadIndex(const sock_filter& step) {
    switch (BPF_MODE(step.code)) {
      case BPF_IMM:
        x_ = step.k;
        return true;
      case BPF_MEM:
        x_ = memory_[step.k % BPF_MEMWORDS];
        return true;
      case BPF_LEN:
        x_ = static_cast<uint32_t>(frame_.size);
        return true;
      case BPF_MSH:  // the length of an IPv4 header
        if (!LoadWord(frame_, BPF_B, step.k, &x_)) return false;
        x_ = (x_ & 15) * 4;
        return true;
      default:
        return false;
    }
  }

  const Frame frame_;
  uint32_t a_ = 0;
  uint32_t x_ = 0;
  uint32_t memory_[BPF_MEMWORDS] = {};
};

}  // namespace

uint32_t BpfFilter::Run(const uint8_t* frame, size_t size) const {
  return Machine({frame, size}).Run(program_.get(), count_);
}

}  // namespace netloom
