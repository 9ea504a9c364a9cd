// Negacyclic NTT as steps over memory, written once for every vector build.
//
// The levels are grouped into steps (ntt/steps.hpp). A step takes a block, in place: its 2^R parts of contiguous elements,
// one vector of each at a time, so that a line is still in L1 when it is stored. (Gathering a whole column instead, a
// vector wide and a row apart, fills the same few cache sets again and again.) Each part then is a block of the next step,
// depth first, so that a block that fits into a cache is finished there, whatever the caches; the blocks of 2^kRowLevels
// elements are called rows, and what lies above them columns. The first step reads through in() and the last one writes
// through out(). The inverse walks the same way backwards. Bailey, "FFTs in external or hierarchical memory"
// (J. Supercomputing 4, 1990). Rings of a single row take plain loops. Contract and order: ntt/scalar.hpp.
#pragma once
#include <array>
#include <vector>
#include "steps.hpp"

namespace cf::CF_BUILD {

/// `levels` levels as steps as large as the registers allow and as equal as possible. Of constants only: it divides.
struct Steps {
  static constexpr int kMost = (kMaxLogN - kRowLevels > kRowLevels ? kMaxLogN - kRowLevels : kRowLevels) / kMaxLevels + 1;
  int levels, count;
  int size[kMost] = {};
  int first[kMost + 1] = {};      // levels before a step
  size_t offset[kMost + 1] = {};  // words of the heaps before a step: all groups of one step lie together

  constexpr explicit Steps(int levels_) : levels(levels_), count((levels_ + kMaxLevels - 1) / kMaxLevels) {
    for (int s = 0; s < count; ++s) {
      size[s] = (levels + s) / count;
      first[s + 1] = first[s] + size[s];
      offset[s + 1] = offset[s] + (size_t{kRootWords} << first[s + 1]);
    }
  }
};

/// The steps above the rows of a ring of more than one.
inline const Steps& columnSteps(int logN) {
  static constexpr auto all = []<int... i>(std::integer_sequence<int, i...>) {
    return std::array{Steps(i + 1)...};
  }(std::make_integer_sequence<int, kMaxLogN - kRowLevels>{});
  return all[logN - kRowLevels - 1];
}

constexpr size_t kRowLength = size_t{1} << kRowLevels;
constexpr size_t kLastLength = size_t{2} * W * kPairs;  // elements of a row that the last step takes at once
constexpr Steps kRowSteps(kRowLevels - kLastLevels);
constexpr size_t kStepWords = kRowSteps.offset[kRowSteps.count];  // of a row's heaps before the last step
constexpr size_t kRowWords = kStepWords + kRootWords * kRowLength;
/// Elements to fetch ahead in every part of the first step, which are more streams than hardware prefetchers follow.
constexpr size_t kAhead = 32;

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
    const Steps& columns = columnSteps(logN);
    for (int s = 0; s < columns.count; ++s) append(columns.first[s], columns.size[s], 0, size_t{1} << columns.first[s]);
    rowsAt = roots.size();
    for (size_t row = 0; row < size_t{1} << columnLevels; ++row) {
      for (int s = 0; s < kRowSteps.count; ++s) {
        const int first = kRowSteps.first[s];
        append(columnLevels + first, kRowSteps.size[s], row << first, size_t{1} << first);
      }
      const int first = kRowLevels - kLastLevels;
      append(columnLevels + first, kLastLevels, row << first, size_t{1} << first);
    }
  }
};

/// One step over a block, its 2^R parts `stride` elements long; load(i) and store(i, x) address its elements.
/// `first`: what load() yields is canonical.
template <int R, bool first, class Load, class Store>
[[gnu::always_inline]] inline void forwardBlock(Load load, Store store, size_t stride, const u64* heap,
                                                const LaneRing& ring) {
  for (size_t at = 0; at < stride; at += W) {
    Lane x[1 << R];
    unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = load(at + i * stride); });
    forwardLevels<R, first>(x, heap, ring);
    unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { store(at + i * stride, x[i]); });
  }
}
/// Likewise backwards. `last`: it is the transform's last step.
template <int R, bool last, class Load, class Store>
[[gnu::always_inline]] inline void inverseBlock(Load load, Store store, size_t stride, const u64* heap,
                                                const LaneRing& ring) {
  for (size_t at = 0; at < stride; at += W) {
    Lane x[1 << R];
    unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { x[i] = load(at + i * stride); });
    inverseLevels<R, last>(x, heap, ring);
    unrolled<(1 << R)>([&](auto i) __attribute__((always_inline)) { store(at + i * stride, x[i]); });
  }
}

[[gnu::always_inline]] inline auto loadFrom(const u64* block) {
  return [block](size_t i) __attribute__((always_inline)) { return loadLane(block + i); };
}
[[gnu::always_inline]] inline auto storeTo(u64* block) {
  return [block](size_t i, Lane x) __attribute__((always_inline)) { storeLane(block + i, x); };
}

/// Calls f with a number of levels, at most kMaxLevels, as a constant.
template <class F>
[[gnu::always_inline]] inline void withLevels(int levels, F f) {
  unrolled<kMaxLevels>([&](auto i) __attribute__((always_inline)) {
    if (levels == i + 1) f(std::integral_constant<int, i + 1>{});
  });
}

// What does not depend on in() and out() is compiled once, whatever the number of fused forms.

/// Steps of the columns but the first, of all blocks that begin with row `row`.
[[gnu::noinline]] inline void forwardColumns(u64* work, size_t row, const NttTable& table) {
  const LaneRing ring = table.ring;  // a copy, which no store can change
  const Steps& columns = columnSteps(table.logN);
  for (int s = 1; s < columns.count; ++s) {
    const int rowLevels = columns.levels - columns.first[s];  // the block has 2^rowLevels rows
    if (row % (size_t{1} << rowLevels) != 0) continue;
    withLevels(columns.size[s], [&](auto R) __attribute__((always_inline)) {
      u64* block = work + row * kRowLength;
      const u64* heap = table.roots.data() + columns.offset[s] + (row >> rowLevels) * (size_t{kRootWords} << R);
      forwardBlock<R, false>(loadFrom(block), storeTo(block), kRowLength << (rowLevels - R), heap, ring);
    });
  }
}
/// Likewise backwards, of all blocks that end with it; heaps are read from the last.
[[gnu::noinline]] inline void inverseColumns(u64* work, size_t row, const NttTable& table) {
  const LaneRing ring = table.ring;
  const Steps& columns = columnSteps(table.logN);
  for (int s = columns.count - 1; s > 0; --s) {
    const int rowLevels = columns.levels - columns.first[s];
    if ((row + 1) % (size_t{1} << rowLevels) != 0) continue;
    withLevels(columns.size[s], [&](auto R) __attribute__((always_inline)) {
      u64* block = work + (row + 1 - (size_t{1} << rowLevels)) * kRowLength;
      const u64* heap = table.roots.data() + columns.offset[s + 1] - ((row >> rowLevels) + 1) * (size_t{kRootWords} << R);
      inverseBlock<R, false>(loadFrom(block), storeTo(block), kRowLength << (rowLevels - R), heap, ring);
    });
  }
}

/// All row steps but the last, in place.
[[gnu::noinline]] inline void forwardRow(u64* row, const u64* heaps, const LaneRing& table) {
  const LaneRing ring = table;
  unrolled<kRowSteps.count>([&](auto s) __attribute__((always_inline)) {
    constexpr int R = kRowSteps.size[s];
    constexpr size_t length = kRowLength >> kRowSteps.first[s];
    const u64* heap = heaps + kRowSteps.offset[s];
    for (u64* block = row; block < row + kRowLength; block += length, heap += size_t{kRootWords} << R)
      forwardBlock<R, false>(loadFrom(block), storeTo(block), length >> R, heap, ring);
  });
}
[[gnu::noinline]] inline void inverseRow(u64* row, const u64* heaps, const LaneRing& table) {
  const LaneRing ring = table;
  unrolled<kRowSteps.count>([&](auto i) __attribute__((always_inline)) {
    constexpr int s = kRowSteps.count - 1 - i, R = kRowSteps.size[s];
    constexpr size_t length = kRowLength >> kRowSteps.first[s];
    const u64* heap = heaps + kRowSteps.offset[s + 1];
    for (u64* block = row; block < row + kRowLength; block += length) {
      heap -= size_t{kRootWords} << R;
      inverseBlock<R, false>(loadFrom(block), storeTo(block), length >> R, heap, ring);
    }
  });
}

/// Of a stretch of memory that is about to be used.
[[gnu::always_inline]] inline void prefetch(const u64* words, size_t count) {
  for (size_t i = 0; i < count; i += 8) __builtin_prefetch(words + i);
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
  const size_t n = size_t{1} << table.logN;
  const LaneRing ring = table.ring;
  const auto load = [&](size_t i) __attribute__((always_inline)) {
    __builtin_prefetch(work + i + kAhead, 1);
    return toLane(in(i));
  };
  withLevels(columnSteps(table.logN).size[0], [&](auto R) __attribute__((always_inline)) {
    forwardBlock<R, true>(load, storeTo(work), n >> R, table.roots.data(), ring);
  });

  const u64* heaps = table.roots.data() + table.rowsAt;
  for (size_t row = 0; row < n; row += kRowLength) {
    forwardColumns(work, row / kRowLength, table);
    forwardRow(work + row, heaps, table.ring);
    heaps += kStepWords;
    for (size_t start = row; start < row + kRowLength; start += kLastLength, heaps += kRootWords * kLastLength) {
      prefetch(heaps + 2 * kRowWords, kRootWords * kLastLength);
      Lane a[kPairs], b[kPairs];
      unrolled<kPairs>([&](auto i) __attribute__((always_inline)) {
        a[i] = loadLane(work + start + 2 * i * W);
        b[i] = loadLane(work + start + (2 * i + 1) * W);
      });
      forwardLast<kPairs>(a, b, heaps, ring);
      unrolled<kPairs>([&](auto i) __attribute__((always_inline)) {
        out(start + 2 * i * W, canonical(a[i], ring));
        out(start + (2 * i + 1) * W, canonical(b[i], ring));
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
  const size_t n = size_t{1} << table.logN;
  const LaneRing ring = table.ring;
  const u64* heaps = table.roots.data() + table.roots.size();
  for (size_t row = 0; row < n; row += kRowLength) {
    for (size_t start = row; start < row + kRowLength; start += kLastLength) {
      heaps -= kRootWords * kLastLength;
      prefetch(heaps - kRowWords, kRootWords * kLastLength);
      prefetch(work + start + kRowLength, kLastLength);
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
    heaps -= kStepWords;
    inverseRow(work + row, heaps, table.ring);
    inverseColumns(work, row / kRowLength, table);
  }

  const auto store = [&](size_t i, Lane x) __attribute__((always_inline)) { out(i, toVec(x, ring)); };
  withLevels(columnSteps(table.logN).size[0], [&](auto R) __attribute__((always_inline)) {
    inverseBlock<R, true>(loadFrom(work), store, n >> R, table.roots.data(), ring);
  });
}

}  // namespace cf::CF_BUILD
