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
constexpr int kPairs = 4;

inline Doubles all(double x) { return _mm512_set1_pd(x); }
inline Doubles madd(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
inline Doubles nmadd(Doubles a, Doubles b, Doubles c) { return _mm512_fnmadd_pd(a, b, c); }

template <int count>
[[gnu::always_inline]] inline Doubles loadRepeated(const double* x) {
  if constexpr (count == 2) return _mm512_broadcast_f64x2(_mm_loadu_pd(x));
  if constexpr (count == 4) return _mm512_broadcast_f64x4(_mm256_loadu_pd(x));
  if constexpr (count == 8) return _mm512_loadu_pd(x);
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

}  // namespace cf::CF_BUILD

#include "passes.hpp"
