// Negacyclic NTT in two passes over memory, written once for every vector build.
//
// The levels are grouped into steps (ntt/steps.hpp), and the steps into
//   columns  one vector wide: the top levels of N / 2^kRowLevels rows, finished in a buffer that stays in L1 (in place,
//            the rows' distance, a power of two, would map them all to the same few cache sets);
//   rows     2^kRowLevels contiguous elements each, finished in L1 up to the last level.
// So a limb travels twice between L2 and the core, whatever its size; the first pass reads through in() and the last one
// writes through out(). The inverse walks the same way backwards. Bailey, "FFTs in external or hierarchical memory"
// (J. Supercomputing 4, 1990). Rings of a single row take plain loops. Contract and order: ntt/scalar.hpp.
#pragma once
#include <array>
#include <vector>
#include "steps.hpp"

namespace cf::CF_BUILD {

/// `levels` levels as steps as large as the registers allow and as equal as possible.
template <int levels>
struct Steps {
  static constexpr int count = (levels + kMaxLevels - 1) / kMaxLevels;
  static constexpr int size(int step) { return (levels + step) / count; }
  /// Levels before a step.
  static constexpr int first(int step) {
    int sum = 0;
    for (int i = 0; i < step; ++i) sum += size(i);
    return sum;
  }
  /// Words of the heaps before a step: all groups of one step lie together.
  static constexpr size_t offset(int step) {
    size_t words = 0;
    for (int i = 0; i < step; ++i) words += size_t{kRootWords} << (first(i) + size(i));
    return words;
  }
};

constexpr size_t kRowLength = size_t{1} << kRowLevels;
constexpr size_t kLastLength = size_t{2} * W * kPairs;  // elements of a row that the last step takes at once
using RowSteps = Steps<kRowLevels - kLastLevels>;
constexpr size_t kRowWords = RowSteps::offset(RowSteps::count) + kRootWords * kRowLength;
/// A column's lines are a row apart, which no hardware prefetcher follows: elements to fetch ahead.
constexpr size_t kColumnsAhead = 16;

struct NttTable {
  int logN;
  u64 p;
  std::vector<u64> roots;  // heaps: of the columns' steps, then row by row of the row's steps; plain psi^brv(i) for one row
  size_t rowsAt;           // where the rows' heaps start
  u64 inverseN;
  LaneRing ring;

  NttTable(u64 p_, int logN_) : NttTable(p_, logN_, smallestPrimitiveRoot(p_, logN_)) {}
  NttTable(u64 p_, int logN_, u64 psi) : NttTable(p_, logN_, powers(p_, logN_, psi)) {}

  size_t bytes() const { return sizeof *this + 8 * roots.size(); }

 private:
  /// psi^brv(i)
  static std::vector<u64> powers(u64 p, int logN, u64 psi) {
    const size_t n = size_t{1} << logN;
    std::vector<u64> w(n);
    u64 power = 1;
    for (size_t i = 0; i < n; ++i, power = cf::mulMod(power, psi, p)) w[bitReverse(i, logN)] = power;
    return w;
  }

  NttTable(u64 p_, int logN_, const std::vector<u64>& w)
      : logN(logN_), p(p_), rowsAt(0), inverseN(inverseMod(u64{1} << logN_, p_)),
        ring(p_, inverseN, cf::mulMod(w[1], inverseN, p_)) {
    if (logN <= kRowLevels) {
      roots = w;
      return;
    }
    const auto append = [&](int first, int levels, size_t firstGroup, size_t groups) {
      for (size_t g = firstGroup; g < firstGroup + groups; ++g) {
        const size_t at = roots.size();
        roots.resize(at + (size_t{kRootWords} << levels));
        for (int k = 0; k < levels; ++k)
          for (size_t j = 0; j < size_t{1} << k; ++j)
            writeRoot(&roots[at], (size_t{1} << k) + j, w[((size_t{1} << first) + g) << k | j], p);
      }
    };
    const int columnLevels = logN - kRowLevels;
    unrolled<kMaxLogN - kRowLevels>([&](auto i) {
      using ColumnSteps = Steps<i + 1>;
      if (i + 1 == columnLevels)
        for (int s = 0; s < ColumnSteps::count; ++s)
          append(ColumnSteps::first(s), ColumnSteps::size(s), 0, size_t{1} << ColumnSteps::first(s));
    });
    rowsAt = roots.size();
    for (size_t row = 0; row < size_t{1} << columnLevels; ++row) {
      for (int s = 0; s < RowSteps::count; ++s) {
        const int first = RowSteps::first(s);
        append(columnLevels + first, RowSteps::size(s), row << first, size_t{1} << first);
      }
      const int first = kRowLevels - kLastLevels;
      append(columnLevels + first, kLastLevels, row << first, size_t{1} << first);
    }
  }
};

/// Step `step` of a group of steps over 2^vectorLevels vectors, which load(v) and store(v, x) address.
template <class S, int step, int vectorLevels, class Load, class Store>
[[gnu::always_inline]] inline void forwardStep(Load load, Store store, const u64* heaps, const LaneRing& ring) {
  constexpr int R = S::size(step), first = S::first(step);
  constexpr size_t stride = size_t{1} << (vectorLevels - first - R);
  const u64* heap = heaps + S::offset(step);
  for (size_t start = 0; start < size_t{1} << vectorLevels; start += stride << R, heap += size_t{kRootWords} << R)
    for (size_t v = start; v < start + stride; ++v) {
      Lane x[1 << R];
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = load(v + i * stride); });
      forwardLevels<R>(x, heap, ring);
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { store(v + i * stride, x[i]); });
    }
}

/// Likewise backwards, reading the step's heaps from the last.
template <class S, int step, int vectorLevels, class Load, class Store>
[[gnu::always_inline]] inline void inverseStep(Load load, Store store, const u64* heaps, const LaneRing& ring) {
  constexpr int R = S::size(step), first = S::first(step);
  constexpr size_t stride = size_t{1} << (vectorLevels - first - R);
  const u64* heap = heaps + S::offset(step + 1);
  for (size_t start = 0; start < size_t{1} << vectorLevels; start += stride << R) {
    heap -= size_t{kRootWords} << R;
    for (size_t v = start; v < start + stride; ++v) {
      Lane x[1 << R];
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = load(v + i * stride); });
      inverseLevels<R, false>(x, heap, ring);
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { store(v + i * stride, x[i]); });
    }
  }
}

/// Calls f with a number of levels, at most kMaxLevels, as a constant.
template <class F>
[[gnu::always_inline]] inline void withLevels(int levels, F f) {
  unrolled<kMaxLevels>([&](auto i) __attribute__((always_inline)) {
    if (levels == i + 1) f(std::integral_constant<int, i + 1>{});
  });
}

/// Vectors `stride` words apart in memory.
template <size_t stride>
[[gnu::always_inline]] inline auto loadFrom(const u64* base) {
  return [base](size_t v) __attribute__((always_inline)) { return loadLane(base + v * stride); };
}
template <size_t stride>
[[gnu::always_inline]] inline auto storeTo(u64* base) {
  return [base](size_t v, Lane x) __attribute__((always_inline)) { storeLane(base + v * stride, x); };
}

// What does not depend on in() and out() is compiled once, whatever the number of fused forms.

/// All column steps but the first, for one column of vectors: from the buffer to every kRowLength-th element.
template <int levels>
[[gnu::noinline]] void forwardColumn(u64* buffer, u64* column, const u64* heaps, const LaneRing& table) {
  using S = Steps<levels>;
  const LaneRing ring = table;  // a copy, which no store can change
  const auto store = [&](size_t v, Lane x) __attribute__((always_inline)) {
    storeLane(column + v * kRowLength, x);
    __builtin_prefetch(column + v * kRowLength + kColumnsAhead, 1, 2);
  };
  if constexpr (S::count == 1) {
    for (size_t v = 0; v < size_t{1} << levels; ++v) store(v, loadLane(buffer + v * W));
  } else {
    unrolled<S::count - 2>([&](auto s) __attribute__((always_inline)) {
      forwardStep<S, s + 1, levels>(loadFrom<W>(buffer), storeTo<W>(buffer), heaps, ring);
    });
    forwardStep<S, S::count - 1, levels>(loadFrom<W>(buffer), store, heaps, ring);
  }
}
template <int levels>
[[gnu::noinline]] void inverseColumn(u64* buffer, u64* column, const u64* heaps, const LaneRing& table) {
  using S = Steps<levels>;
  const LaneRing ring = table;
  if constexpr (S::count == 1) {
    for (size_t v = 0; v < size_t{1} << levels; ++v) storeLane(buffer + v * W, loadLane(column + v * kRowLength));
  } else {
    inverseStep<S, S::count - 1, levels>(loadFrom<kRowLength>(column), storeTo<W>(buffer), heaps, ring);
    unrolled<S::count - 2>([&](auto s) __attribute__((always_inline)) {
      inverseStep<S, S::count - 2 - s, levels>(loadFrom<W>(buffer), storeTo<W>(buffer), heaps, ring);
    });
  }
}

/// What a transform needs to know of its number of column levels.
struct ColumnPlan {
  int firstLevels;  // levels of the columns' first step
  void (*forward)(u64*, u64*, const u64*, const LaneRing&);
  void (*inverse)(u64*, u64*, const u64*, const LaneRing&);
};
inline const ColumnPlan& columnPlan(int levels) {
  static constexpr auto plans = []<int... i>(std::integer_sequence<int, i...>) {
    return std::array{ColumnPlan{Steps<i + 1>::size(0), &forwardColumn<i + 1>, &inverseColumn<i + 1>}...};
  }(std::make_integer_sequence<int, kMaxLogN - kRowLevels>{});
  return plans[levels - 1];
}

/// All row steps but the last, in place.
[[gnu::noinline]] inline void forwardRow(u64* row, const u64* heaps, const LaneRing& table) {
  const LaneRing ring = table;
  unrolled<RowSteps::count>([&](auto s) __attribute__((always_inline)) {
    forwardStep<RowSteps, s, kRowLevels - kLogW>(loadFrom<W>(row), storeTo<W>(row), heaps, ring);
  });
}
[[gnu::noinline]] inline void inverseRow(u64* row, const u64* heaps, const LaneRing& table) {
  const LaneRing ring = table;
  unrolled<RowSteps::count>([&](auto s) __attribute__((always_inline)) {
    inverseStep<RowSteps, RowSteps::count - 1 - s, kRowLevels - kLogW>(loadFrom<W>(row), storeTo<W>(row), heaps, ring);
  });
}

template <class In, class Out>
void forwardSmall(In in, u64* work, Out out, const NttTable& table) {
  const size_t n = size_t{1} << table.logN;
  for (size_t i = 0; i < n; i += W) store(work + i, in(i));
  const Barrett m(table.p);
  for (size_t groups = 1, half = n / 2; groups < n; groups *= 2, half /= 2)
    for (size_t g = 0; g < groups; ++g) {
      u64* x = work + 2 * g * half;
      for (size_t i = 0; i < half; ++i) {
        const u64 a = x[i], b = m.multiply(x[i + half], table.roots[groups + g]);
        x[i] = cf::addMod(a, b, m.p);
        x[i + half] = cf::subMod(a, b, m.p);
      }
    }
  for (size_t i = 0; i < n; i += W) out(i, load(work + i));
}

template <class In, class Out>
void forward(In in, u64* work, Out out, const NttTable& table) {
  if (table.logN <= kRowLevels) return forwardSmall(in, work, out, table);
  const size_t rows = size_t{1} << (table.logN - kRowLevels);
  const LaneRing ring = table.ring;  // a copy, which no store can change
  const ColumnPlan& plan = columnPlan(table.logN - kRowLevels);
  alignas(64) u64 buffer[size_t{W} << (kMaxLogN - kRowLevels)];
  withLevels(plan.firstLevels, [&](auto R) __attribute__((always_inline)) {
    const size_t stride = rows >> R;
    for (size_t c = 0; c < kRowLength; c += W) {
      for (size_t v = 0; v < stride; ++v) {
        Lane x[1 << R];
        unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = toLane(in((v + i * stride) * kRowLength + c)); });
        forwardLevels<R>(x, table.roots.data(), ring);
        unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { storeLane(buffer + (v + i * stride) * W, x[i]); });
      }
      plan.forward(buffer, work + c, table.roots.data(), table.ring);
    }
  });

  const u64* heaps = table.roots.data() + table.rowsAt;
  for (size_t row = 0; row < rows * kRowLength; row += kRowLength) {
    forwardRow(work + row, heaps, table.ring);
    heaps += RowSteps::offset(RowSteps::count);
    for (size_t start = row; start < row + kRowLength; start += kLastLength, heaps += kRootWords * kLastLength) {
      for (size_t i = 0; i < kRootWords * kLastLength; i += 8) __builtin_prefetch(heaps + 2 * kRowWords + i);
      Lane a[kPairs], b[kPairs];
      unrolled<kPairs>([&](auto i) __attribute__((always_inline)) {
        a[i] = loadLane(work + start + 2 * i * W);
        b[i] = loadLane(work + start + (2 * i + 1) * W);
      });
      forwardLast<kPairs>(a, b, heaps, ring);
      unrolled<kPairs>([&](auto i) __attribute__((always_inline)) {
        out(start + 2 * i * W, toVec(reduce(a[i], ring), ring));
        out(start + (2 * i + 1) * W, toVec(reduce(b[i], ring), ring));
      });
    }
  }
}

template <class In, class Out>
void inverseSmall(In in, u64* work, Out out, const NttTable& table) {
  const size_t n = size_t{1} << table.logN;
  for (size_t i = 0; i < n; i += W) store(work + i, in(i));
  const Barrett m(table.p);
  for (size_t groups = n / 2, half = 1; groups > 0; groups /= 2, half *= 2)
    for (size_t g = 0; g < groups; ++g) {
      u64* x = work + 2 * g * half;
      for (size_t i = 0; i < half; ++i) {
        const u64 a = x[i], b = x[i + half];
        x[i] = cf::addMod(a, b, m.p);
        x[i + half] = m.multiply(cf::subMod(b, a, m.p), table.roots[2 * groups - 1 - g]);
      }
    }
  for (size_t i = 0; i < n; ++i) work[i] = m.multiply(work[i], table.inverseN);
  for (size_t i = 0; i < n; i += W) out(i, load(work + i));
}

template <class In, class Out>
void inverse(In in, u64* work, Out out, const NttTable& table) {
  if (table.logN <= kRowLevels) return inverseSmall(in, work, out, table);
  const size_t rows = size_t{1} << (table.logN - kRowLevels);
  const LaneRing ring = table.ring;
  const u64* heaps = table.roots.data() + table.roots.size();
  for (size_t row = 0; row < rows * kRowLength; row += kRowLength) {
    for (size_t start = row; start < row + kRowLength; start += kLastLength) {
      heaps -= kRootWords * kLastLength;
      Lane a[kPairs], b[kPairs];
      unrolled<kPairs>([&](auto i) __attribute__((always_inline)) {
        a[i] = toLane(in(start + 2 * i * W));
        b[i] = toLane(in(start + (2 * i + 1) * W));
      });
      inverseFirst<kPairs>(a, b, heaps, ring);
      unrolled<kPairs>([&](auto i) __attribute__((always_inline)) {
        storeLane(work + start + 2 * i * W, a[i]);
        storeLane(work + start + (2 * i + 1) * W, b[i]);
      });
    }
    heaps -= RowSteps::offset(RowSteps::count);
    inverseRow(work + row, heaps, table.ring);
  }

  const ColumnPlan& plan = columnPlan(table.logN - kRowLevels);
  alignas(64) u64 buffer[size_t{W} << (kMaxLogN - kRowLevels)];
  withLevels(plan.firstLevels, [&](auto R) __attribute__((always_inline)) {
    const size_t stride = rows >> R;
    for (size_t c = 0; c < kRowLength; c += W) {
      plan.inverse(buffer, work + c, table.roots.data(), table.ring);
      for (size_t v = 0; v < stride; ++v) {
        Lane x[1 << R];
        unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = loadLane(buffer + (v + i * stride) * W); });
        inverseLevels<R, true>(x, table.roots.data(), ring);
        unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) {
          out((v + i * stride) * kRowLength + c, toVec(x[i], ring));
        });
      }
    }
  });
}

}  // namespace cf::CF_BUILD
