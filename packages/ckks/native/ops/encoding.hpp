// Between vectors of complex slots and polynomials in NTT form: rounding, RNS, and periodic plaintexts.
#pragma once
#include <bit>
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
  /// Zeros; only numbers 0, gap, 2 gap, ... are set.
  WideCoefficients(u64* high, u64* low, size_t n, size_t gap) : high_(high), low_(low), gap_(gap) {
    for (size_t i = 0; gap > 1 && i < n; ++i) high_[i] = kOffset >> 32, low_[i] = 0;
  }
  /// Numbers first * gap, ... = the nearest whole numbers to unit * x[0], ..., below 2^62 in size.
  void round(size_t first, const double* x, size_t count, double unit) {
    u64 *high = high_ + first * gap_, *low = low_ + first * gap_;
    if (gap_ == 1) roundTo(high, low, x, count, unit, 1);
    else roundTo(high, low, x, count, unit, gap_);
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
            broadcast(makeFactor(unit, p)), broadcastWord(cf::mulMod(unit, kOffset, p))};
  }

 private:
  static constexpr u64 kOffset = u64{1} << 62;
  /// Adding 1.5 * 2^52 to a double below 2^51 rounds it, to even where it lies in the middle, and leaves it in the low bits.
  /// Larger ones are split into multiples of 2^32 and the rest, exactly. No branch, and no function that might have one.
  static void roundTo(u64* __restrict high, u64* __restrict low, const double* __restrict x, size_t count, double unit, size_t gap) {
    constexpr double kRounder = 0x1.8p52;
    constexpr u64 kRounderBits = std::bit_cast<u64>(kRounder);
    for (size_t i = 0; i < count; ++i) {
      const double value = x[i] * unit, upper = value * 0x1p-32 + kRounder;
      const double lower = (value - (upper - kRounder) * 0x1p32) + kRounder;
      const u64 word = ((std::bit_cast<u64>(upper) - kRounderBits) << 32) + (std::bit_cast<u64>(lower) - kRounderBits) + kOffset;
      high[i * gap] = word >> 32;
      low[i * gap] = word & 0xffffffff;
    }
  }
  u64 *high_, *low_;
  size_t gap_;
};

inline int logOf(size_t n) {
  int log = 0;
  while ((size_t{1} << log) < n) ++log;
  return log;
}

/// Slots to encode: `slots` values of each part, which are destroyed.
struct SlotVector {
  u64* dst;
  double *re, *im;
  double scale;
};

/// The rounded coefficients of a vector at its scale, and the power of two that they lack.
struct RoundedCoefficients {
  WideCoefficients values;
  int shift = 0;
};

/// The largest absolute value, as its bits, which are in the order of the numbers: those of infinity or more for what is not finite.
inline u64 largestBits(const double* x, size_t count) {
  u64 largest = 0;
  for (size_t j = 0; j < count; ++j) {
    const u64 bits = std::bit_cast<u64>(x[j]) & ~(u64{1} << 63);
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

/// `work`: 2 * slots words. Returns false where a value is not finite, or the scale not positive.
inline bool roundedCoefficients(RoundedCoefficients& to, const SlotVector& vector, size_t slots, u64* work,
                                const EncodingTable& table) {
  const auto& [dst, re, im, scale] = vector;
  double* values = reinterpret_cast<double*>(work);
  const int log = logOf(slots);
  coefficientsFromSlots({re, im}, {values, values + slots}, log, table);
  const double largest = std::ldexp(std::bit_cast<double>(largestBits(values, 2 * slots)), -log);
  if (!(scale > 0) || !std::isfinite(largest * scale)) return false;
  // A double has 53 bits: beyond 2^61 the low bits are zeros that a power of two restores.
  for (double rest = largest * scale; rest >= 0x1p61; rest *= 0.5) ++to.shift;
  to.values.round(0, values, 2 * slots, std::ldexp(scale, -to.shift - log));
  return true;
}

/// dst[moduli][N] of each vector = the polynomial whose slots are (real + i imag) * scale, rounded.
/// `compact`: dst[moduli][2 slots], one word for each run of equal values: a transform of the subring.
/// The transform to coefficients is one thread's work: threads share the vectors, then the limbs of all of them.
inline int encodeVectors(Ring& ring, const std::vector<SlotVector>& vectors, size_t slots, const Indices& moduli, bool compact) {
  if (slots == 0 || slots > ring.n / 2 || (slots & (slots - 1)) != 0) return kBadArguments;
  const size_t n = compact ? 2 * slots : ring.n, gap = n >> logOf(2 * slots);
  if (n < size_t{1} << kMinLogN) return kBadArguments;
  const auto& tables = ring.subringTables(logOf(n));
  const EncodingTable& roots = ring.encodingTable();
  const size_t count = vectors.size();
  const Temporary words((2 * n + 2 * slots) * count, Contents::kSecret);
  std::vector<RoundedCoefficients> rounded;
  for (size_t v = 0; v < count; ++v) rounded.push_back({{words.limb(2 * v, n), words.limb(2 * v + 1, n), n, gap}});
  std::vector<char> done(count, 0);
  parallelFor(count, [&](size_t v, Scratch&) {
    done[v] = roundedCoefficients(rounded[v], vectors[v], slots, words.limb(2 * count, n) + 2 * slots * v, roots);
  });
  for (const char one : done)
    if (!one) return kBadArguments;
  parallelFor(moduli.size(), [&](size_t t, Scratch&) {
    for (size_t v = 0; v < vectors.size(); ++v) {
      u64* to = vectors[v].dst + t * n;
      const auto residues = rounded[v].values.residues(ring.primes[moduli[t]], rounded[v].shift);
      for (size_t i = 0; i < n; i += W) store(to + i, residues(i));
      forwardLimb(to, to, *tables[moduli[t]]);
    }
  });
  return kOk;
}

/// One vector: dst, real, imag, slots, scale, moduli.
inline int encode(Args& args, bool compact) {
  Ring& ring = *args.address<Ring>();
  SlotVector vector{args.address(), args.address<double>(), args.address<double>(), 0};
  const size_t slots = args.size();
  vector.scale = args.real();
  const Indices moduli = args.indices();
  if (!args.complete()) return kBadArguments;
  return encodeVectors(ring, {vector}, slots, moduli, compact);
}

/// Several vectors of equally many slots: a word that is 1 for `compact`, slots, moduli, their number, and dst, real, imag,
/// scale of each.
inline int encodeMany(Args& args) {
  Ring& ring = *args.address<Ring>();
  const bool compact = args.word() != 0;
  const size_t slots = args.size();
  const Indices moduli = args.indices();
  std::vector<SlotVector> vectors(args.size() & 0xffff);
  for (SlotVector& vector : vectors) vector = {args.address(), args.address<double>(), args.address<double>(), args.real()};
  if (!args.complete() || vectors.empty()) return kBadArguments;
  return encodeVectors(ring, vectors, slots, moduli, compact);
}

/// Integers from their residues modulo one to three primes: mixed-radix digits, each centred, so that a small number has
/// small digits and none cancel. Digit j is held as the residue `digit + p_j / 2` of prime j.
class CentredDigits {
 public:
  static constexpr size_t kMost = 3;

  CentredDigits(Ring& ring, const Indices& moduli) {
    double weight = 1;
    for (size_t j = 0; j < moduli.size(); ++j) {
      const u64 p = ring.primes[moduli[j]];
      Place& place = places_.emplace_back(Place{Mod(p), broadcastWord(p / 2), static_cast<double>(p / 2), weight, {}});
      weight *= static_cast<double>(p);
      for (size_t k = 0; k < j; ++k) {
        const u64 below = ring.primes[moduli[k]] / 2;
        place.below.push_back({broadcastWord(cf::modulo(below, p)), broadcast(makeFactor(ring.primeInverse(moduli[k], moduli[j]), p))});
      }
    }
  }

  /// real[i], i in [from, to), from and to multiples of W: residues j at limbs[j][i], which the digits replace.
  void values(double* real, u64* const* limbs, size_t from, size_t to) const {
    for (size_t j = 0; j < places_.size(); ++j) {
      const Place& place = places_[j];
      for (size_t i = from; i < to; i += W) {
        Vec x = load(limbs[j] + i);
        for (size_t k = 0; k < j; ++k) {
          const Vec digit = subMod(reduceWord(load(limbs[k] + i), place.m), place.below[k].half, place.m);
          x = mulFactor(subMod(x, digit, place.m), place.below[k].inverse, place.m);
        }
        store(limbs[j] + i, addMod(x, place.half, place.m));
      }
    }
    for (size_t i = from; i < to; ++i) {
      double value = 0;
      for (size_t j = 0; j < places_.size(); ++j)
        value += (static_cast<double>(static_cast<i64>(limbs[j][i])) - places_[j].halfReal) * places_[j].weight;
      real[i] = value;
    }
  }

 private:
  struct Below {
    Vec half;         // half of a prime below, modulo this one
    VFactor inverse;  // that prime's inverse
  };
  struct Place {
    Mod m;
    Vec half;
    double halfReal, weight;
    std::vector<Below> below;
  };
  std::vector<Place> places_;
};

/// real, imag [slots] = the slots of src[moduli][N] / scale, for one to three limbs whose product exceeds twice any
/// coefficient.
inline int decode(Args& args) {
  Ring& ring = *args.address<Ring>();
  const u64* src = args.address();
  double *re = args.address<double>(), *im = args.address<double>();
  const size_t slots = args.size();
  const double scale = args.real();
  const Indices moduli = args.indices();
  if (!args.complete() || slots == 0 || slots > ring.n / 2 || (slots & (slots - 1)) != 0 || moduli.empty() ||
      moduli.size() > CentredDigits::kMost)
    return kBadArguments;
  const size_t n = ring.n, limbs = moduli.size(), count = 2 * slots, gap = n >> logOf(count);
  const Temporary words((limbs + 1) * n, Contents::kSecret);
  const CentredDigits digits(ring, moduli);
  u64* residues[CentredDigits::kMost];
  for (size_t j = 0; j < limbs; ++j) residues[j] = words.limb(j, n);
  parallelFor(limbs, [&](size_t j, Scratch&) {
    inverseLimb(residues[j], src + j * n, *ring.tables[moduli[j]]);
    for (size_t i = 0; gap > 1 && i < count; ++i) residues[j][i] = residues[j][i * gap];
  });
  double* values = reinterpret_cast<double*>(words.limb(limbs, n));
  constexpr size_t kRun = 2048;
  const size_t padded = std::max(count, size_t{W});
  parallelFor((padded + kRun - 1) / kRun, [&](size_t run, Scratch&) {
    digits.values(values, residues, run * kRun, std::min((run + 1) * kRun, padded));
  });
  const double unit = cf::quotient(1, scale);
  for (size_t j = 0; j < slots; ++j) re[j] = values[j] * unit, im[j] = values[slots + j] * unit;
  slotsFromCoefficients(re, im, logOf(slots), ring.encodingTable());
  return kOk;
}

}  // namespace cf::CF_BUILD
