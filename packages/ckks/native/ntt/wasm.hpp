// NTT, WebAssembly builds: two doubles a lane with relaxed SIMD, one 64-bit integer without (see arith/wasm.hpp).
#pragma once
#include <array>
#include "../modulus.hpp"
#include "unrolled.hpp"

#ifdef __wasm_relaxed_simd__

namespace cf::CF_BUILD {

constexpr int kMaxLevels = 2;
constexpr int kRowLevels = 8;
constexpr int kPairs = 2;

template <int count>
[[gnu::always_inline]] inline Doubles loadRepeated(const double* x) {
  static_assert(count == 2);
  Doubles v;
  __builtin_memcpy(&v, x, sizeof v);
  return v;
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

#else

namespace cf::CF_BUILD {

constexpr int kMaxLevels = 2;
constexpr int kRowLevels = 8;
constexpr int kPairs = 2;

/// Signed, |x| <= 4p < 2^52.
using Lane = i64;

constexpr double kLargest = 4;          // a factor's bound, in units of p
constexpr double kReducedBound = 0.51;  // after reduce
constexpr double kForwardBound = 2.95;  // between steps
constexpr double kInverseBound = 2;
constexpr double kResultBound = 4;  // what canonical takes
constexpr double productBound(double x) { return 0.5 + x / 8; }

/// A root in (-p/2, p/2), and its quotient by p.
struct Root {
  i64 value;
  double quotient;
};
inline Root makeRoot(u64 w, u64 p) {
  const i64 value = static_cast<i64>(w > p / 2 ? w - p : w);
  return {value, cf::quotient(static_cast<double>(value), static_cast<double>(p))};
}
constexpr int kRootWords = 2;
inline void writeRoot(u64* heap, size_t i, u64 w, u64 p) {
  const Root root = makeRoot(w, p);
  __builtin_memcpy(heap + 2 * i, &root, sizeof root);
}
[[gnu::always_inline]] inline Root rootAt(const u64* heap, size_t i) {
  Root root;
  __builtin_memcpy(&root, heap + 2 * i, sizeof root);
  return root;
}

struct LaneRing {
  i64 p;
  double inverse;               // 1 / p
  Root inverseN, inverseNRoot;  // 1 / N, alone and times the root of the inverse's last level
  LaneRing(u64 p_, u64 inverseN_, u64 inverseNRoot_)
      : p(static_cast<i64>(p_)),
        inverse(cf::quotient(1.0, static_cast<double>(p_))),
        inverseN(makeRoot(inverseN_, p_)),
        inverseNRoot(makeRoot(inverseNRoot_, p_)) {}
};

/// Products wrap; their difference is small and exact.
[[gnu::always_inline]] inline Lane wrappedDifference(i64 x, i64 w, u64 q, i64 p) {
  return static_cast<i64>(static_cast<u64>(x) * static_cast<u64>(w) - q * static_cast<u64>(p));
}
/// x[i] w[i] for each of n lanes.
template <int n>
[[gnu::always_inline]] inline void multiply(Lane* x, const Root* w, const LaneRing& ring) {
  unrolled<n>([&](auto i) __attribute__((always_inline)) {
    x[i] = wrappedDifference(x[i], w[i].value, nearest(static_cast<double>(x[i]) * w[i].quotient), ring.p);
  });
}
[[gnu::always_inline]] inline Lane reduce(Lane x, const LaneRing& ring) {
  return wrappedDifference(x, 1, nearest(static_cast<double>(x) * ring.inverse), ring.p);
}

template <int count>
[[gnu::always_inline]] inline Root rootsAt(const u64* heap, size_t i) {
  static_assert(count == 1);
  return rootAt(heap, i);
}
/// Its only use, with one lane, is to leave things as they are.
template <int... source>
[[gnu::always_inline]] inline Lane shuffle(Lane a, Lane b) {
  return std::array{a, b}[(source, ...)];
}

[[gnu::always_inline]] inline Lane loadLane(const u64* x) { return static_cast<i64>(*x); }
[[gnu::always_inline]] inline void storeLane(u64* x, Lane v) { *x = static_cast<u64>(v); }
[[gnu::always_inline]] inline Lane toLane(Vec v) { return static_cast<i64>(v); }
/// (-p, p) -> canonical
[[gnu::always_inline]] inline Vec toVec(Lane v, const LaneRing& ring) {
  return addIfNegative(static_cast<u64>(v), static_cast<u64>(ring.p));
}
/// |v| <= kResultBound p -> canonical
[[gnu::always_inline]] inline Vec canonical(Lane v, const LaneRing& ring) { return toVec(reduce(v, ring), ring); }

}  // namespace cf::CF_BUILD

#endif

#include "passes.hpp"
