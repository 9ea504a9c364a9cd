// Hybrid key switching (Han and Ki, CT-RSA 2020, section 3): inner products of extended digits with switching keys,
// with the automorphism of a rotation and the division by the special primes folded in.
//
// A key is [digit][2][key limbs][N] words in NTT form, key limbs = the primes of its level, then its special primes.
// It serves every level up to its own: limb t of the basis in use is limb t of the key below the level, and the special
// primes sit at the key's end. A rotation by g uses a key from s to g^-1(s) and applies g at the very end, to two
// polynomials instead of to every digit (Bossuat et al., EUROCRYPT 2021, section 4).
#pragma once
#include "ops/basis.hpp"

namespace cf::CF_BUILD {

struct SwitchingKey {
  const u64* words;
  size_t qLimbs;   // primes of the key's level
  size_t special;  // special primes

  /// Limb `t` of a basis with `q` primes and this key's special primes.
  const u64* limb(size_t digit, size_t half, size_t t, size_t q, size_t n) const {
    const size_t at = t < q ? t : qLimbs + (t - q);
    return words + ((digit * 2 + half) * (qLimbs + special) + at) * n;
  }
};

/// One limb of an inner product: sum_d digit_d * key_d for both halves of the key.
struct InnerProductLimb {
  size_t count = 0;
  std::array<const u64*, kMaxTerms> digits, key0, key1;

  void add(const u64* digit, const u64* k0, const u64* k1) {
    digits[count] = digit;
    key0[count] = k0;
    key1[count++] = k1;
  }

  /// o0[i], o1[i] for i in [from, from + length)
  void evaluate(u64* o0, u64* o1, size_t from, size_t length, const Mod& m) const {
    for (size_t i = 0; i < length; i += W) {
      Sum<> sum0, sum1;
      for (size_t d = 0; d < count; ++d) {
        const Vec x = load(digits[d] + from + i);
        sum0.add(x, load(key0[d] + from + i), m);
        sum1.add(x, load(key1[d] + from + i), m);
      }
      store(o0 + i, sum0.value(m));
      store(o1 + i, sum1.value(m));
    }
  }
};

/// dst0, dst1 [q | special][N] (+)= ((addend, 0) + sum_d digit_d key_d)(X^galois), from digits already extended
/// (hoisting). addend [q | special][N] may be absent (address 0).
inline int innerProduct(Args& args, bool accumulate) {
  Ring& ring = *args.address<Ring>();
  u64 *dst0 = args.address(), *dst1 = args.address();
  const u64 *digits = args.address(), *addend = args.address();
  const u64 galois = args.galois();
  SwitchingKey key{args.address(), args.size(), 0};
  const size_t count = args.size();
  const Indices q = args.indices(), special = args.indices();
  key.special = special.size();
  if (!args.complete() || count > kMaxTerms || q.size() > key.qLimbs) return kBadArguments;
  const Indices all = joined(q, special);
  const Automorphism move(ring, galois);
  const size_t n = ring.n;
  parallelFor(all.size(), [&](size_t t, Scratch& scratch) {
    const Mod m(ring.primes[all[t]]);
    InnerProductLimb limb;
    for (size_t d = 0; d < count; ++d)
      limb.add(digits + (d * all.size() + t) * n, key.limb(d, 0, t, q.size(), n), key.limb(d, 1, t, q.size(), n));
    u64* result = scratch.words(2 * n);
    limb.evaluate(result, result + n, 0, n, m);
    if (addend != nullptr)
      for (size_t i = 0; i < n; i += W) store(result + i, addMod(load(result + i), load(addend + t * n + i), m));
    for (u64* dst : {dst0 + t * n, dst1 + t * n}) {
      if (accumulate) {
        for (size_t block = 0; block < n / kBlock; ++block) {
          const BlockMove from = move(block);
          for (size_t b = 0; b < kBlock; ++b) {
            u64& to = dst[kBlock * block + b];
            to = cf::addMod(to, result[kBlock * from.source + from.lanes[b]], ring.primes[all[t]]);
          }
        }
      } else {
        move.permute(dst, result, n);
      }
      result += n;
    }
  });
  return kOk;
}

/// A whole key switch: (dst0, dst1) = ((P add0, P add1) + sum_d digit_d(src) key_d) / P, then X -> X^galois. With
/// `alsoDropLast` it divides by the last prime of the level too: relinearisation and rescale in one division.
/// The extended digits of a limb never leave the cache: per limb, they live in the thread's scratch.
inline int keySwitch(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64 *dst0 = args.address(), *dst1 = args.address();
  const u64* src = args.address();
  const u64 *add0 = args.address(), *add1 = args.address();
  const u64 galois = args.galois();
  SwitchingKey key{args.address(), args.size(), 0};
  const bool alsoDropLast = args.word() != 0;
  const Indices q = args.indices(), special = args.indices(), sizes = args.integers();
  key.special = special.size();
  if (!args.complete() || !validDigits(sizes, q.size()) || q.size() > key.qLimbs || (alsoDropLast && q.size() < 2) ||
      special.size() + 1 >= kMaxTerms)
    return kBadArguments;
  const Indices all = joined(q, special);
  const std::vector<Digit> digits = digitsFromSizes(sizes);
  const size_t n = ring.n, count = digits.size();

  const Temporary y(q.size() * n), sums(2 * all.size() * n);
  const DigitExtension extension(ring, q, all, digits);
  extension.prepare(y.limb(0, n), src);
  const BaseConverter& specialProduct = ring.converter(special, q);
  u64 *sum0 = sums.limb(0, n), *sum1 = sums.limb(all.size(), n);
  inGroups(all.size(), [&](size_t from, size_t to, Scratch& scratch) {
    u64* room = scratch.words(count * kConvertTogether * n);
    InnerProductLimb limbs[kConvertTogether];
    for (size_t d = 0; d < count; ++d) {
      u64* extended[kConvertTogether];
      for (size_t t = from; t < to; ++t) extended[t - from] = room + (d * kConvertTogether + t - from) * n;
      extension.extend(extended, y.limb(0, n), d, from, to);
      for (size_t t = from; t < to; ++t)
        limbs[t - from].add(digits[d].has(t) ? src + t * n : extended[t - from], key.limb(d, 0, t, q.size(), n),
                            key.limb(d, 1, t, q.size(), n));
    }
    for (size_t t = from; t < to; ++t) {
      const u64 p = ring.primes[all[t]];
      const Mod m(p);
      limbs[t - from].evaluate(sum0 + t * n, sum1 + t * n, 0, n, m);
      if (t >= q.size()) continue;
      const VFactor specialModP = broadcast(makeFactor(specialProduct.product[t], p));
      const auto addScaled = [&](u64* sum, const u64* addend) {
        if (addend == nullptr) return;
        for (size_t i = t * n; i < (t + 1) * n; i += W)
          store(sum + i, addMod(load(sum + i), mulFactor(load(addend + i), specialModP, m), m));
      };
      addScaled(sum0, add0);
      addScaled(sum1, add1);
    }
  });

  Indices keep(q), drop(special);
  if (alsoDropLast) {
    drop.insert(drop.begin(), keep.back());
    keep.pop_back();
  }
  const Automorphism move(ring, galois);
  return divide(ring, {{dst0, sum0}, {dst1, sum1}}, keep, drop, galois == 1 ? nullptr : &move, Contents::kPublic);
}

}  // namespace cf::CF_BUILD
