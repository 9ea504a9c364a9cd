// Lane arithmetic, AVX-512 IFMA build: eight 64-bit residues a vector, 52-bit multiply-add.
//
// vpmadd52{lo,hi}uq multiply the low 52 bits of each lane and add the low or high half of the 104-bit product to a
// 64-bit accumulator; bits from 52 up of a factor are ignored. Two uses of that here:
//   - with p < 2^50, a product reduced to [0, 4p) still is a valid factor;
//   - x - q p needs only its low 52 bits: adding q (2^52 - p) and masking at the end replaces the subtraction.
// Contract and names: arith/scalar.hpp. Shoup's multiplication: Harvey, "Faster arithmetic for number-theoretic
// transforms" (J. Symb. Comp. 60, 2014), here with beta = 2^52.
#pragma once
// GCC 12 reports its own _mm512_undefined_epi32 as uninitialised wherever an intrinsic that uses it is inlined.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#ifdef CF_DEBUG
#include <cassert>
#endif
#include "../modulus.hpp"

namespace cf::CF_BUILD {

constexpr int W = 8;
constexpr int kAccTerms = 16;

using Vec = __m512i;

inline Vec broadcastWord(u64 x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
inline Vec load(const u64* x) { return _mm512_loadu_si512(x); }
inline void store(u64* x, Vec v) { _mm512_storeu_si512(x, v); }

constexpr u64 kLow52 = (u64{1} << 52) - 1;

/// acc + the low (high) 52 bits of a * b.
inline Vec maddLow(Vec acc, Vec a, Vec b) { return _mm512_madd52lo_epu64(acc, a, b); }
inline Vec maddHigh(Vec acc, Vec a, Vec b) { return _mm512_madd52hi_epu64(acc, a, b); }
inline Vec low52(Vec x) { return _mm512_and_si512(x, broadcastWord(kLow52)); }

/// Debug builds check every lane against an exclusive bound, for the hardware never would.
inline void checkBelow([[maybe_unused]] Vec x, [[maybe_unused]] u64 bound) {
#ifdef CF_DEBUG
  assert(_mm512_cmplt_epu64_mask(x, broadcastWord(bound)) == 0xff);
#endif
}

struct Mod {
  u64 value;
  Vec p;          // the modulus
  Vec negated;    // 2^52 - p
  Vec reciprocal; // floor(2^52 / p)
  Vec top;        // 2^52 mod p, and Shoup's quotient for it
  Vec topQuotient;
  __m512d inverse; // 1 / p

  explicit Mod(u64 p_)
      : value(p_),
        p(broadcastWord(p_)),
        negated(broadcastWord((u64{1} << 52) - p_)),
        reciprocal(broadcastWord(shiftedQuotient(1, 52, p_))),
        top(broadcastWord(modulo(u64{1} << 52, p_))),
        topQuotient(broadcastWord(shiftedQuotient(modulo(u64{1} << 52, p_), 52, p_))),
        inverse(_mm512_set1_pd(cf::quotient(1.0, static_cast<double>(p_)))) {}
};

struct Factor {
  u64 value;     // w in [0, p)
  u64 quotient;  // floor(w 2^52 / p)
};
struct VFactor {
  Vec value, quotient;
};

inline Factor makeFactor(u64 w, u64 p) { return {w, shiftedQuotient(w, 52, p)}; }
inline VFactor broadcast(const Factor& f) { return {broadcastWord(f.value), broadcastWord(f.quotient)}; }
/// Factors f[0..W), lane by lane.
inline VFactor loadFactors(const Factor* f) {
  const Vec a = load(reinterpret_cast<const u64*>(f)), b = load(reinterpret_cast<const u64*>(f + 4));
  const Vec even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
  return {_mm512_permutex2var_epi64(a, even, b), _mm512_permutex2var_epi64(a, odd, b)};
}

/// x < 2 bound -> x mod bound, since x - bound wraps round to a huge number when it is negative.
inline Vec subtractOnce(Vec x, Vec bound) { return _mm512_min_epu64(x, _mm512_sub_epi64(x, bound)); }

/// canonical, canonical -> canonical
inline Vec addMod(Vec a, Vec b, const Mod& m) {
  checkBelow(a, m.value), checkBelow(b, m.value);
  return subtractOnce(_mm512_add_epi64(a, b), m.p);
}
inline Vec subMod(Vec a, Vec b, const Mod& m) {
  checkBelow(a, m.value), checkBelow(b, m.value);
  const Vec d = _mm512_sub_epi64(a, b);
  return _mm512_min_epu64(d, _mm512_add_epi64(d, m.p));
}

/// The quotient is estimated in double precision, biased so that it never exceeds the true one: a b / p < 2^50 is known
/// within 1/4, so round(a b / p - 1) leaves a remainder in [p/4, 7p/4] and one conditional subtraction is enough.
/// Adding 3 2^51 to the quotient puts it, with an offset of 2^51, in the low bits of the double, where the multiplier
/// reads it; the offset contributes -2^51 p = 2^51 (mod 2^52), which the initial accumulator takes back.
inline Vec mulMod(Vec a, Vec b, const Mod& m) {
  checkBelow(a, m.value), checkBelow(b, m.value);
  const __m512d product = _mm512_mul_pd(_mm512_cvtepu64_pd(a), _mm512_cvtepu64_pd(b));
  const __m512d quotient = _mm512_fmadd_pd(product, m.inverse, _mm512_set1_pd(0x1.8p52 - 1));
  const Vec low = maddLow(broadcastWord(u64{1} << 51), a, b);
  return subtractOnce(low52(maddLow(low, _mm512_castpd_si512(quotient), m.negated)), m.p);
}

/// Any x below 2^52 (it may belong to another modulus) times a constant of this modulus -> canonical.
inline Vec mulFactor(Vec x, const VFactor& w, const Mod& m) {
  checkBelow(x, u64{1} << 52);
  const Vec quotient = maddHigh(_mm512_setzero_si512(), x, w.quotient);
  const Vec low = maddLow(_mm512_setzero_si512(), x, w.value);
  return subtractOnce(low52(maddLow(low, quotient, m.negated)), m.p);
}

/// Any x below 2^52 -> canonical.
inline Vec reduceWord(Vec x, const Mod& m) {
  checkBelow(x, u64{1} << 52);
  const Vec quotient = maddHigh(_mm512_setzero_si512(), x, m.reciprocal);
  return subtractOnce(low52(maddLow(x, quotient, m.negated)), m.p);
}

/// Sums of the low and of the high halves: sixteen terms add four bits, so neither overflows.
struct Acc {
  Vec low, high;
};
inline Acc zeroAcc() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
/// acc += a * b, for a, b below 2^50 (not necessarily below p); at most kAccTerms times before reduceAcc.
inline void mac(Acc& acc, Vec a, Vec b, const Mod&) {
  checkBelow(a, u64{1} << kMaxModulusBits), checkBelow(b, u64{1} << kMaxModulusBits);
  acc.low = maddLow(acc.low, a, b);
  acc.high = maddHigh(acc.high, a, b);
}
/// high 2^52 + low: both quotients are summed before one multiplication by p; the remainder is below 4p <= 2^52.
inline Vec reduceAcc(const Acc& acc, const Mod& m) {
  const Vec high = _mm512_add_epi64(acc.high, _mm512_srli_epi64(acc.low, 52));
  checkBelow(high, u64{1} << 52);
  Vec quotient = maddHigh(_mm512_setzero_si512(), high, m.topQuotient);
  quotient = maddHigh(quotient, acc.low, m.reciprocal);
  const Vec low = maddLow(acc.low, high, m.top);
  const Vec remainder = low52(maddLow(low, quotient, m.negated));
  return subtractOnce(subtractOnce(remainder, _mm512_add_epi64(m.p, m.p)), m.p);
}

}  // namespace cf::CF_BUILD
