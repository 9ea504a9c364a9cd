// Operations that treat every residue alone. Polynomials are [limbs][N] words, limb j modulo primes[moduli[j]].
#pragma once
#include "args.hpp"
#include "ring.hpp"

namespace cf::CF_BUILD {

/// Runs body(mod, offset of the limb in words, limb number) over the limbs of one basis, in parallel.
template <class Body>
void overLimbs(const Ring& ring, const Indices& moduli, const Body& body) {
  parallelFor(moduli.size(), [&](size_t j, Scratch&) { body(Mod(ring.primes[moduli[j]]), j * ring.n, j); });
}

/// dst = f(a, b), for f one of addMod, subMod, mulMod.
template <class F>
int binary(Args& args, F f) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64 *a = args.address(), *b = args.address();
  const Indices moduli = args.indices();
  if (!args.complete()) return kBadArguments;
  overLimbs(ring, moduli, [&](const Mod& m, size_t at, size_t) {
    for (size_t i = at; i < at + ring.n; i += W) store(dst + i, f(load(a + i), load(b + i), m));
  });
  return kOk;
}

inline int negate(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64* a = args.address();
  const Indices moduli = args.indices();
  if (!args.complete()) return kBadArguments;
  overLimbs(ring, moduli, [&](const Mod& m, size_t at, size_t) {
    for (size_t i = at; i < at + ring.n; i += W) store(dst + i, subMod(broadcastWord(0), load(a + i), m));
  });
  return kOk;
}

/// dst += a * b
inline int multiplyAccumulate(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64 *a = args.address(), *b = args.address();
  const Indices moduli = args.indices();
  if (!args.complete()) return kBadArguments;
  overLimbs(ring, moduli, [&](const Mod& m, size_t at, size_t) {
    for (size_t i = at; i < at + ring.n; i += W)
      store(dst + i, addMod(load(dst + i), mulMod(load(a + i), load(b + i), m), m));
  });
  return kOk;
}

/// dst (+)= a * s, with one scalar a limb.
inline int multiplyScalar(Args& args, bool accumulate) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64* a = args.address();
  const Indices moduli = args.indices();
  const std::vector<u64> scalars = args.words();
  if (!args.complete() || scalars.size() != moduli.size()) return kBadArguments;
  overLimbs(ring, moduli, [&](const Mod& m, size_t at, size_t j) {
    const u64 p = ring.primes[moduli[j]];
    const VFactor s = broadcast(makeFactor(cf::modulo(scalars[j], p), p));
    for (size_t i = at; i < at + ring.n; i += W) {
      const Vec product = mulFactor(load(a + i), s, m);
      store(dst + i, accumulate ? addMod(load(dst + i), product, m) : product);
    }
  });
  return kOk;
}

/// dst = a + s in every value: adds the constant polynomial s to a polynomial in NTT form.
inline int addScalar(Args& args) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64* a = args.address();
  const Indices moduli = args.indices();
  const std::vector<u64> scalars = args.words();
  if (!args.complete() || scalars.size() != moduli.size()) return kBadArguments;
  overLimbs(ring, moduli, [&](const Mod& m, size_t at, size_t j) {
    const Vec s = broadcastWord(cf::modulo(scalars[j], ring.primes[moduli[j]]));
    for (size_t i = at; i < at + ring.n; i += W) store(dst + i, addMod(load(a + i), s, m));
  });
  return kOk;
}

/// (d0, d1, d2) (+)= (a0, a1) x (b0, b1): the product of two ciphertexts before relinearisation, in one pass.
inline int tensor(Args& args, bool accumulate) {
  Ring& ring = *args.address<Ring>();
  u64 *d0 = args.address(), *d1 = args.address(), *d2 = args.address();
  const u64 *a0 = args.address(), *a1 = args.address(), *b0 = args.address(), *b1 = args.address();
  const Indices moduli = args.indices();
  if (!args.complete()) return kBadArguments;
  overLimbs(ring, moduli, [&](const Mod& m, size_t at, size_t) {
    const auto put = [&](u64* d, Vec v) { store(d, accumulate ? addMod(load(d), v, m) : v); };
    for (size_t i = at; i < at + ring.n; i += W) {
      const Vec x0 = load(a0 + i), x1 = load(a1 + i), y0 = load(b0 + i), y1 = load(b1 + i);
      Acc cross = zeroAcc();
      mac(cross, x0, y1, m);
      mac(cross, x1, y0, m);
      put(d0 + i, mulMod(x0, y0, m));
      put(d1 + i, reduceAcc(cross, m));
      put(d2 + i, mulMod(x1, y1, m));
    }
  });
  return kOk;
}

}  // namespace cf::CF_BUILD
