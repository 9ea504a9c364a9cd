// Butterflies in pairs of doubles with fused multiply-add (see arith/double.hpp for the exact product).
//
// Lanes hold signed integers x, |x| <= kLargest p <= 2^53, lazily reduced. A root w is stored as a double in (-p/2, p/2),
// eight bytes, without a precomputed quotient: q = round(h / p) with h = fl(x w) costs no more.
//
// A build defines, before including this: rounded(quotientOf(h, 1 / p)), an integer next to h / p, in two parts so that
// several products can be taken side by side, and how far lazily reduced values may grow with it (fused_quotient.hpp).
#pragma once
#include "../modulus.hpp"
#include "unrolled.hpp"

namespace cf::CF_BUILD {

using Lane = Doubles;
using Root = Lane;

constexpr double kReducedBound = 0.51;  // after reduce

inline double centred(u64 w, u64 p) { return w > p / 2 ? -static_cast<double>(p - w) : static_cast<double>(w); }

struct LaneRing {
  Lane p, inverse;               // p, 1 / p
  Root inverseN, inverseNRoot;  // 1 / N, alone and times the root of the inverse's last level
  LaneRing(u64 p_, u64 inverseN_, u64 inverseNRoot_)
      : p(all(static_cast<double>(p_))),
        inverse(all(cf::quotient(1.0, static_cast<double>(p_)))),
        inverseN(all(centred(inverseN_, p_))),
        inverseNRoot(all(centred(inverseNRoot_, p_))) {}
};

/// x[i] w[i] for each of n lanes, operation by operation.
template <int n>
[[gnu::always_inline]] inline void multiply(Lane* x, const Root* w, const LaneRing& ring) {
  Lane h[n], q[n];
  unrolled<n>([&](auto i) __attribute__((always_inline)) { h[i] = x[i] * w[i]; });
  unrolled<n>([&](auto i) __attribute__((always_inline)) { q[i] = quotientOf(h[i], ring.inverse); });
  unrolled<n>([&](auto i) __attribute__((always_inline)) { x[i] = nmadd(x[i], w[i], h[i]); });  // -l
  unrolled<n>([&](auto i) __attribute__((always_inline)) { q[i] = rounded(q[i]); });
  unrolled<n>([&](auto i) __attribute__((always_inline)) { h[i] = nmadd(q[i], ring.p, h[i]); });
  unrolled<n>([&](auto i) __attribute__((always_inline)) { x[i] = h[i] - x[i]; });
}
/// |x| <= kLargest p -> about [-p/2, p/2]
[[gnu::always_inline]] inline Lane reduce(Lane x, const LaneRing& ring) {
  return nmadd(rounded(quotientOf(x, ring.inverse)), ring.p, x);
}

/// Words a root occupies in the tables.
constexpr int kRootWords = 1;
inline void writeRoot(u64* heap, size_t i, u64 w, u64 p) {
  const double x = centred(w, p);
  __builtin_memcpy(heap + i, &x, sizeof x);
}
/// Root i of a heap, in every lane.
[[gnu::always_inline]] inline Root rootAt(const u64* heap, size_t i) {
  double w;
  __builtin_memcpy(&w, heap + i, 8);
  return all(w);
}
/// Roots i, ..., i + count - 1, repeated to fill the lanes.
template <int count>
[[gnu::always_inline]] inline Root rootsAt(const u64* heap, size_t i) {
  if constexpr (count == 1) return rootAt(heap, i);
  else return loadRepeated<count>(reinterpret_cast<const double*>(heap + i));
}

template <int... source>
[[gnu::always_inline]] inline Lane shuffle(Lane a, Lane b) {
  return __builtin_shufflevector(a, b, source...);
}
[[gnu::always_inline]] inline Lane loadLane(const u64* x) {
  Lane v;
  __builtin_memcpy(&v, x, sizeof v);
  return v;
}
[[gnu::always_inline]] inline void storeLane(u64* x, Lane v) { __builtin_memcpy(x, &v, sizeof v); }

}  // namespace cf::CF_BUILD
