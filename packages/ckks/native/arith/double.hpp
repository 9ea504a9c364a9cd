// Lane arithmetic in pairs of doubles with fused multiply-add, shared by the AVX2 and the relaxed-SIMD WebAssembly
// builds: residues below 2^50 are integers held exactly in doubles.
//
// With h = fl(x y), the error l = x y - h is itself a double and one fused operation yields it; so does h - q p for the
// integer q nearest to h / p. Hence x y - q p = (h - q p) + l exactly: van der Hoeven, Lecerf and Quintin, "Modular SIMD
// arithmetic in Mathemagix" (ACM TOMS 43, 2016), section 3. Contract and names: arith/scalar.hpp.
//
// A build defines, before including this: W, Doubles (W doubles, a GCC vector type), Words (W u64, likewise) and
//   all(x), every lane; madd(a, b, c) = a b + c and nmadd(a, b, c) = c - a b, both rounded once.
#pragma once
#include "../modulus.hpp"

namespace cf::CF_BUILD {

constexpr int kAccTerms = 16;

using Vec = Doubles;

/// x + 3 2^51 has x as an offset integer in its low bits, so adding and subtracting it rounds to the nearest integer,
/// for |x| < 2^51; 2^52 does the same for the conversion of unsigned words below 2^52.
constexpr double kRound = 0x1.8p52;
constexpr double kWord = 0x1p52;
constexpr u64 kWordBits = 0x4330000000000000;

inline Vec fromWords(Words x) { return (Vec)(x | kWordBits) - kWord; }
inline Words toWords(Vec v) { return (Words)(v + kWord) ^ kWordBits; }

inline Vec load(const u64* x) {
  Words words;
  __builtin_memcpy(&words, x, sizeof words);
  return fromWords(words);
}
inline void store(u64* x, Vec v) {
  const Words words = toWords(v);
  __builtin_memcpy(x, &words, sizeof words);
}
/// As a signed number: the conversion of an unsigned one branches.
inline Vec broadcastWord(u64 x) { return all(static_cast<double>(static_cast<i64>(x))); }

struct Mod {
  u64 value;
  Vec p;
  Vec inverse;          // 1 / p
  Vec top, topInverse;  // 2^50 mod p in (-p/2, p/2), and its quotient by p
  Vec start;            // 2^103 mod p in (-p/2, p/2): see Acc

  explicit Mod(u64 p_)
      : value(p_),
        p(broadcastWord(p_)),
        inverse(all(cf::quotient(1.0, static_cast<double>(p_)))),
        top(centred(modulo(u64{1} << 50, p_), p_)),
        topInverse(all(cf::quotient(top[0], static_cast<double>(p_)))),
        start(centred(cf::mulMod(u64{1} << 51, u64{1} << 52, p_), p_)) {}

 private:
  static Vec centred(u64 x, u64 p) { return all(static_cast<double>(x) - (2 * x > p ? static_cast<double>(p) : 0.0)); }
};

struct Factor {
  double value;     // w in [0, p)
  double quotient;  // w / p
};
struct VFactor {
  Vec value, quotient;
};

inline Factor makeFactor(u64 w, u64 p) {
  return {static_cast<double>(w), cf::quotient(static_cast<double>(w), static_cast<double>(p))};
}
inline VFactor broadcast(const Factor& f) { return {all(f.value), all(f.quotient)}; }
/// Factors f[0..W), lane by lane.
inline VFactor loadFactors(const Factor* f) {
  VFactor v{};
  for (int i = 0; i < W; ++i) v.value[i] = f[i].value, v.quotient[i] = f[i].quotient;
  return v;
}

/// [-p, p) -> [0, p)
inline Vec addIfNegative(Vec v, const Mod& m) { return v + (Vec)((Words)(v < 0.0) & (Words)m.p); }
/// x y - q p for an integer q, given the rounded product h.
inline Vec remainder(Vec x, Vec y, Vec h, Vec q, const Mod& m) { return nmadd(q, m.p, h) - nmadd(x, y, h); }

/// canonical, canonical -> canonical
inline Vec addMod(Vec a, Vec b, const Mod& m) { return addIfNegative((a - m.p) + b, m); }
inline Vec subMod(Vec a, Vec b, const Mod& m) { return addIfNegative(a - b, m); }
inline Vec mulMod(Vec a, Vec b, const Mod& m) {
  const Vec h = a * b;
  const Vec q = madd(h, m.inverse, all(kRound)) - kRound;
  return addIfNegative(remainder(a, b, h, q, m), m);
}

/// Any x below 2^50 (it may belong to another modulus) times a constant of this modulus -> canonical.
inline Vec mulFactor(Vec x, const VFactor& w, const Mod& m) {
  const Vec q = madd(x, w.quotient, all(kRound)) - kRound;
  return addIfNegative(remainder(x, w.value, x * w.value, q, m), m);
}

/// |x| up to 2^53 (p >= 2^5) -> remainder in about [-p/2, p/2]
inline Vec reduceCentred(Vec x, const Mod& m) { return nmadd(madd(x, m.inverse, all(kRound)) - kRound, m.p, x); }
/// Any x below 2^50 -> canonical.
inline Vec reduceWord(Vec x, const Mod& m) { return addIfNegative(reduceCentred(x, m), m); }

/// Each product, below 2^100, is cut into a multiple of 2^50 and a signed rest of at most 2^49. Sixteen rests stay
/// within 2^53, and sixteen multiples too, for their sum starts at -2^103 and so lies in [-2^103, 2^103]: both are exact.
struct Acc {
  Vec high, low;
};
inline Acc zeroAcc() { return {all(-0x1p103), Vec{}}; }
/// acc += a * b, for a, b below 2^50 (not necessarily below p); at most kAccTerms times before reduceAcc.
inline void mac(Acc& acc, Vec a, Vec b, const Mod&) {
  constexpr double kCut = 0x1.8p102;  // its last place is worth 2^50
  const Vec high = madd(a, b, all(kCut)) - kCut;
  acc.high += high;
  acc.low -= nmadd(a, b, high);
}
/// (high + 2^103) + low modulo p, high taken as an integer of at most 2^53 times 2^50.
inline Vec reduceAcc(const Acc& acc, const Mod& m) {
  const Vec x = reduceCentred(acc.high * 0x1p-50, m);
  const Vec q = madd(x, m.topInverse, all(kRound)) - kRound;
  const Vec high = remainder(x, m.top, x * m.top, q, m);
  return reduceWord(high + m.start + reduceCentred(acc.low, m), m);
}

}  // namespace cf::CF_BUILD
