// Steps of the NTT in registers, written once for every vector build.
//
// A step of R levels holds 2^R vectors in registers and does their R 2^(R-1) butterflies. Its roots lie together as a
// binary heap of 2^R words: word 2^k + j is the root of group j at the step's level k, word 0 is padding.
// The inverse needs no tables of its own: psi^-brv(2^k + j) = -psi^brv(2^k + (2^k - 1 - j)) by psi^N = -1, so it reads
// every level's roots from the end and takes differences as b - a.
//
// A build defines, before including this, W, kPairLevels and the functions over Lane that ntt/double.hpp names.
#pragma once
#include <array>
#include <utility>
#include "../modulus.hpp"

namespace cf::CF_BUILD {

constexpr int kLogW = W == 8 ? 3 : W == 4 ? 2 : W == 2 ? 1 : 0;
/// The last step of all: kPairLevels levels between vectors, then kLogW within them.
constexpr int kLastLevels = kPairLevels + kLogW;

/// f(0), ..., f(n - 1) with constant arguments, so that arrays of lanes become registers.
template <int n, class F>
[[gnu::always_inline]] inline void unrolled(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }(std::make_integer_sequence<int, n>{});
}

/// Which operands to reduce at which level of a step, decided at compile time from bounds in units of p.
template <int R>
struct Reductions {
  bool at[R + 1][1 << R] = {};  // level R is never used: it lets R be 0
  double largest = 0;           // bound of the results

  /// Forward: a + w b may become the b of the next level, so a is reduced when the sum would grow too large.
  static constexpr Reductions forward(double start, double limit) {
    Reductions plan;
    double bound[1 << R];
    for (double& b : bound) b = start;
    for (int k = 0; k < R; ++k) {
      const int half = 1 << (R - 1 - k);
      for (int a = 0; a < 1 << R; ++a) {
        if (a & half) continue;
        const double product = productBound(bound[a + half]);
        plan.at[k][a] = bound[a] + product > (k == R - 1 ? limit : kLargest);
        bound[a] = bound[a + half] = (plan.at[k][a] ? kReducedBound : bound[a]) + product;
      }
    }
    for (const double b : bound) plan.largest = b > plan.largest ? b : plan.largest;
    return plan;
  }

  /// Inverse: a sum is reduced when the next level's difference would be too large a factor.
  static constexpr Reductions inverse(double start, double limit) {
    Reductions plan;
    double bound[1 << R];
    for (double& b : bound) b = start;
    for (int k = R - 1; k >= 0; --k) {
      const int half = 1 << (R - 1 - k);
      for (int a = 0; a < 1 << R; ++a) {
        if (a & half) continue;
        const double sum = bound[a] + bound[a + half];
        plan.at[k][a] = sum > (k == 0 ? limit : kLargest / 2);
        bound[a] = plan.at[k][a] ? kReducedBound : sum;
        bound[a + half] = productBound(sum);
      }
    }
    for (const double b : bound) plan.largest = b > plan.largest ? b : plan.largest;
    return plan;
  }
};

/// R levels between the vectors x[0..2^R); T levels in all share the heap.
template <int R, int T>
[[gnu::always_inline]] inline void forwardLevels(Lane* x, const u64* heap, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto plan = Reductions<R>::forward(kForwardBound, R == T ? kForwardBound : kLargest);
  unrolled<R>([&](auto k) __attribute__((always_inline)) {
    unrolled<(1 << k)>([&](auto group) __attribute__((always_inline)) {
      constexpr int half = 1 << (R - 1 - k);
      const Root w = rootAt<T>(heap, (1 << k) + group);
      unrolled<half>([&](auto i) __attribute__((always_inline)) {
        constexpr int a = group * 2 * half + i;
        if constexpr (plan.at[k][a]) x[a] = reduce(x[a], ring);
        butterfly(x[a], x[a + half], w, ring);
      });
    });
  });
}

/// Likewise backwards. `last`: level 0 is the transform's last, so its roots include 1/N.
template <int R, int T, bool last = false>
[[gnu::always_inline]] inline void inverseLevels(Lane* x, const u64* heap, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto plan = Reductions<R>::inverse(R == T ? kInverseBound : kLargest / 2, kInverseBound);
  unrolled<R>([&](auto step) __attribute__((always_inline)) {
    constexpr int k = R - 1 - step;
    unrolled<(1 << k)>([&](auto group) __attribute__((always_inline)) {
      constexpr int half = 1 << (R - 1 - k);
      const Root w = rootAt<T>(heap, (2 << k) - 1 - group);
      unrolled<half>([&](auto i) __attribute__((always_inline)) {
        constexpr int a = group * 2 * half + i;
        if constexpr (last && k == 0)
          lastButterfly(x[a], x[a + half], ring);
        else
          inverseButterfly(x[a], x[a + half], w, ring);
        if constexpr (!(last && k == 0) && plan.at[k][a]) x[a] = reduce(x[a], ring);
      });
    });
  });
}

/// Where element e of a pair of vectors lies (lane, plus W if in the second) while level `stage` within vectors is done:
/// lane l serves group l mod 2^(stage + 1), so that a load that repeats as many consecutive words yields the roots.
/// The inverse reads its roots mirrored. Stage -1 is natural order.
constexpr int laneOf(int stage, int e, bool mirrored) {
  if (stage < 0) return e;
  const int half = W >> (stage + 1), groups = 2 << stage, group = e / (2 * half);
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

/// The levels within vectors (logW of them, a parameter so that builds with one lane compile none of this), for each pair
/// of neighbours among x[0..2^kPairLevels).
template <int logW>
[[gnu::always_inline]] inline void forwardLanes(Lane* x, const u64* heap, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto reducedAt = [] {
    std::array<bool, logW + 1> at{};
    double bound = Reductions<kPairLevels>::forward(kForwardBound, kLargest).largest;
    for (int stage = 0; stage < logW; ++stage) {
      const double product = productBound(bound);
      at[stage] = bound + product > kLargest;
      bound = (at[stage] ? kReducedBound : bound) + product;
    }
    return at;
  }();
  if constexpr (logW > 0)
    unrolled<(1 << kPairLevels) / 2>([&](auto pair) __attribute__((always_inline)) {
      Lane &a = x[2 * pair], &b = x[2 * pair + 1];
      unrolled<logW>([&](auto stage) __attribute__((always_inline)) {
        constexpr int groups = 2 << stage;
        rearrange<stage - 1, stage, false>(a, b);
        if constexpr (reducedAt[stage]) a = reduce(a, ring);
        butterfly(a, b, rootsAt<kLastLevels, groups>(heap, (1 << (kPairLevels + stage)) + pair * groups), ring);
      });
      rearrange<logW - 1, -1, false>(a, b);
    });
}

template <int logW>
[[gnu::always_inline]] inline void inverseLanes(Lane* x, const u64* heap, const LaneRing& ring) {
  [[maybe_unused]] static constexpr auto reducedAt = [] {
    std::array<bool, logW + 1> at{};
    double bound = 1;
    for (int stage = logW - 1; stage >= 0; --stage) {
      at[stage] = 2 * bound > kLargest / 2;
      const double sum = at[stage] ? kReducedBound : 2 * bound, product = productBound(2 * bound);
      bound = sum > product ? sum : product;
    }
    return at;
  }();
  if constexpr (logW > 0)
    unrolled<(1 << kPairLevels) / 2>([&](auto pair) __attribute__((always_inline)) {
      Lane &a = x[2 * pair], &b = x[2 * pair + 1];
      rearrange<-1, logW - 1, true>(a, b);
      unrolled<logW>([&](auto step) __attribute__((always_inline)) {
        constexpr int stage = logW - 1 - step, groups = 2 << stage;
        inverseButterfly(a, b, rootsAt<kLastLevels, groups>(heap, (2 << (kPairLevels + stage)) - (pair + 1) * groups), ring);
        if constexpr (reducedAt[stage]) a = reduce(a, ring);
        rearrange<stage, stage - 1, true>(a, b);
      });
    });
}

}  // namespace cf::CF_BUILD
