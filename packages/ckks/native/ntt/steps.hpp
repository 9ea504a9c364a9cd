// Steps of the NTT in registers, written once for every vector build.
//
// A step of R levels holds 2^R vectors in registers and does their R 2^(R-1) butterflies. Its roots lie together as a
// binary heap of 2^R words: word 2^k + j is the root of group j at the step's level k, word 0 is padding.
// The inverse needs no tables of its own: psi^-brv(2^k + j) = -psi^brv(2^k + (2^k - 1 - j)) by psi^N = -1, so it reads
// every level's roots from the end and takes differences as b - a.
//
// A build defines, before including this, the constants and functions over Lane that ntt/double.hpp has.
#pragma once
#include <array>
#include "../modulus.hpp"
#include "unrolled.hpp"

namespace cf::CF_BUILD {

constexpr int kLogW = W == 8 ? 3 : W == 4 ? 2 : W == 2 ? 1 : 0;
/// Levels of the last step, which takes 2 W neighbouring elements: one between two vectors, the others within them.
constexpr int kLastLevels = kLogW + 1;

/// Which operands to reduce at which level of a step, decided at compile time from bounds in units of p.
template <int R>
struct Reductions {
  bool at[R][1 << R] = {};

  /// Forward, from values up to `entry`: a + w b may become the b of the next level, so a is reduced when the sum would
  /// grow too large.
  static constexpr Reductions forward(double entry) {
    Reductions plan;
    double bound[1 << R];
    for (double& b : bound) b = entry;
    for (int k = 0; k < R; ++k) {
      const int half = 1 << (R - 1 - k);
      for (int a = 0; a < 1 << R; ++a) {
        if (a & half) continue;
        const double product = productBound(bound[a + half]);
        plan.at[k][a] = bound[a] + product > (k == R - 1 ? kForwardBound : kLargest);
        bound[a] = bound[a + half] = (plan.at[k][a] ? kReducedBound : bound[a]) + product;
      }
    }
    return plan;
  }

  /// Inverse: a sum is reduced when the next level's difference would be too large a factor.
  static constexpr Reductions inverse() {
    Reductions plan;
    double bound[1 << R];
    for (double& b : bound) b = kInverseBound;
    for (int k = R - 1; k >= 0; --k) {
      const int half = 1 << (R - 1 - k);
      for (int a = 0; a < 1 << R; ++a) {
        if (a & half) continue;
        const double sum = bound[a] + bound[a + half];
        plan.at[k][a] = sum > (k == 0 ? kInverseBound : kLargest / 2);
        bound[a] = plan.at[k][a] ? kReducedBound : sum;
        bound[a + half] = productBound(sum);
      }
    }
    return plan;
  }
};

/// n butterflies side by side.
template <int n>
[[gnu::always_inline]] inline void butterflies(Lane* a, Lane* b, const Root* w, const LaneRing& ring) {
  multiply<n>(b, w, ring);
  unrolled<n>([&](auto i) __attribute__((always_inline)) {
    const Lane product = b[i];
    b[i] = a[i] - product;
    a[i] = a[i] + product;
  });
}
template <int n>
[[gnu::always_inline]] inline void inverseButterflies(Lane* a, Lane* b, const Root* w, const LaneRing& ring) {
  unrolled<n>([&](auto i) __attribute__((always_inline)) {
    const Lane difference = b[i] - a[i];
    a[i] = a[i] + b[i];
    b[i] = difference;
  });
  multiply<n>(b, w, ring);
}

/// All levels of a step over x[0..2^R). `first`: x is canonical.
template <int R, bool first>
[[gnu::always_inline]] inline void forwardLevels(Lane* x, const u64* heap, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto plan = Reductions<R>::forward(first ? 1 : kForwardBound);
  unrolled<R>([&](auto k) __attribute__((always_inline)) {
    unrolled<(1 << k)>([&](auto group) __attribute__((always_inline)) {
      constexpr int half = 1 << (R - 1 - k);
      const Root w = rootAt(heap, (1 << k) + group);
      unrolled<half>([&](auto i) __attribute__((always_inline)) {
        constexpr int a = group * 2 * half + i;
        if constexpr (plan.at[k][a]) x[a] = reduce(x[a], ring);
        butterflies<1>(&x[a], &x[a + half], &w, ring);
      });
    });
  });
}

/// Likewise backwards. `last`: level 0 is the transform's last; its roots include 1/N, and results are in (-p, p).
template <int R, bool last>
[[gnu::always_inline]] inline void inverseLevels(Lane* x, const u64* heap, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto plan = Reductions<R>::inverse();
  unrolled<R>([&](auto step) __attribute__((always_inline)) {
    unrolled<(1 << (R - 1 - step))>([&](auto group) __attribute__((always_inline)) {
      constexpr int k = R - 1 - step, half = 1 << step;
      const Root w = last && k == 0 ? ring.inverseNRoot : rootAt(heap, (2 << k) - 1 - group);
      unrolled<half>([&](auto i) __attribute__((always_inline)) {
        constexpr int a = group * 2 * half + i;
        inverseButterflies<1>(&x[a], &x[a + half], &w, ring);
        if constexpr (last && k == 0)
          multiply<1>(&x[a], &ring.inverseN, ring);
        else if constexpr (plan.at[k][a])
          x[a] = reduce(x[a], ring);
      });
    });
  });
}

/// Where element e of a pair of vectors lies (its lane, plus W if in the second) while level `stage` of the last step is
/// done: lane l serves group l mod 2^stage, so that a load that repeats as many consecutive words yields the roots. The
/// inverse reads its roots mirrored. Stage 0, between the vectors, is natural order.
constexpr int laneOf(int stage, int e, bool mirrored) {
  const int half = W >> stage, groups = 1 << stage, group = e / (2 * half);
  return (e / half & 1) * W + (e % half) * groups + (mirrored ? groups - 1 - group : group);
}

/// (a, b) from the order of one stage into that of another: two shuffles.
template <int from, int to, bool mirrored>
[[gnu::always_inline]] inline void rearrange(Lane& a, Lane& b) {
  static constexpr auto source = [] {
    std::array<int, 2 * W> s{};
    for (int e = 0; e < 2 * W; ++e) s[laneOf(to, e, mirrored)] = laneOf(from, e, mirrored);
    return s;
  }();
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    const Lane x = a, y = b;
    a = shuffle<source[i]...>(x, y);
    b = shuffle<source[W + i]...>(x, y);
  }(std::make_integer_sequence<int, W>{});
}

/// The last step, for n pairs (a[i], b[i]), each with its own heap of 2W words. A pair is one chain of dependent operations,
/// longer than what processors look ahead, so its neighbours go side by side.
template <int n>
[[gnu::always_inline]] inline void forwardLast(Lane* a, Lane* b, const u64* heaps, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto reducedAt = [] {
    std::array<bool, kLastLevels> at{};
    double bound = kForwardBound;
    for (int stage = 0; stage < kLastLevels; ++stage) {
      const double product = productBound(bound);
      at[stage] = bound + product > (stage == kLastLevels - 1 ? kResultBound : kLargest);
      bound = (at[stage] ? kReducedBound : bound) + product;
    }
    return at;
  }();
  unrolled<kLastLevels>([&](auto stage) __attribute__((always_inline)) {
    Root w[n];
    unrolled<n>([&](auto i) __attribute__((always_inline)) {
      if constexpr (stage > 0) rearrange<stage - 1, stage, false>(a[i], b[i]);
      if constexpr (reducedAt[stage]) a[i] = reduce(a[i], ring);
      w[i] = rootsAt<1 << stage>(heaps + i * kRootWords * 2 * W, 1 << stage);
    });
    butterflies<n>(a, b, w, ring);
  });
  unrolled<n>([&](auto i) __attribute__((always_inline)) { rearrange<kLastLevels - 1, 0, false>(a[i], b[i]); });
}

/// Its inverse, from canonical values; the heaps are read from the last.
template <int n>
[[gnu::always_inline]] inline void inverseFirst(Lane* a, Lane* b, const u64* heaps, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto reducedAt = [] {
    std::array<bool, kLastLevels> at{};
    double bound = 1;
    for (int stage = kLastLevels - 1; stage >= 0; --stage) {
      const double sum = 2 * bound, product = productBound(sum);
      at[stage] = sum > (stage == 0 ? kInverseBound : kLargest / 2);
      bound = at[stage] || product > sum ? product : sum;
    }
    return at;
  }();
  unrolled<n>([&](auto i) __attribute__((always_inline)) { rearrange<0, kLastLevels - 1, true>(a[i], b[i]); });
  unrolled<kLastLevels>([&](auto step) __attribute__((always_inline)) {
    constexpr int stage = kLastLevels - 1 - step;
    Root w[n];
    unrolled<n>([&](auto i) __attribute__((always_inline)) {
      w[i] = rootsAt<1 << stage>(heaps + (n - 1 - i) * kRootWords * 2 * W, 1 << stage);
    });
    inverseButterflies<n>(a, b, w, ring);
    unrolled<n>([&](auto i) __attribute__((always_inline)) {
      if constexpr (reducedAt[stage]) a[i] = reduce(a[i], ring);
      if constexpr (stage > 0) rearrange<stage, stage - 1, true>(a[i], b[i]);
    });
  });
}

}  // namespace cf::CF_BUILD
