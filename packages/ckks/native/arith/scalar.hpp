// Lane arithmetic, portable build: one 64-bit residue a "vector", 128-bit products.
//
// Every arith/*.hpp offers the same names with the same contract, and every kernel is written once over them:
//   Vec         W residues in the build's register form (here u64; IFMA: 8 x u64; FMA builds: doubles)
//   Mod         one modulus, broadcast
//   Factor      a constant multiplier w with its precomputed quotient, as stored in tables (scalar);
//   VFactor     the same, broadcast or loaded lane by lane
//   Acc         a running sum of at most kAccTerms products, reduced once
// "canonical" means in [0, p). Storage (u64 in memory) is canonical in every build, so results agree bit for bit.
#pragma once
#include "modulus.hpp"

namespace cf::CF_BUILD {

constexpr int W = 1;
constexpr int kAccTerms = 16;

using Vec = u64;

using Mod = Barrett;

struct Factor {
  u64 value;     // w in [0, p)
  u64 quotient;  // floor(w 2^64 / p): Shoup's precomputed quotient
};
using VFactor = Factor;

inline Factor makeFactor(u64 w, u64 p) { return {w, shiftedQuotient(w, 64, p)}; }
inline VFactor broadcast(const Factor& f) { return f; }
/// Factors f[0..W), lane by lane.
inline VFactor loadFactors(const Factor* f) { return *f; }

inline Vec load(const u64* x) { return *x; }
inline void store(u64* x, Vec v) { *x = v; }
inline Vec broadcastWord(u64 x) { return x; }

/// canonical, canonical -> canonical
inline Vec addMod(Vec a, Vec b, const Mod& m) { return cf::addMod(a, b, m.p); }
inline Vec subMod(Vec a, Vec b, const Mod& m) { return cf::subMod(a, b, m.p); }
inline Vec mulMod(Vec a, Vec b, const Mod& m) { return m.multiply(a, b); }

/// Any x below 2^50 (it may belong to another modulus) times a constant of this modulus -> canonical.
inline Vec mulFactor(Vec x, const VFactor& w, const Mod& m) {
  u64 q = static_cast<u64>((static_cast<u128>(x) * w.quotient) >> 64);
  return addIfNegative(x * w.value - q * m.p - m.p, m.p);
}

/// Any x below 2^50 -> canonical.
inline Vec reduceWord(Vec x, const Mod& m) { return m.reduce(x); }

struct Acc {
  u128 sum;
};
inline Acc zeroAcc() { return {0}; }
/// acc += a * b, for a, b below 2^50 (not necessarily below p); at most kAccTerms times before reduceAcc.
inline void mac(Acc& acc, Vec a, Vec b, const Mod&) { acc.sum += static_cast<u128>(a) * b; }
inline Vec reduceAcc(const Acc& acc, const Mod& m) { return m.reduceWide(acc.sum); }

}  // namespace cf::CF_BUILD
