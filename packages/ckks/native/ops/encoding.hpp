// Between vectors of complex slots and polynomials in NTT form: rounding, RNS, and periodic plaintexts.
#pragma once
#include <cmath>

#include "args.hpp"
#include "encoding_fft.hpp"
#include "memory.hpp"
#include "ops/basis.hpp"
#include "ring.hpp"

namespace cf::CF_BUILD {

/// Integers of up to 62 bits and sign, times 2^shift, held as two words below 2^32 each (offset by 2^62), which is what
/// a lane can reduce modulo any prime.
class WideCoefficients {
 public:
  WideCoefficients(u64* high, u64* low, size_t n) : high_(high), low_(low) {
    for (size_t i = 0; i < n; ++i) set(i, 0);
  }
  void set(size_t i, i64 value) {
    const u64 word = static_cast<u64>(value) + kOffset;
    high_[i] = word >> 32;
    low_[i] = word & 0xffffffff;
  }
  /// Coefficients i..i+W-1 modulo one prime.
  struct Residues {
    const u64 *high, *low;
    Mod m;
    VFactor timesHigh, timesLow;
    Vec offset;
    Vec operator()(size_t i) const {
      return subMod(addMod(mulFactor(load(high + i), timesHigh, m), mulFactor(load(low + i), timesLow, m), m), offset, m);
    }
  };
  Residues residues(u64 p, int shift) const {
    const u64 unit = powMod(2, shift, p);
    return {high_, low_, Mod(p), broadcast(makeFactor(cf::mulMod(unit, powMod(2, 32, p), p), p)),
            broadcast(makeFactor(unit, p)), broadcastWord(cf::mulMod(unit, kOffset % p, p))};
  }

 private:
  static constexpr u64 kOffset = u64{1} << 62;
  u64 *high_, *low_;
};

inline int logOf(size_t n) {
  int log = 0;
  while ((size_t{1} << log) < n) ++log;
  return log;
}

/// dst[moduli][N] = the polynomial whose slots are (real + i imag) * scale, rounded. `slots` values; destroys them.
/// `compact`: dst[moduli][2 slots], one word for each run of equal values: a transform of the subring.
inline int encode(Args& args, bool compact) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  double *re = args.address<double>(), *im = args.address<double>();
  const size_t slots = args.size();
  const double scale = args.real();
  const Indices moduli = args.indices();
  if (!args.complete() || slots == 0 || slots > ring.n / 2 || (slots & (slots - 1)) != 0) return kBadArguments;
  const size_t n = compact ? 2 * slots : ring.n, gap = n / (2 * slots);
  if (n < size_t{1} << kMinLogN) return kBadArguments;
  const auto& tables = ring.subringTables(logOf(n));
  coefficientsFromSlots(re, im, logOf(slots), ring.encodingTable());

  double largest = 0;
  for (size_t j = 0; j < slots; ++j) largest = std::fmax(largest, std::fmax(std::fabs(re[j]), std::fabs(im[j])));
  double finite = 0;  // stays 0 unless something is infinite or not a number
  for (size_t j = 0; j < slots; ++j) finite += 0 * re[j] + 0 * im[j];
  if (finite != 0 || !(scale > 0) || !std::isfinite(largest * scale)) return kBadArguments;
  // A double has 53 bits: beyond 2^61 the low bits are zeros that a power of two restores.
  int shift = 0;
  while (std::ldexp(largest * scale, -shift) >= 0x1p61) ++shift;
  const double unit = std::ldexp(scale, -shift);
  Temporary words(2 * n);
  if (!words) return kOutOfMemory;
  WideCoefficients coefficients(words.limb(0, n), words.limb(1, n), n);
  for (size_t j = 0; j < slots; ++j) {
    coefficients.set(j * gap, static_cast<i64>(std::nearbyint(re[j] * unit)));
    coefficients.set((j + slots) * gap, static_cast<i64>(std::nearbyint(im[j] * unit)));
  }
  parallelFor(moduli.size(), [&](size_t t, int) {
    u64* to = dst + t * n;
    const auto residues = coefficients.residues(ring.primes[moduli[t]], shift);
    for (size_t i = 0; i < n; i += W) store(to + i, residues(i));
    forwardLimb(to, to, *tables[moduli[t]]);
  });
  return kOk;
}

/// real, imag [slots] = the slots of src[moduli][N] / scale, for one to three limbs whose product exceeds twice any
/// coefficient: mixed-radix digits, each centred, so that a small number has small digits and none cancel.
inline int decode(Args& args) {
  Ring& ring = *args.address<Ring>();
  const u64* src = args.address();
  double *re = args.address<double>(), *im = args.address<double>();
  const size_t slots = args.size();
  const double scale = args.real();
  const Indices moduli = args.indices();
  if (!args.complete() || slots == 0 || slots > ring.n / 2 || (slots & (slots - 1)) != 0 || moduli.empty() ||
      moduli.size() > 3)
    return kBadArguments;
  const size_t n = ring.n, gap = n / (2 * slots), limbs = moduli.size();
  Temporary words(limbs * n);
  if (!words) return kOutOfMemory;
  parallelFor(limbs, [&](size_t j, int) {
    inverseLimb(words.limb(j, n), src + j * n, *ring.tables[moduli[j]]);
  });
  u64 inverses[3][3];
  for (size_t j = 1; j < limbs; ++j)
    for (size_t k = 0; k < j; ++k) inverses[k][j] = ring.primeInverse(moduli[k], moduli[j]);
  const auto coefficient = [&](size_t i) {
    i64 digits[3];
    double value = 0, weight = 1;
    for (size_t j = 0; j < limbs; ++j) {
      const u64 p = ring.primes[moduli[j]];
      u64 x = words.limb(j, n)[i];
      for (size_t k = 0; k < j; ++k) {
        const u64 digit = digits[k] < 0 ? p - static_cast<u64>(-digits[k]) % p : static_cast<u64>(digits[k]) % p;
        x = cf::mulMod(cf::subMod(x, digit % p, p), inverses[k][j], p);
      }
      digits[j] = x > p / 2 ? -static_cast<i64>(p - x) : static_cast<i64>(x);
      value += static_cast<double>(digits[j]) * weight;
      weight *= static_cast<double>(p);
    }
    return value / scale;
  };
  parallelFor(2, [&](size_t half, int) {
    double* to = half == 0 ? re : im;
    for (size_t j = 0; j < slots; ++j) to[j] = coefficient((j + half * slots) * gap);
  });
  slotsFromCoefficients(re, im, logOf(slots), ring.encodingTable());
  return kOk;
}

}  // namespace cf::CF_BUILD
