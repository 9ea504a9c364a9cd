// Moving between RNS bases: division by some limbs (rescale, ModDown), extension to more limbs (ModUp, ModRaise).
// Polynomials are in NTT form at both ends; each limb is converted, transformed and finished while it is in cache.
#pragma once
#include <array>
#include <cstring>
#include "args.hpp"
#include "memory.hpp"
#include "ring.hpp"
#include "ops/automorphism.hpp"

namespace cf::CF_BUILD {

/// A slab for the duration of one call.
class Temporary {
 public:
  explicit Temporary(size_t words) : bytes_(words * sizeof(u64)), words_(static_cast<u64*>(allocateSlab(bytes_))) {}
  ~Temporary() {
    if (words_ != nullptr) releaseSlab(words_, bytes_);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  explicit operator bool() const { return words_ != nullptr; }
  u64* limb(size_t j, size_t n) const { return words_ + j * n; }

 private:
  size_t bytes_;
  u64* words_;
};

/// sum_j y[j][i] * cofactors[j], lazily, for one vector of coefficients.
inline void macCofactors(Acc& acc, const u64* y, size_t n, size_t i, const std::vector<u64>& cofactors, const Mod& m) {
  for (size_t j = 0; j < cofactors.size(); ++j) mac(acc, load(y + j * n + i), broadcastWord(cofactors[j]), m);
}

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
/// ModDown when `drop` are the special primes, rescale when it is the last prime, both in one when it is both.
inline int divide(Ring& ring, const std::vector<DivideTarget>& polynomials, const Indices& keep, const Indices& drop,
                  const Automorphism* move) {
  const size_t n = ring.n, k = drop.size(), rows = k + 1;
  const BaseConverter& converter = ring.converter(drop, keep);
  Temporary residues(polynomials.size() * rows * n);
  if (!residues) return kOutOfMemory;

  parallelFor(polynomials.size() * k, [&](size_t item, int) {
    const size_t which = item / k, j = item % k;
    const NttTable& table = *ring.tables[drop[j]];
    const Mod m(ring.primes[drop[j]]);
    const u64* from = polynomials[which].src + (keep.size() + j) * n;
    u64* y = residues.limb(which * rows + j, n);
    const VFactor factor = broadcast(converter.inverses[j]);
    inverse([&](size_t i) { return load(from + i); }, y, [&](size_t i, Vec v) { store(y + i, mulFactor(v, factor, m)); },
            table);
  });
  parallelFor(polynomials.size(), [&](size_t which, int) {
    conversionOverflow(residues.limb(which * rows + k, n), residues.limb(which * rows, n), n, converter.reciprocals);
  });
  // Limb by limb, so that polynomials that share a prime share its hot tables.
  parallelFor(polynomials.size() * keep.size(), [&](size_t item, int) {
    const size_t which = item % polynomials.size(), t = item / polynomials.size();
    const Mod m(ring.primes[keep[t]]);
    const u64* y = residues.limb(which * rows, n);
    const u64* overflow = residues.limb(which * rows + k, n);
    const u64* from = polynomials[which].src + t * n;
    u64* to = polynomials[which].dst + t * n;
    const Vec negatedProduct = broadcastWord(converter.negatedProduct[t]);
    const VFactor productInverse = broadcast(converter.productInverse[t]);
    const auto& cofactors = converter.cofactors[t];
    u64* work = static_cast<u64*>(threadScratch(n * sizeof(u64)));
    const auto in = [&](size_t i) {
      Acc acc = zeroAcc();
      macCofactors(acc, y, n, i, cofactors, m);
      mac(acc, load(overflow + i), negatedProduct, m);
      return reduceAcc(acc, m);
    };
    const auto quotient = [&](size_t i, Vec v) { return mulFactor(subMod(load(from + i), v, m), productInverse, m); };
    if (move == nullptr) {
      forward(in, work, [&](size_t i, Vec v) { store(to + i, quotient(i, v)); }, *ring.tables[keep[t]]);
    } else {
      forward(in, work, [&](size_t i, Vec v) { store(work + i, quotient(i, v)); }, *ring.tables[keep[t]]);
      move->permute(to, work, n);
    }
  });
  return kOk;
}

inline int divideCall(Args& args) {
  Ring& ring = *args.address<Ring>();
  const Indices keep = args.indices(), drop = args.indices();
  std::vector<DivideTarget> polynomials(args.size() & 0xff);
  for (DivideTarget& p : polynomials) p = {args.address(), args.address()};
  if (!args.complete() || drop.empty() || drop.size() >= kAccTerms) return kBadArguments;
  return divide(ring, polynomials, keep, drop, nullptr);
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
    if (size <= 0 || size >= kAccTerms) return false;
    total += size;
  }
  return total == limbs && sizes.size() <= kAccTerms;
}

/// Extends the digits of a polynomial to a whole basis: the first half of a key switch.
///
/// Digit d of x is x mod D, D the product of its limbs, as the integer sum_j y_j D/q_j - floor(k/2) D for its k limbs:
/// a representative of variance k D^2 / 12 about zero, without the cost of an exact conversion.
class DigitExtension {
 public:
  /// `q` are the limbs of the polynomial, `all` = q and the special primes.
  DigitExtension(Ring& ring, const Indices& q, const Indices& all, const std::vector<Digit>& digits)
      : ring_(ring), all_(all), digits_(digits) {
    for (const Digit& digit : digits)
      converters_.push_back(&ring.converter(Indices(q.begin() + digit.from, q.begin() + digit.to), all));
  }

  /// Phase 1, in parallel: y = inverse NTT of src, times the digits' inverses. y: [q][N].
  void prepare(u64* y, const u64* src, const Indices& q) const {
    const size_t n = ring_.n;
    parallelFor(q.size(), [&](size_t j, int) {
      size_t d = 0;
      while (!digits_[d].has(j)) ++d;
      const Mod m(ring_.primes[q[j]]);
      const VFactor factor = broadcast(converters_[d]->inverses[j - digits_[d].from]);
      const u64* from = src + j * n;
      u64* to = y + j * n;
      inverse([&](size_t i) { return load(from + i); }, to,
              [&](size_t i, Vec v) { store(to + i, mulFactor(v, factor, m)); }, *ring_.tables[q[j]]);
    });
  }

  /// Phase 2, one limb: dst = NTT of digit d modulo limb t of the whole basis (t not one of the digit's own limbs).
  void extend(u64* dst, const u64* y, size_t d, size_t t) const {
    const size_t n = ring_.n;
    const Mod m(ring_.primes[all_[t]]);
    const Digit& digit = digits_[d];
    const u64* from = y + digit.from * n;
    const auto& cofactors = converters_[d]->cofactors[t];
    const Vec negatedProduct = broadcastWord(converters_[d]->negatedProduct[t]);
    const Vec centre = broadcastWord((digit.to - digit.from) / 2);
    forward(
        [&](size_t i) {
          Acc acc = zeroAcc();
          mac(acc, centre, negatedProduct, m);
          macCofactors(acc, from, n, i, cofactors, m);
          return reduceAcc(acc, m);
        },
        dst, [&](size_t i, Vec v) { store(dst + i, v); }, *ring_.tables[all_[t]]);
  }

  const std::vector<Digit>& digits() const { return digits_; }

 private:
  Ring& ring_;
  const Indices& all_;
  const std::vector<Digit>& digits_;
  std::vector<const BaseConverter*> converters_;
};

inline Indices joined(const Indices& a, const Indices& b) {
  Indices all(a);
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

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
  Temporary y(q.size() * n);
  if (!y) return kOutOfMemory;
  const DigitExtension extension(ring, q, all, digits);
  extension.prepare(y.limb(0, n), src, q);
  parallelFor(all.size() * digits.size(), [&](size_t item, int) {
    const size_t t = item / digits.size(), d = item % digits.size();
    u64* to = dst + (d * all.size() + t) * n;
    if (digits[d].has(t)) {
      std::memcpy(to, src + t * n, n * sizeof(u64));
    } else {
      extension.extend(to, y.limb(0, n), d, t);
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
  Temporary shifted(n);
  if (!shifted) return kOutOfMemory;
  u64* y = shifted.limb(0, n);
  const Mod mq(q);
  inverse([&](size_t i) { return load(src + i); }, y,
          [&](size_t i, Vec v) { store(y + i, addMod(v, broadcastWord(half), mq)); }, *ring.tables[from]);
  parallelFor(to.size(), [&](size_t t, int) {
    const u64 p = ring.primes[to[t]];
    const Mod m(p);
    u64* limb = dst + t * n;
    const Vec halfModP = broadcastWord(half % p);
    forward([&](size_t i) { return subMod(reduceWord(load(y + i), m), halfModP, m); }, limb,
            [&](size_t i, Vec v) { store(limb + i, v); }, *ring.tables[to[t]]);
  });
  return kOk;
}

}  // namespace cf::CF_BUILD
