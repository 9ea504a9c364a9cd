// Lane arithmetic, WebAssembly builds.
//
// With relaxed SIMD, two residues as doubles: arith/double.hpp. Its relaxed multiply-add may be unfused on a machine
// without FMA; the loader tries a known answer before it uses this build.
//
// Without, one 64-bit integer: WebAssembly has neither a fused nor a 64 x 64 -> 128-bit product, but x y - q p fits a
// word, so wrapping products give it as soon as q is known, and the nearest integer to x y / p is computed in a double.
// Contract and names: arith/scalar.hpp.
#pragma once
#include <wasm_simd128.h>
#include "../modulus.hpp"

#ifdef __wasm_relaxed_simd__

namespace cf::CF_BUILD {

constexpr int W = 2;
typedef double Doubles __attribute__((vector_size(16)));
typedef u64 Words __attribute__((vector_size(16)));

inline Doubles all(double x) { return Doubles{x, x}; }
inline Doubles madd(Doubles a, Doubles b, Doubles c) {
  return (Doubles)wasm_f64x2_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
}
inline Doubles nmadd(Doubles a, Doubles b, Doubles c) {
  return (Doubles)wasm_f64x2_relaxed_nmadd((v128_t)a, (v128_t)b, (v128_t)c);
}

}  // namespace cf::CF_BUILD

#include "double.hpp"

#else

namespace cf::CF_BUILD {

constexpr int W = 1;
constexpr int kAccTerms = 16;

using Vec = u64;

inline Vec load(const u64* x) { return *x; }
inline void store(u64* x, Vec v) { *x = v; }
inline Vec broadcastWord(u64 x) { return x; }

/// The integer nearest to x, |x| < 2^51: x + 3 2^51 has it in its low bits.
inline u64 nearest(double x) { return __builtin_bit_cast(u64, x + 0x1.8p52) - 0x4338000000000000; }
inline double toDouble(u64 x) { return static_cast<double>(static_cast<i64>(x)); }
inline u64 addIfNegative(u64 x, u64 p) { return x + (static_cast<u64>(static_cast<i64>(x) >> 63) & p); }

struct Factor {
  u64 value;        // w in [0, p)
  double quotient;  // w / p
};
using VFactor = Factor;

inline Factor makeFactor(u64 w, u64 p) { return {w, cf::quotient(toDouble(w), toDouble(p))}; }
inline VFactor broadcast(const Factor& f) { return f; }
/// Factors f[0..W), lane by lane.
inline VFactor loadFactors(const Factor* f) { return *f; }

struct Mod {
  u64 p;
  double inverse;    // 1 / p
  Factor top, middle;  // 2^64 and 2^32
  explicit Mod(u64 p_)
      : p(p_),
        inverse(cf::quotient(1.0, toDouble(p_))),
        top(makeFactor(cf::mulMod(u64{1} << 32, u64{1} << 32, p_), p_)),
        middle(makeFactor(modulo(u64{1} << 32, p_), p_)) {}
};

/// canonical, canonical -> canonical
inline Vec addMod(Vec a, Vec b, const Mod& m) { return addIfNegative(a + b - m.p, m.p); }
inline Vec subMod(Vec a, Vec b, const Mod& m) { return addIfNegative(a - b, m.p); }
/// The quotient, below 2^50, is off by at most 3/4: the difference lies in (-p, p).
inline Vec mulMod(Vec a, Vec b, const Mod& m) {
  return addIfNegative(a * b - nearest(toDouble(a) * toDouble(b) * m.inverse) * m.p, m.p);
}
/// Any x below 2^50 (it may belong to another modulus) times a constant of this modulus -> canonical.
inline Vec mulFactor(Vec x, const VFactor& w, const Mod& m) {
  return addIfNegative(x * w.value - nearest(toDouble(x) * w.quotient) * m.p, m.p);
}
/// Any x below 2^52 -> canonical, for p >= 4.
inline Vec reduceWord(Vec x, const Mod& m) {
  return addIfNegative(x - nearest(toDouble(x) * m.inverse) * m.p, m.p);
}

/// The sum modulo 2^64, and approximately: together they determine it, being below 2^104 and known within 2^56.
struct Acc {
  u64 low;
  double sum;
};
inline Acc zeroAcc() { return {0, 0}; }
/// acc += a * b, for a, b below 2^50 (not necessarily below p); at most kAccTerms times before reduceAcc.
inline void mac(Acc& acc, Vec a, Vec b, const Mod&) {
  acc.low += a * b;
  acc.sum += toDouble(a) * toDouble(b);
}
inline Vec reduceAcc(const Acc& acc, const Mod& m) {
  const u64 middle = acc.low >> 32, low = acc.low & 0xffffffff;
  const u64 top = nearest((acc.sum - toDouble(middle) * 0x1p32) * 0x1p-64);
  return reduceWord(mulFactor(top, m.top, m) + mulFactor(middle, m.middle, m) + low, m);
}

}  // namespace cf::CF_BUILD

#endif
