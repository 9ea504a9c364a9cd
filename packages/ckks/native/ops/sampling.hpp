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

}  // namespace cf::CF_BUILD
