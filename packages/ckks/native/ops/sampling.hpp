// Seeded sampling: uniform polynomials, small secrets and errors, and switching keys made from them.
#pragma once
#include "args.hpp"
#include "memory.hpp"
#include "ring.hpp"
#include "sampling/gaussian.hpp"
#include "sampling/small.hpp"
#include "sampling/uniform.hpp"

namespace cf::CF_BUILD {

/// The expanded key of a seed at an address.
class SeededAes {
 public:
  explicit SeededAes(const uint8_t* seed) : key_(seed), aes_(key_) {}
  const Aes& operator*() const { return aes_; }

 private:
  AesKey key_;
  Aes aes_;
};

/// dst, wordCount, seed, stream: the keystream itself.
inline int keystreamWords(Args& args) {
  u64* dst = args.address();
  const size_t count = args.size();
  const uint8_t* seed = args.address<uint8_t>();
  const u64 stream = args.word();
  if (!args.complete()) return kBadArguments;
  const SeededAes aes(seed);
  Keystream keystream(*aes, stream);
  for (size_t at = 0; at < count; at += Keystream::kWords) {
    const size_t run = count - at < Keystream::kWords ? count - at : Keystream::kWords;
    std::memcpy(dst + at, keystream.next(), run * sizeof(u64));
  }
  return kOk;
}

/// ring, dst, seed, streamBase, moduli: limb j is uniform modulo primes[moduli[j]], from stream streamBase + moduli[j],
/// so that a prime's limb is the same whatever the level.
inline int sampleUniformCall(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const uint8_t* seed = args.address<uint8_t>();
  const u64 streamBase = args.word();
  const Indices moduli = args.indices();
  if (!args.complete()) return kBadArguments;
  const SeededAes aes(seed);
  parallelFor(moduli.size(), [&](size_t j, Scratch&) {
    sampleUniform(dst + j * ring.n, ring.n, ring.primes[moduli[j]], *aes, streamBase + static_cast<u64>(moduli[j]));
  });
  return kOk;
}

enum SmallKind : int { kTernary = 0, kSparseTernary = 1, kBinomial = 2, kGaussian = 3 };

/// A small polynomial reduced modulo m, as the input of a transform.
inline auto reducedFrom(const u64* biased, u64 bias, const Mod& m, u64 p) {
  return [biased, m, shift = broadcastWord(cf::modulo(bias, p))](size_t i) {
    return subMod(reduceWord(load(biased + i), m), shift, m);
  };
}

/// ring, dst, seed, stream, kind, weight, moduli: a small polynomial in NTT form modulo each modulus; with no moduli
/// its coefficients as signed words. `weight` is the number of non-zero coefficients of kind 1, and 1000 log2 of the
/// standard deviation of kind 3.
inline int sampleSmall(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const uint8_t* seed = args.address<uint8_t>();
  const u64 stream = args.word();
  const int kind = args.integer();
  const size_t weight = args.size();
  const Indices moduli = args.indices();
  const size_t n = ring.n;
  if (!args.complete()) return kBadArguments;
  if (kind == kSparseTernary && (weight < 1 || weight > n)) return kBadArguments;
  if (kind == kGaussian && weight > 1000 * kMaxGaussianLog2) return kBadArguments;

  const SeededAes aes(seed);
  const Temporary biased(n, Contents::kSecret);
  u64* const small = biased.words();
  u64 bias = kTernaryBias;
  switch (kind) {
    case kTernary: sampleTernary(small, n, *aes, stream); break;
    case kSparseTernary: sampleSparseTernary(small, n, weight, *aes, stream); break;
    case kBinomial: sampleBinomial(small, n, *aes, stream), bias = kBinomialBias; break;
    case kGaussian: sampleGaussian(small, n, weight, *aes, stream), bias = kGaussianBias; break;
    default: return kBadArguments;
  }
  if (moduli.empty())
    for (size_t i = 0; i < n; ++i) dst[i] = small[i] - bias;
  parallelFor(moduli.size(), [&](size_t j, Scratch&) {
    const u64 p = ring.primes[moduli[j]];
    u64* limb = dst + j * n;
    const auto residues = reducedFrom(small, bias, Mod(p), p);
    for (size_t i = 0; i < n; i += W) store(limb + i, residues(i));
    forwardLimb(limb, limb, *ring.tables[moduli[j]]);
  });
  return kOk;
}

/// One digit of a hybrid switching key: (b, a) with b = -a under + e + P target [limb in the digit], modulo every prime
/// of q | special. P is the product of the special primes. See ops/keyswitch.hpp for how it is used.
///
/// ring, dstB, dstA, under, target, publicSeed, streamBase, noiseSeed, noiseStream, q, special, digitFrom, digitTo.
/// `under` and `target` are secrets in NTT form over all primes of the ring; dstA may be null: a follows from its seed.
inline int generateKeyDigit(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64 *dstB = args.address(), *dstA = args.address();
  const u64 *under = args.address(), *target = args.address();
  const uint8_t* publicSeed = args.address<uint8_t>();
  const u64 streamBase = args.word();
  const uint8_t* noiseSeed = args.address<uint8_t>();
  const u64 noiseStream = args.word();
  const Indices q = args.indices(), special = args.indices();
  const size_t digitFrom = args.size(), digitTo = args.size();
  if (!args.complete() || digitFrom > digitTo || digitTo > q.size()) return kBadArguments;

  const size_t n = ring.n;
  const Temporary error(n, Contents::kSecret);
  sampleBinomial(error.words(), n, *SeededAes(noiseSeed), noiseStream);
  const SeededAes aes(publicSeed);
  const Indices all = joined(q, special);

  parallelFor(all.size(), [&](size_t t, Scratch& scratch) {
    const size_t prime = static_cast<size_t>(all[t]);
    const u64 p = ring.primes[prime];
    const Mod m(p);
    u64* b = dstB + t * n;
    u64* a = dstA != nullptr ? dstA + t * n : scratch.words(n);
    sampleUniform(a, n, p, *aes, streamBase + prime);
    const u64 *s = under + prime * n, *wanted = target + prime * n;
    const bool inDigit = t >= digitFrom && t < digitTo;
    u64 product = 1;
    for (const int i : special) product = cf::mulMod(product, ring.primes[i], p);
    const VFactor specialModP = broadcast(makeFactor(product, p));
    const auto residues = reducedFrom(error.words(), kBinomialBias, m, p);
    for (size_t i = 0; i < n; i += W) store(b + i, residues(i));
    forwardLimb(b, b, *ring.tables[prime]);
    for (size_t i = 0; i < n; i += W) {
      Vec v = subMod(load(b + i), mulMod(load(a + i), load(s + i), m), m);
      if (inDigit) v = addMod(v, mulFactor(load(wanted + i), specialModP, m), m);
      store(b + i, v);
    }
  });
  return kOk;
}

/// An encryption of zero by a public key (k0, k1): dst_h = round((v k_h + e_h) / p) for a special prime p, limb by limb while
/// it is in the caches. With y = v k_h + e_h modulo p, centred, a limb is (v k_h + (e_h - y)) / p: error and rest are small
/// integers together, so one transform takes both, where sampling and then dividing would take two.
///
/// ring, dst0, dst1, k0, k1, keyLimbs, seed, q, special. A half of the key has keyLimbs limbs: those of the primes 0 ..
/// keyLimbs - 2, then that of p = primes[special]. v is the ternary polynomial of the seed's stream 0, e_h the centred
/// binomial one of stream 1 + h.
inline int encryptZero(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* const dst[] = {args.address(), args.address()};
  const u64* const keys[] = {args.address(), args.address()};
  const size_t keyLimbs = args.size();
  const uint8_t* seed = args.address<uint8_t>();
  const Indices q = args.indices();
  const int special = args.index();
  if (!args.complete()) return kBadArguments;
  for (const int i : q)
    if (static_cast<size_t>(i) + 1 >= keyLimbs) return kBadArguments;

  const size_t n = ring.n;
  const u64 p = ring.primes[special], half = p / 2;
  const SeededAes aes(seed);
  const Temporary v(n, Contents::kSecret), errors(2 * n, Contents::kSecret), rests(2 * n, Contents::kSecret);
  sampleTernary(v.words(), n, *aes, 0);
  for (size_t h = 0; h < 2; ++h) sampleBinomial(errors.limb(h, n), n, *aes, 1 + h);

  // rests: y + p/2 in [0, p).
  parallelFor(2, [&](size_t h, Scratch& scratch) {
    const Mod m(p);
    const NttTable& table = *ring.tables[special];
    u64 *product = scratch.words(n, Contents::kSecret), *rest = rests.limb(h, n);
    const u64* key = keys[h] + (keyLimbs - 1) * n;
    forward(reducedFrom(v.words(), kTernaryBias, m, p), product,
            [&](size_t i, Vec x) { store(product + i, mulMod(x, load(key + i), m)); }, table);
    inverseLimb(rest, product, table);
    const auto error = reducedFrom(errors.limb(h, n), kBinomialBias, m, p);
    const Vec centre = broadcastWord(half);
    for (size_t i = 0; i < n; i += W) store(rest + i, addMod(addMod(load(rest + i), error(i), m), centre, m));
  });
  const BaseConverter& converter = ring.converter({special}, q);
  parallelFor(q.size(), [&](size_t t, Scratch& scratch) {
    const size_t prime = static_cast<size_t>(q[t]);
    const u64 modulus = ring.primes[prime];
    const Mod m(modulus);
    const NttTable& table = *ring.tables[prime];
    const VFactor inverse = broadcast(converter.productInverse[t]);
    u64 *masks = scratch.words(2 * n, Contents::kSecret), *work = masks + n;
    forward(reducedFrom(v.words(), kTernaryBias, m, modulus), work, [&](size_t i, Vec x) { store(masks + i, x); }, table);
    for (size_t h = 0; h < 2; ++h) {
      const u64* key = keys[h] + prime * n;
      u64* out = dst[h] + t * n;
      const auto error = reducedFrom(errors.limb(h, n), kBinomialBias, m, modulus);
      const auto rest = reducedFrom(rests.limb(h, n), half, m, modulus);
      forward([&](size_t i) { return subMod(error(i), rest(i), m); }, work,
              [&](size_t i, Vec x) {
                store(out + i, mulFactor(addMod(mulMod(load(masks + i), load(key + i), m), x, m), inverse, m));
              },
              table);
    }
  });
  return kOk;
}

}  // namespace cf::CF_BUILD
