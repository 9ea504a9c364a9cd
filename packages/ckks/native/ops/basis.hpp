// Moving between RNS bases: division by some limbs (rescale, ModDown), extension to more limbs (ModUp, ModRaise).
// Polynomials are in NTT form at both ends; each limb is converted, transformed and finished while it is in cache.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include "args.hpp"
#include "memory.hpp"
#include "ring.hpp"
#include "sum.hpp"
#include "ops/automorphism.hpp"

namespace cf::CF_BUILD {

/// Target limbs converted together: each source word is loaded once for all of them.
constexpr size_t kConvertTogether = 4;

/// One target of a base conversion: dst = sum_j y[j] * weights[j] - shift modulo `modulus`.
struct ConversionTarget {
  u64* dst;
  const u64* weights;
  u64 shift;
  u64 modulus;
};

template <size_t G>
void convertGroup(const ConversionTarget* targets, const u64* y, size_t sources, size_t n) {
  const auto each = [&]<size_t... I>(std::index_sequence<I...>) {
    const Mod m[] = {Mod(targets[I].modulus)...};
    const Vec shifts[] = {broadcastWord(targets[I].shift)...};
    for (size_t i = 0; i < n; i += W) {
      Sum<> sums[G];
      for (size_t j = 0; j < sources; ++j) {
        const Vec x = load(y + j * n + i);
        (sums[I].add(x, broadcastWord(targets[I].weights[j]), m[I]), ...);
      }
      (store(targets[I].dst + i, subMod(sums[I].value(m[I]), shifts[I], m[I])), ...);
    }
  };
  each(std::make_index_sequence<G>());
}

/// The sum of `sources` limbs y[j][N], each times a constant, modulo up to kConvertTogether other primes.
inline void convert(const std::vector<ConversionTarget>& targets, const u64* y, size_t sources, size_t n) {
  switch (targets.size()) {
    case 0: return;
    case 1: return convertGroup<1>(targets.data(), y, sources, n);
    case 2: return convertGroup<2>(targets.data(), y, sources, n);
    case 3: return convertGroup<3>(targets.data(), y, sources, n);
    default: return convertGroup<kConvertTogether>(targets.data(), y, sources, n);
  }
}

/// Splits [0, count) into groups of at most kConvertTogether and runs body(from, to, scratch) for each, in parallel.
template <class Body>
void inGroups(size_t count, const Body& body) {
  parallelFor((count + kConvertTogether - 1) / kConvertTogether, [&](size_t group, Scratch& scratch) {
    const size_t from = group * kConvertTogether;
    body(from, std::min(from + kConvertTogether, count), scratch);
  });
}

/// Item `item` of a table written row by row; tables have a handful of rows.
struct Cell {
  size_t row = 0, column;
  Cell(size_t item, size_t columns) : column(item) {
    for (; column >= columns; column -= columns) ++row;
  }
};

/// overflow[i] = round(sum_j y[j][i] / f_j): how many times F the plain conversion of y is too large. Plain doubles in
/// a fixed order, so that every build and the reference agree on the rare values near a half.
inline void conversionOverflow(u64* overflow, const u64* y, size_t n, const std::vector<double>& reciprocals) {
  constexpr size_t kRun = 512;
  double sum[kRun];
  for (size_t at = 0; at < n; at += kRun) {
    const size_t run = n - at < kRun ? n - at : kRun;
    for (size_t i = 0; i < run; ++i) sum[i] = 0.5;
    for (size_t j = 0; j < reciprocals.size(); ++j) {
      const u64* limb = y + j * n + at;
      for (size_t i = 0; i < run; ++i) sum[i] += static_cast<double>(static_cast<i64>(limb[i])) * reciprocals[j];
    }
    for (size_t i = 0; i < run; ++i) overflow[at + i] = static_cast<u64>(static_cast<i64>(sum[i]));
  }
}

struct DivideTarget {
  u64* dst;             // [keep][N]
  const u64* src;       // [keep | drop][N]
};

/// dst = round(src / F), F the product of `drop`, for several polynomials; with `move`, dst = round(src / F)(X^g).
/// ModDown when `drop` are the special primes, rescale when it is the last prime, both in one when it is both. `contents`:
/// of the polynomials.
inline int divide(Ring& ring, const std::vector<DivideTarget>& polynomials, const Indices& keep, const Indices& drop,
                  const Automorphism* move, Contents contents) {
  const size_t n = ring.n, k = drop.size(), rows = k + 1;
  const BaseConverter& converter = ring.converter(drop, keep);
  const Temporary residues(polynomials.size() * rows * n, contents);

  parallelFor(polynomials.size() * k, [&](size_t item, Scratch&) {
    const auto [which, j] = Cell(item, k);
    weightedInverseLimb(residues.limb(which * rows + j, n), polynomials[which].src + (keep.size() + j) * n, 0,
                        converter.inverses[j], *ring.tables[drop[j]]);
  });
  parallelFor(polynomials.size(), [&](size_t which, Scratch&) {
    conversionOverflow(residues.limb(which * rows + k, n), residues.limb(which * rows, n), n, converter.reciprocals);
  });
  parallelFor(polynomials.size() * ((keep.size() + kConvertTogether - 1) / kConvertTogether), [&](size_t item, Scratch& scratch) {
    const auto [group, which] = Cell(item, polynomials.size());
    const size_t from = group * kConvertTogether;
    const size_t to = std::min(from + kConvertTogether, keep.size());
    const DivideTarget& polynomial = polynomials[which];
    u64* work = scratch.words(kConvertTogether * n, contents);
    std::vector<ConversionTarget> targets;
    for (size_t t = from; t < to; ++t)
      targets.push_back({work + (t - from) * n, converter.weights[t].data(), 0, ring.primes[keep[t]]});
    convert(targets, residues.limb(which * rows, n), rows, n);
    for (size_t t = from; t < to; ++t) {
      u64* limb = work + (t - from) * n;
      const Mod m(ring.primes[keep[t]]);
      const u64* numerator = polynomial.src + t * n;
      u64* dst = polynomial.dst + t * n;
      u64* quotient = move == nullptr ? dst : limb;
      const VFactor inverse = broadcast(converter.productInverse[t]);
      forward([&](size_t i) { return load(limb + i); }, limb,
              [&](size_t i, Vec v) { store(quotient + i, mulFactor(subMod(load(numerator + i), v, m), inverse, m)); },
              *ring.tables[keep[t]]);
      if (move != nullptr) move->permute(dst, limb, n);
    }
  });
  return kOk;
}

inline int divideCall(Args& args) {
  Ring& ring = *args.address<Ring>();
  const Indices keep = args.indices(), drop = args.indices();
  std::vector<DivideTarget> polynomials(args.size() & 0xff);
  for (DivideTarget& p : polynomials) p = {args.address(), args.address()};
  if (!args.complete() || drop.empty() || drop.size() >= kMaxTerms) return kBadArguments;
  return divide(ring, polynomials, keep, drop, nullptr, Contents::kSecret);  // encryption divides too
}

/// The digits of a basis: consecutive runs of its limbs.
struct Digit {
  size_t from, to;
  bool has(size_t limb) const { return limb >= from && limb < to; }
};

inline std::vector<Digit> digitsFromSizes(const Indices& sizes) {
  std::vector<Digit> digits;
  size_t at = 0;
  for (const int size : sizes) {
    digits.push_back({at, at + size});
    at += size;
  }
  return digits;
}

inline bool validDigits(const Indices& sizes, size_t limbs) {
  size_t total = 0;
  for (const int size : sizes) {
    if (size <= 0 || size > kMaxTerms) return false;
    total += size;
  }
  return total == limbs && sizes.size() <= kMaxTerms;
}

/// Extends the digits of a polynomial to a whole basis: the first half of a key switch.
///
/// Digit d of x is x mod D, D the product of its k limbs, as an integer of mean zero and variance k D^2 / 12 without the
/// cost of an exact conversion: sum_j y_j D/q_j - C, with y the weighted residues of x + C and C = floor(k D / 2). Without
/// the centring every coefficient would carry the same bias, a polynomial 1 + X + X^2 + ... that is 2 N / pi in some slots.
class DigitExtension {
 public:
  /// `q` are the limbs of the polynomial, `all` = q and the special primes.
  DigitExtension(Ring& ring, const Indices& q, const Indices& all, const std::vector<Digit>& digits)
      : ring_(ring), q_(q), all_(all), digits_(digits) {
    for (const Digit& digit : digits)
      converters_.push_back(&ring.converter(Indices(q.begin() + digit.from, q.begin() + digit.to), all));
  }

  /// Phase 1, in parallel: y = the weighted residues of src + C. y: [q][N], coefficients.
  void prepare(u64* y, const u64* src) const {
    const size_t n = ring_.n;
    parallelFor(q_.size(), [&](size_t j, Scratch&) {
      size_t d = 0;
      while (!digits_[d].has(j)) ++d;
      weightedInverseLimb(y + j * n, src + j * n, centre(d, j), converters_[d]->inverses[j - digits_[d].from],
                          *ring_.tables[q_[j]]);
    });
  }

  /// Phase 2: dsts[t - from] = NTT of digit d modulo limbs [from, to) of the whole basis, the digit's own limbs left out.
  void extend(u64* const* dsts, const u64* y, size_t d, size_t from, size_t to) const {
    const size_t n = ring_.n;
    const Digit& digit = digits_[d];
    std::vector<ConversionTarget> targets;
    for (size_t t = from; t < to; ++t)
      if (!digit.has(t))
        targets.push_back({dsts[t - from], converters_[d]->weights[t].data(), centre(d, t), ring_.primes[all_[t]]});
    convert(targets, y + digit.from * n, digit.to - digit.from, n);
    for (size_t t = from; t < to; ++t) {
      if (!digit.has(t)) forwardLimb(dsts[t - from], dsts[t - from], *ring_.tables[all_[t]]);
    }
  }

 private:
  /// C = floor(k D / 2) modulo limb t of the whole basis.
  u64 centre(size_t d, size_t t) const {
    const u64 p = ring_.primes[all_[t]], half = (p + 1) / 2;
    const size_t k = digits_[d].to - digits_[d].from;
    const u64 twice = cf::subMod(cf::mulMod(converters_[d]->product[t], k, p), k % 2, p);  // D is odd: k D has the parity of k
    return cf::mulMod(twice, half, p);
  }

  Ring& ring_;
  const Indices &q_, &all_;
  const std::vector<Digit>& digits_;
  std::vector<const BaseConverter*> converters_;
};

/// dst[digit][q | special][N] = the extended digits of src[q][N]: shared by all rotations of one ciphertext (hoisting).
inline int decompose(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64* src = args.address();
  const Indices q = args.indices(), special = args.indices(), sizes = args.integers();
  if (!args.complete() || !validDigits(sizes, q.size())) return kBadArguments;
  const Indices all = joined(q, special);
  const std::vector<Digit> digits = digitsFromSizes(sizes);
  const size_t n = ring.n;
  const Temporary y(q.size() * n);
  const DigitExtension extension(ring, q, all, digits);
  extension.prepare(y.limb(0, n), src);
  inGroups(all.size(), [&](size_t from, size_t to, Scratch&) {
    for (size_t d = 0; d < digits.size(); ++d) {
      u64* limbs[kConvertTogether];
      for (size_t t = from; t < to; ++t) {
        limbs[t - from] = dst + (d * all.size() + t) * n;
        if (digits[d].has(t)) std::memcpy(limbs[t - from], src + t * n, n * sizeof(u64));
      }
      extension.extend(limbs, y.limb(0, n), d, from, to);
    }
  });
  return kOk;
}

/// dst[to][N] = the centred lift of src, one limb modulo `from`, to other primes: ModRaise, and any small polynomial.
inline int raise(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64* src = args.address();
  const int from = args.index();
  const Indices to = args.indices();
  if (!args.complete()) return kBadArguments;
  const size_t n = ring.n;
  const u64 q = ring.primes[from], half = q / 2;
  const Temporary shifted(n, Contents::kSecret);
  u64* y = shifted.words();
  weightedInverseLimb(y, src, half, makeFactor(1, q), *ring.tables[from]);
  parallelFor(to.size(), [&](size_t t, Scratch&) {
    const u64 p = ring.primes[to[t]];
    const Mod m(p);
    u64* limb = dst + t * n;
    const Vec halfModP = broadcastWord(cf::modulo(half, p));
    for (size_t i = 0; i < n; i += W) store(limb + i, subMod(reduceWord(load(y + i), m), halfModP, m));
    forwardLimb(limb, limb, *ring.tables[to[t]]);
  });
  return kOk;
}

}  // namespace cf::CF_BUILD
