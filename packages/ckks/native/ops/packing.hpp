// Residues as the wire carries them: residue i of a limb starts at bit i * bits, least significant bit first, where bits
// is the length of p - 1. src/wire/packing.ts has both directions again, for the tests to compare.
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

/// packed = n residues of `bits` bits each, at most 57; n is a multiple of 32, so they fill whole 32-bit words. Returns the
/// index of the first that has more bits, -1 when none has.
inline i64 packLimb(uint8_t* packed, const u64* src, size_t n, int bits) {
  u64 hold = 0, seen = 0;  // the bits between two words, `held` < 64 of them
  int held = 0;
  for (size_t i = 0; i < n; ++i) {
    const u64 residue = src[i];
    seen |= residue;
    hold |= residue << held;
    held += bits;
    if (held < 64) continue;
    std::memcpy(packed, &hold, sizeof hold);
    packed += sizeof hold;
    held -= 64;
    hold = held == 0 ? 0 : residue >> (bits - held);
  }
  if (held != 0) std::memcpy(packed, &hold, static_cast<size_t>(held) / 8);
  if (seen >> bits != 0)
    for (size_t i = 0; i < n; ++i)
      if (src[i] >> bits != 0) return static_cast<i64>(i);
  return -1;
}

/// Where each limb starts among packed ones that follow each other.
inline std::vector<size_t> packedStarts(const Ring& ring, const Indices& moduli) {
  std::vector<size_t> start(moduli.size());
  for (size_t j = 0, at = 0; j < moduli.size(); ++j) {
    start[j] = at;
    at += ring.n / 8 * static_cast<size_t>(residueBits(ring.primes[moduli[j]]));
  }
  return start;
}

/// limb * N + the index in the first limb that has one, -1 when none has.
inline double firstWrong(const std::vector<i64>& wrong, size_t n) {
  for (size_t j = 0; j < wrong.size(); ++j)
    if (wrong[j] >= 0) return static_cast<double>(j * n) + static_cast<double>(wrong[j]);
  return -1;
}

inline u64* limbAt(u64 address) { return reinterpret_cast<u64*>(static_cast<uintptr_t>(address)); }

/// packed, addresses of the limbs, their moduli -> limb * N + index of the first residue that is not below its prime in
/// *result, -1 when all are. The limbs follow each other in `packed`, with at least seven readable bytes behind the last.
inline int unpackResiduesCall(Args& args, double* result) {
  Ring& ring = *args.address<Ring>();
  const uint8_t* packed = args.address<uint8_t>();
  const std::vector<u64> limbs = args.words();
  const Indices moduli = args.indices();
  if (!args.complete() || limbs.size() != moduli.size()) return kBadArguments;
  const std::vector<size_t> start = packedStarts(ring, moduli);
  std::vector<i64> wrong(moduli.size());
  parallelFor(moduli.size(), [&](size_t j, Scratch&) {
    const u64 p = ring.primes[moduli[j]];
    wrong[j] = unpackLimb(limbAt(limbs[j]), packed + start[j], ring.n, residueBits(p), p);
  });
  *result = firstWrong(wrong, ring.n);
  return kOk;
}

/// The inverse. *result: the first residue with more bits than its prime, which is memory that holds no residues.
inline int packResiduesCall(Args& args, double* result) {
  Ring& ring = *args.address<Ring>();
  uint8_t* packed = args.address<uint8_t>();
  const std::vector<u64> limbs = args.words();
  const Indices moduli = args.indices();
  if (!args.complete() || limbs.size() != moduli.size()) return kBadArguments;
  const std::vector<size_t> start = packedStarts(ring, moduli);
  std::vector<i64> wrong(moduli.size());
  parallelFor(moduli.size(), [&](size_t j, Scratch&) {
    wrong[j] = packLimb(packed + start[j], limbAt(limbs[j]), ring.n, residueBits(ring.primes[moduli[j]]));
  });
  *result = firstWrong(wrong, ring.n);
  return kOk;
}

}  // namespace cf::CF_BUILD
