// Residues as the wire carries them: residue i of a limb starts at bit i * bits, least significant bit first, where bits
// is the length of p - 1. src/wire/packing.ts has the inverse, and the same again for the tests to compare.
#pragma once
#include <cstring>

#include "args.hpp"
#include "ring.hpp"

namespace cf::CF_BUILD {

inline int residueBits(u64 p) {
  int bits = 0;
  while ((p - 1) >> bits != 0) ++bits;
  return bits;
}

/// dst[n] = residues of `bits` bits each; returns the index of the first that is p or larger, -1 when all are below.
/// Eight residues fill `bits` whole bytes. Each is read with one 64-bit load (bits + 7 <= 57), the last ones up to seven
/// bytes past the end of the limb.
inline i64 unpackLimb(u64* dst, const uint8_t* packed, size_t n, int bits, u64 p) {
  const u64 mask = (u64{1} << bits) - 1;
  size_t byte[8];
  int shift[8];
  for (int k = 0; k < 8; ++k) {
    byte[k] = static_cast<size_t>(k * bits / 8);
    shift[k] = k * bits % 8;
  }
  for (size_t i = 0; i < n; i += 8, packed += bits) {
    u64 below = ~u64{0};  // its top bit: whether all of them are below p
    for (int k = 0; k < 8; ++k) {
      u64 word;
      std::memcpy(&word, packed + byte[k], sizeof word);
      const u64 residue = word >> shift[k] & mask;
      below &= residue - p;
      dst[i + k] = residue;
    }
    if (below >> 63 == 0)
      for (size_t k = i;; ++k)
        if (dst[k] >= p) return static_cast<i64>(k);
  }
  return -1;
}

/// packed, addresses of the limbs, their moduli -> limb * N + index of the first residue that is not below its prime in
/// *result, -1 when all are. The limbs follow each other in `packed`, with at least seven readable bytes behind the last.
inline int unpackResiduesCall(Args& args, double* result) {
  Ring& ring = *args.address<Ring>();
  const uint8_t* packed = args.address<uint8_t>();
  const std::vector<u64> limbs = args.words();
  const Indices moduli = args.indices();
  if (!args.complete() || limbs.size() != moduli.size()) return kBadArguments;
  std::vector<size_t> start(moduli.size());
  std::vector<i64> wrong(moduli.size());
  for (size_t j = 0, at = 0; j < moduli.size(); ++j) {
    start[j] = at;
    at += ring.n / 8 * static_cast<size_t>(residueBits(ring.primes[moduli[j]]));
  }
  parallelFor(moduli.size(), [&](size_t j, Scratch&) {
    const u64 p = ring.primes[moduli[j]];
    wrong[j] = unpackLimb(reinterpret_cast<u64*>(static_cast<uintptr_t>(limbs[j])), packed + start[j], ring.n,
                          residueBits(p), p);
  });
  *result = -1;
  for (size_t j = 0; j < moduli.size() && *result < 0; ++j)
    if (wrong[j] >= 0) *result = static_cast<double>(j * ring.n) + static_cast<double>(wrong[j]);
  return kOk;
}

}  // namespace cf::CF_BUILD
