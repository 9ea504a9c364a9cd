// The automorphism X -> X^g on polynomials in NTT form: a permutation of values.
//
// Value i is a(psi^e(i)) with e(i) = 2 brv(i) + 1, so out[i] = in[j] where e(j) = g e(i) mod 2N. Because of the
// bit-reversed order the three low bits of i are the three high bits of brv(i): eight consecutive values move
// together to one block of eight, permuted inside it. So this is a walk over whole cache lines, not a gather of words.
#pragma once
#include <array>
#include "args.hpp"
#include "ring.hpp"

namespace cf::CF_BUILD {

constexpr size_t kBlock = 8;

/// Where the block at a given number takes its values from: in[8 * source + lanes[b]], b = 0..7.
struct BlockMove {
  size_t source;
  const uint8_t* lanes;
};

class Automorphism {
 public:
  Automorphism(const Ring& ring, u64 galois)
      : reversal_(ring.blockReversal.data()), galois_(galois), logN_(ring.logN) {
    for (u64 carry = 0; carry < kBlock; ++carry)
      for (u64 b = 0; b < kBlock; ++b)
        lanes_[carry][b] = static_cast<uint8_t>(bitReverse((carry + galois * bitReverse(b, 3)) % kBlock, 3));
  }

  BlockMove operator()(size_t block) const {
    const u64 exponent = galois_ * (2 * u64{reversal_[block]} + 1) & ((u64{2} << logN_) - 1);
    const u64 reversed = exponent >> 1;  // = low + (N/8) carry
    const u64 low = reversed & ((u64{1} << (logN_ - 3)) - 1);
    return {reversal_[low], lanes_[reversed >> (logN_ - 3)].data()};
  }

  void permute(u64* dst, const u64* src, size_t n) const {
    for (size_t block = 0; block < n / kBlock; ++block) {
      const BlockMove move = (*this)(block);
      for (size_t b = 0; b < kBlock; ++b) dst[kBlock * block + b] = src[kBlock * move.source + move.lanes[b]];
    }
  }

 private:
  const uint32_t* reversal_;
  u64 galois_;
  int logN_;
  std::array<std::array<uint8_t, kBlock>, kBlock> lanes_;
};

/// dst = src(X^galois), limb by limb; dst and src must not overlap.
inline int automorphism(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64* src = args.address();
  const u64 galois = args.galois();
  const size_t limbs = args.size();
  if (!args.complete()) return kBadArguments;
  const Automorphism move(ring, galois);
  parallelFor(limbs, [&](size_t j, Scratch&) { move.permute(dst + j * ring.n, src + j * ring.n, ring.n); });
  return kOk;
}

}  // namespace cf::CF_BUILD
