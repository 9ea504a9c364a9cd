// NTT, AVX2 + FMA build: steps of eight vectors.
#pragma once
#include "../modulus.hpp"

namespace cf::CF_BUILD {

constexpr int kMaxLevels = 3;
constexpr int kRowLevels = 8;
constexpr int kPairs = 4;

template <int count>
[[gnu::always_inline]] inline Doubles loadRepeated(const double* x) {
  if constexpr (count == 2) return _mm256_broadcast_pd(reinterpret_cast<const __m128d*>(x));
  if constexpr (count == 4) return _mm256_loadu_pd(x);
}

}  // namespace cf::CF_BUILD

#include "fused_quotient.hpp"
#include "double.hpp"

namespace cf::CF_BUILD {

[[gnu::always_inline]] inline Lane toLane(Vec v) { return v; }
/// (-p, p) -> canonical
[[gnu::always_inline]] inline Vec toVec(Lane v, const LaneRing& ring) {
  return v + (Vec)((Words)(v < 0.0) & (Words)ring.p);
}
/// |v| <= kResultBound p -> canonical
[[gnu::always_inline]] inline Vec canonical(Lane v, const LaneRing& ring) { return toVec(reduce(v, ring), ring); }

}  // namespace cf::CF_BUILD

#include "passes.hpp"
