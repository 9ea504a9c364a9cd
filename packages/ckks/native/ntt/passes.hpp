// Negacyclic NTT in two passes over memory, written once for every vector build.
//
// The levels are grouped into steps (ntt/steps.hpp), and the steps into
//   columns  one vector wide: the top levels of N / 2^kRowLevels rows, finished in a buffer that stays in L1 (in place,
//            the rows' distance, a power of two, would map them all to the same few cache sets);
//   rows     2^kRowLevels contiguous elements each, finished in L1 up to the last level.
// So a limb travels twice between L2 and the core, whatever its size; the first pass reads through in() and the last one
// writes through out(). The inverse walks the same way backwards. Bailey, "FFTs in external or hierarchical memory"
// (J. Supercomputing 4, 1990). Contract and order: ntt/scalar.hpp.
#pragma once
#include <vector>
#include "steps.hpp"

namespace cf::CF_BUILD {

/// Levels [first, first + levels) done as one step; heaps of its groups start at roots + offset.
struct Step {
  int first, levels;
  size_t offset;
};

/// N >= 4 W kPairs.
struct NttTable {
  int logN;
  u64 p;
  int rowLevels;               // levels of the second pass
  std::vector<Step> columns;   // offset: from the start of the table
  std::vector<Step> rows;      // first: from the row's first level; offset: from the start of the row's own table
  size_t rowsAt, rowStride;    // where the rows' tables start, words of each
  std::vector<u64> roots;
  LaneRing ring;

  NttTable(u64 p_, int logN_) : NttTable(p_, logN_, powers(p_, logN_)) {}

  size_t bytes() const { return sizeof *this + 8 * roots.size(); }

 private:
  /// psi^brv(i)
  static std::vector<u64> powers(u64 p, int logN) {
    const size_t n = size_t{1} << logN;
    const u64 psi = smallestPrimitiveRoot(p, logN);
    std::vector<u64> w(n);
    u64 power = 1;
    for (size_t i = 0; i < n; ++i, power = cf::mulMod(power, psi, p)) w[bitReverse(i, logN)] = power;
    return w;
  }

  NttTable(u64 p_, int logN_, const std::vector<u64>& w)
      : logN(logN_), p(p_), rowLevels(logN_ <= kRowLevels ? logN_ - 1 : kRowLevels),
        ring(p_, inverseMod(u64{1} << logN_, p_), cf::mulMod(w[1], inverseMod(u64{1} << logN_, p_), p_)) {
    const auto append = [&](const Step& step, size_t firstGroup, size_t groups) {
      for (size_t g = firstGroup; g < firstGroup + groups; ++g) {
        const size_t at = roots.size();
        roots.resize(at + (size_t{kRootWords} << step.levels));
        for (int k = 0; k < step.levels; ++k)
          for (size_t j = 0; j < size_t{1} << k; ++j)
            writeRoot(&roots[at], (size_t{1} << k) + j, w[((size_t{1} << step.first) + g) << k | j], p);
      }
    };
    int level = 0;
    for (const int levels : split(logN - rowLevels)) {
      columns.push_back({level, levels, roots.size()});
      append(columns.back(), 0, size_t{1} << level);
      level += levels;
    }
    rowsAt = roots.size();
    std::vector<int> inRow = split(rowLevels - kLastLevels);
    inRow.push_back(kLastLevels);
    for (size_t row = 0; row < size_t{1} << level; ++row) {
      int within = 0;
      for (const int levels : inRow) {
        const Step step{level + within, levels, 0};
        if (row == 0) rows.push_back({within, levels, roots.size() - rowsAt});
        append(step, row << within, size_t{1} << within);
        within += levels;
      }
      if (row == 0) rowStride = roots.size() - rowsAt;
    }
  }

  /// Steps as large as registers allow and as equal as possible.
  static std::vector<int> split(int levels) {
    const int count = (levels + kMaxLevels - 1) / kMaxLevels;
    std::vector<int> parts;
    for (int i = 0; i < count; ++i) parts.push_back((levels + i) / count);
    return parts;
  }
};

/// Every group of one step, over vectors numbered from 0: load(v) and store(v, x) address them; 2^first groups share them.
template <int R, class Load, class Store>
inline void forwardStep(int first, size_t vectors, Load load, Store store, const u64* heap, LaneRing ring) {
  const size_t stride = vectors >> first >> R;
  for (size_t start = 0; start < vectors; start += stride << R, heap += size_t{kRootWords} << R)
    for (size_t v = start; v < start + stride; ++v) {
      Lane x[1 << R];
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = load(v + i * stride); });
      forwardLevels<R>(x, heap, ring);
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { store(v + i * stride, x[i]); });
    }
}

/// Likewise backwards; `heaps` are the step's 2^first heaps, read from the last.
template <int R, bool last, class Load, class Store>
inline void inverseStep(int first, size_t vectors, Load load, Store store, const u64* heaps, LaneRing ring) {
  const size_t stride = vectors >> first >> R;
  const u64* heap = heaps + (size_t{kRootWords} << R << first);
  for (size_t start = 0; start < vectors; start += stride << R) {
    heap -= size_t{kRootWords} << R;
    for (size_t v = start; v < start + stride; ++v) {
      Lane x[1 << R];
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = load(v + i * stride); });
      inverseLevels<R, last>(x, heap, ring);
      unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { store(v + i * stride, x[i]); });
    }
  }
}

/// Calls f with the number of levels, at most kMaxLevels, as a constant.
template <class F>
[[gnu::always_inline]] inline void withLevels(int levels, F f) {
  unrolled<kMaxLevels>([&](auto i) __attribute__((always_inline)) {
    if (levels == i + 1) f(std::integral_constant<int, i + 1>{});
  });
}

/// Vectors `stride` words apart.
struct Strided {
  u64* base;
  size_t stride;
  auto load() const {
    return [*this](size_t v) __attribute__((always_inline)) { return loadLane(base + v * stride); };
  }
  auto store() const {
    return [*this](size_t v, Lane x) __attribute__((always_inline)) { storeLane(base + v * stride, x); };
  }
};

template <class In, class Out>
void forward(In in, u64* work, Out out, const NttTable& table) {
  const LaneRing ring = table.ring;  // a copy, which no store can change
  const size_t rows = size_t{1} << (table.logN - table.rowLevels), rowLength = size_t{1} << table.rowLevels;
  alignas(64) u64 buffer[size_t{W} << (kMaxLogN - kRowLevels)];

  for (size_t c = 0; c < rowLength; c += W)
    for (size_t s = 0; s < table.columns.size(); ++s) {
      const Step& step = table.columns[s];
      const Strided inL1{buffer, W}, column{work + c, rowLength};
      const u64* heap = table.roots.data() + step.offset;
      const Strided& to = s + 1 == table.columns.size() ? column : inL1;
      withLevels(step.levels, [&](auto R) {
        if (s == 0)
          forwardStep<R>(step.first, rows, [&](size_t v) { return toLane(in(v * rowLength + c)); }, to.store(), heap, ring);
        else
          forwardStep<R>(step.first, rows, inL1.load(), to.store(), heap, ring);
      });
    }

  const u64* roots = table.roots.data() + table.rowsAt;
  for (size_t row = 0; row < rows; ++row, roots += table.rowStride) {
    const Strided whole{work + row * rowLength, W};
    for (size_t s = 0; s + 1 < table.rows.size(); ++s) {
      const Step& step = table.rows[s];
      withLevels(step.levels, [&](auto R) {
        forwardStep<R>(step.first, rowLength / W, whole.load(), whole.store(), roots + step.offset, ring);
      });
    }
    const u64* heaps = roots + table.rows.back().offset;
    for (size_t start = row * rowLength; start < (row + 1) * rowLength; start += 2 * W * kPairs) {
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
      heaps += kRootWords * 2 * W * kPairs;
    }
  }
}

template <class In, class Out>
void inverse(In in, u64* work, Out out, const NttTable& table) {
  const LaneRing ring = table.ring;  // a copy, which no store can change
  const size_t rows = size_t{1} << (table.logN - table.rowLevels), rowLength = size_t{1} << table.rowLevels;
  alignas(64) u64 buffer[size_t{W} << (kMaxLogN - kRowLevels)];

  const u64* roots = table.roots.data() + table.roots.size();
  for (size_t row = 0; row < rows; ++row) {
    roots -= table.rowStride;
    const u64* heaps = roots + table.rowStride;
    for (size_t start = row * rowLength; start < (row + 1) * rowLength; start += 2 * W * kPairs) {
      heaps -= kRootWords * 2 * W * kPairs;
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
    const Strided whole{work + row * rowLength, W};
    for (size_t s = table.rows.size() - 1; s-- > 0;) {
      const Step& step = table.rows[s];
      withLevels(step.levels, [&](auto R) {
        inverseStep<R, false>(step.first, rowLength / W, whole.load(), whole.store(), roots + step.offset, ring);
      });
    }
  }

  for (size_t c = 0; c < rowLength; c += W)
    for (size_t s = table.columns.size(); s-- > 0;) {
      const Step& step = table.columns[s];
      const Strided inL1{buffer, W}, column{work + c, rowLength};
      const u64* heap = table.roots.data() + step.offset;
      const Strided& from = s + 1 == table.columns.size() ? column : inL1;
      withLevels(step.levels, [&](auto R) {
        if (s == 0)
          inverseStep<R, true>(0, rows, from.load(), [&](size_t v, Lane x) { out(v * rowLength + c, toVec(x, ring)); }, heap, ring);
        else
          inverseStep<R, false>(step.first, rows, from.load(), inL1.store(), heap, ring);
      });
    }
}

}  // namespace cf::CF_BUILD
