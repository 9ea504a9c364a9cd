// NTT, AVX-512 build: steps of sixteen vectors, in doubles as in the other builds.
//
// Integer butterflies (Harvey's, with 52-bit multiply-add) were measured in these same passes: nine operations instead of
// eight and a fraction, as fast while the limb is hot, and with roots of sixteen bytes slower when limbs take turns.
#pragma once
#include "../modulus.hpp"

namespace cf::CF_BUILD {

typedef double Doubles __attribute__((vector_size(64)));

constexpr int kMaxLevels = 4;
constexpr int kRowLevels = 8;
constexpr int kPairs = 8;

inline Doubles all(double x) { return _mm512_set1_pd(x); }
inline Doubles madd(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
inline Doubles nmadd(Doubles a, Doubles b, Doubles c) { return _mm512_fnmadd_pd(a, b, c); }

template <int count>
[[gnu::always_inline]] inline Doubles loadRepeated(const double* x) {
  if constexpr (count == 2) return _mm512_broadcast_f64x2(_mm_loadu_pd(x));
  if constexpr (count == 4) return _mm512_broadcast_f64x4(_mm256_loadu_pd(x));
  if constexpr (count == 8) return _mm512_loadu_pd(x);
}

// The quotient of ntt/double.hpp by an instruction that rounds any double: |x| <= 8p < 2^53. Its argument carries three
// relative errors of 2^-53 (of h, of 1/p, of their product), so |x w - q p| <= p / 2 + 3 |x| / 16.
constexpr double kLargest = 8;          // a factor's bound, in units of p
constexpr double kForwardBound = 4.63;  // between steps: one from canonical values reduces nothing
constexpr double kInverseBound = 2;
constexpr double kResultBound = 3.99;  // what canonical takes
constexpr double productBound(double x) { return 0.5 + 3 * x / 16; }

[[gnu::always_inline]] inline Doubles quotientOf(Doubles h, Doubles inverse) { return h * inverse; }
[[gnu::always_inline]] inline Doubles rounded(Doubles q) {
  return _mm512_roundscale_pd(q, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

}  // namespace cf::CF_BUILD

#include "double.hpp"

namespace cf::CF_BUILD {

[[gnu::always_inline]] inline Lane toLane(Vec v) { return _mm512_cvtepu64_pd(v); }
/// (-p, p) -> canonical: the smaller of x and x + p as unsigned words.
[[gnu::always_inline]] inline Vec toVec(Lane v, const LaneRing& ring) {
  const Vec x = _mm512_cvtpd_epi64(v);
  return _mm512_min_epu64(x, _mm512_add_epi64(x, _mm512_cvtpd_epi64(ring.p)));
}

/// |v| <= kResultBound p -> canonical. With v + 1/2 = k p + r + 1/2, the quotient is at least 1 / (2p) > 2^-51 away from an
/// integer, and 1 / p errs by less than |v + 1/2| / p * 2^-53: rounding down gives k.
[[gnu::always_inline]] inline Vec canonical(Lane v, const LaneRing& ring) {
  constexpr double kFloor = 0x1.8p52;  // adding and subtracting it rounds |x| < 2^51, as the addition rounds
  const Lane x = v + 0.5;
  const Lane q = _mm512_fmadd_round_pd(x, ring.inverse, all(kFloor), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC) - kFloor;
  return _mm512_cvttpd_epi64(nmadd(q, ring.p, x));
}

}  // namespace cf::CF_BUILD

#include "passes.hpp"
