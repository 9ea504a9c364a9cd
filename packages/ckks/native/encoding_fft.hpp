// The CKKS encoding transform in double precision: coefficients of a real polynomial <-> its values at one of each pair of
// conjugate primitive roots of unity. Cheon, Kim, Kim, Song, "Homomorphic encryption for arithmetic of approximate
// numbers" (ASIACRYPT 2017), section 3.2; the order of the slots by powers of 5, section 4.2 there and Cheon, Han, Kim,
// Kim, Song, "Bootstrapping for approximate homomorphic encryption" (EUROCRYPT 2018), section 5.
//
// With n slots, m(X) of degree below 2n and zeta = exp(2 pi i / 4n): slot k is m(zeta^(5^k)). Because zeta^(n 5^k) = i, the
// polynomial folds into n complex numbers m_j + i m_(j+n). Arrays are split: re[j], im[j]. A ring of degree N > 2n (sparse
// slots) has the same polynomial in X^(N / 2n).
//
// Results are the same bits in every build: only +, -, *, / and sqrt, each rounded once (no contraction into fused
// operations), in an order that does not depend on the vector length; and roots that need no mathematical library.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace cf::CF_BUILD {

/// An unevaluated sum high + low of about 106 bits. Dekker, "A floating-point technique for extending the available
/// precision" (Numer. Math. 18, 1971); exact products by splitting, since a fused operation is not everywhere.
struct DoubleDouble {
  double high, low;

  static DoubleDouble sum(double a, double b) {
    const double s = a + b, t = s - a;
    return {s, (a - (s - t)) + (b - t)};
  }
  static DoubleDouble product(double a, double b) {
    const auto split = [](double x) {
      const double c = 0x8000001p0 * x, h = c - (c - x);
      return std::pair{h, x - h};
    };
    const auto [a1, a0] = split(a);
    const auto [b1, b0] = split(b);
    const double h = a * b;
    return {h, ((a1 * b1 - h) + a1 * b0 + a0 * b1) + a0 * b0};
  }
  friend DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
    const DoubleDouble s = sum(a.high, b.high);
    return sum(s.high, s.low + (a.low + b.low));
  }
  friend DoubleDouble operator-(DoubleDouble a) { return {-a.high, -a.low}; }
  friend DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
    const DoubleDouble h = product(a.high, b.high);
    return sum(h.high, h.low + (a.high * b.low + a.low * b.high));
  }
  friend DoubleDouble operator/(DoubleDouble a, DoubleDouble b) {
    const double q = a.high / b.high;
    const DoubleDouble rest = a + -(b * DoubleDouble{q, 0});
    return sum(q, rest.high / b.high);
  }
  DoubleDouble root() const {
    const double s = std::sqrt(high);
    const DoubleDouble rest = *this + -product(s, s);
    return sum(s, rest.high / (2 * s));
  }
};

/// Roots of all transforms of up to 2^logSlots slots, and the bit reversal of slot numbers.
struct EncodingTable {
  int logSlots;
  std::vector<double> re, im;      // [h + j], j < h: exp(2 pi i 5^j / 8h), the roots of the level of butterflies h apart
  std::vector<uint32_t> reversed;  // of logSlots bits

  explicit EncodingTable(int logSlots_) : logSlots(logSlots_) {
    const size_t n = size_t{1} << logSlots;
    const auto [cosine, sine] = octant(logSlots + 2);
    re.resize(n);
    im.resize(n);
    reversed.resize(n);
    for (size_t i = 1; i < n; ++i)
      reversed[i] = reversed[i / 2] / 2 | static_cast<uint32_t>((i & 1) << (logSlots - 1));
    // exp(2 pi i k / 4n): odd octants run backwards, and every second pair of octants exchanges cosine and sine.
    const auto unit = [&](size_t k) {
      const size_t eighth = n / 2, quadrant = k >> logSlots, r = k & (n - 1);
      double c = r <= eighth ? cosine[r] : sine[n - r], s = r <= eighth ? sine[r] : cosine[n - r];
      for (size_t i = 0; i < quadrant; ++i) c = std::exchange(s, c), c = -c;
      return std::pair{c, s};
    };
    int log = 0;
    for (size_t h = 1; h < n; h *= 2, ++log)
      for (size_t j = 0, power = 1; j < h; ++j, power = power * 5 & (8 * h - 1))
        std::tie(re[h + j], im[h + j]) = unit((power << logSlots) >> (log + 1));
  }

 private:
  /// cos and sin of 2 pi k / 2^bits for k up to an eighth of the circle, correctly rounded but for rare ties: from a
  /// quarter turn by halving angles, then one product for each further bit of k, all in double-double.
  static std::pair<std::vector<double>, std::vector<double>> octant(int bits) {
    const size_t eighth = size_t{1} << bits >> 3;
    std::vector<DoubleDouble> c(eighth + 1, {1, 0}), s(eighth + 1, {0, 0});
    std::vector<std::pair<DoubleDouble, DoubleDouble>> power(bits);  // [b]: the angle 2 pi 2^b / 2^bits
    DoubleDouble cosine{0, 0}, sine{1, 0};
    for (int b = bits - 3; b >= 0; --b) {
      const DoubleDouble half = ((cosine + DoubleDouble{1, 0}) * DoubleDouble{0.5, 0}).root();
      sine = sine * DoubleDouble{0.5, 0} / half;
      cosine = half;
      power[b] = {cosine, sine};
    }
    for (int b = 0; b <= bits - 3; ++b)
      for (size_t k = size_t{1} << b; k < size_t{2} << b && k <= eighth; ++k) {
        const size_t rest = k - (size_t{1} << b);
        c[k] = c[rest] * power[b].first + -(s[rest] * power[b].second);
        s[k] = s[rest] * power[b].first + c[rest] * power[b].second;
      }
    std::vector<double> cosines, sines;
    for (size_t k = 0; k <= eighth; ++k) cosines.push_back(c[k].high), sines.push_back(s[k].high);
    return {std::move(cosines), std::move(sines)};
  }
};

inline void permuteReversed(double* re, double* im, int logSlots, const EncodingTable& table) {
  for (size_t i = 0; i < size_t{1} << logSlots; ++i) {
    const size_t j = table.reversed[i] >> (table.logSlots - logSlots);
    if (i < j) std::swap(re[i], re[j]), std::swap(im[i], im[j]);
  }
}

/// Decoding: folded coefficients -> slots, in place. Decimation in time; 2^logSlots of each array.
inline void slotsFromCoefficients(double* re, double* im, int logSlots, const EncodingTable& table) {
  permuteReversed(re, im, logSlots, table);
  const size_t n = size_t{1} << logSlots;
  for (size_t h = 1; h < n; h *= 2) {
    const double *wr = &table.re[h], *wi = &table.im[h];
    for (size_t start = 0; start < n; start += 2 * h) {
      double *__restrict ar = re + start, *__restrict ai = im + start;
      double *__restrict br = ar + h, *__restrict bi = ai + h;
      for (size_t j = 0; j < h; ++j) {
        const double pr = br[j] * wr[j] - bi[j] * wi[j], pi = br[j] * wi[j] + bi[j] * wr[j];
        br[j] = ar[j] - pr;
        bi[j] = ai[j] - pi;
        ar[j] += pr;
        ai[j] += pi;
      }
    }
  }
}

struct ComplexArray {
  double *re, *im;
  ComplexArray after(size_t count) const { return {re + count, im + count}; }
};

/// Undoes the butterflies between a[j] and b[j], roots w[j]. Parameters that do not alias let compilers use vectors.
inline void undoButterflies(double* __restrict ar, double* __restrict ai, double* __restrict br, double* __restrict bi,
                            const double* __restrict wr, const double* __restrict wi, size_t count) {
  for (size_t j = 0; j < count; ++j) {
    const double dr = ar[j] - br[j], di = ai[j] - bi[j];
    ar[j] += br[j];
    ai[j] += bi[j];
    br[j] = dr * wr[j] + di * wi[j];
    bi[j] = di * wr[j] - dr * wi[j];
  }
}

/// Undoes two levels in one pass over memory: a with c and b with d (roots u and v), then a with b and c with d (roots w).
inline void undoTwoButterflies(double* __restrict ar, double* __restrict ai, double* __restrict br, double* __restrict bi,
                               double* __restrict cr, double* __restrict ci, double* __restrict dr, double* __restrict di,
                               const double* __restrict ur, const double* __restrict ui, const double* __restrict vr,
                               const double* __restrict vi, const double* __restrict wr, const double* __restrict wi,
                               size_t count) {
  for (size_t j = 0; j < count; ++j) {
    const double ac = ar[j] - cr[j], aci = ai[j] - ci[j], bd = br[j] - dr[j], bdi = bi[j] - di[j];
    const double p = ar[j] + cr[j], pi = ai[j] + ci[j], q = br[j] + dr[j], qi = bi[j] + di[j];
    const double x = ac * ur[j] + aci * ui[j], xi = aci * ur[j] - ac * ui[j];
    const double y = bd * vr[j] + bdi * vi[j], yi = bdi * vr[j] - bd * vi[j];
    const double pq = p - q, pqi = pi - qi, xy = x - y, xyi = xi - yi;
    ar[j] = p + q;
    ai[j] = pi + qi;
    br[j] = pq * wr[j] + pqi * wi[j];
    bi[j] = pqi * wr[j] - pq * wi[j];
    cr[j] = x + y;
    ci[j] = xi + yi;
    dr[j] = xy * wr[j] + xyi * wi[j];
    di[j] = xyi * wr[j] - xy * wi[j];
  }
}

/// The level of butterflies h apart, of one block of 2h.
inline void undoLevel(const ComplexArray& block, size_t h, const EncodingTable& table) {
  const ComplexArray b = block.after(h);
  undoButterflies(block.re, block.im, b.re, b.im, &table.re[h], &table.im[h], h);
}

/// The levels h, h/2, ..., last of one block of 2h: an even number of them. Blocks that fit the cache of a core are finished
/// one after the other.
inline void undoLevels(const ComplexArray& block, size_t h, size_t last, const EncodingTable& table) {
  if (h < last) return;
  const size_t q = h / 2;
  const ComplexArray b = block.after(q), c = block.after(2 * q), d = block.after(3 * q);
  undoTwoButterflies(block.re, block.im, b.re, b.im, c.re, c.im, d.re, d.im, &table.re[h], &table.im[h], &table.re[h + q],
                     &table.im[h + q], &table.re[q], &table.im[q], q);
  for (const ComplexArray& quarter : {block, b, c, d}) undoLevels(quarter, q / 2, last, table);
}

/// The levels 4, 2 and 1 of n >= 64 numbers, and their order reversed: eight blocks of eight at a time, those whose numbers
/// come to lie side by side.
inline void undoLastLevels(const ComplexArray& from, const ComplexArray& to, int logSlots, const EncodingTable& table) {
  constexpr size_t kReversed[8] = {0, 4, 2, 6, 1, 5, 3, 7};
  const size_t eighth = size_t{1} << logSlots >> 3;
  for (size_t group = 0; group < eighth / 8; ++group) {
    double re[8][8], im[8][8];  // [number of its block][block]
    for (size_t k = 0; k < 8; ++k)
      for (size_t b = 0; b < 8; ++b) {
        const size_t at = kReversed[b] * eighth + 8 * group + k;
        re[k][b] = from.re[at];
        im[k][b] = from.im[at];
      }
    for (size_t h = 4; h > 0; h /= 2)
      for (size_t start = 0; start < 8; start += 2 * h)
        for (size_t j = start; j < start + h; ++j) {
          const double wr = table.re[h + j - start], wi = table.im[h + j - start];
          for (size_t b = 0; b < 8; ++b) {
            const double dr = re[j][b] - re[j + h][b], di = im[j][b] - im[j + h][b];
            re[j][b] += re[j + h][b];
            im[j][b] += im[j + h][b];
            re[j + h][b] = dr * wr + di * wi;
            im[j + h][b] = di * wr - dr * wi;
          }
        }
    const size_t place = table.reversed[8 * group] >> (table.logSlots - logSlots);
    for (size_t k = 0; k < 8; ++k)
      for (size_t b = 0; b < 8; ++b) {
        to.re[kReversed[k] * eighth + place + b] = re[k][b];
        to.im[kReversed[k] * eighth + place + b] = im[k][b];
      }
  }
}

/// Encoding: slots -> n times the folded coefficients, to other memory; the slots are destroyed. The steps of decoding undone
/// one by one, each number by the same operations whatever is done in one pass: a pass of its own for every level takes
/// three times as long.
inline void coefficientsFromSlots(const ComplexArray& slots, const ComplexArray& coefficients, int logSlots, const EncodingTable& table) {
  const size_t n = size_t{1} << logSlots;
  if (n < 64) {
    for (size_t h = n / 2; h > 0; h /= 2)
      for (size_t start = 0; start < n; start += 2 * h) undoLevel(slots.after(start), h, table);
    for (size_t i = 0; i < n; ++i) {
      const size_t j = table.reversed[i] >> (table.logSlots - logSlots);
      coefficients.re[j] = slots.re[i];
      coefficients.im[j] = slots.im[i];
    }
    return;
  }
  if (logSlots % 2 == 1) {
    undoLevels(slots, n / 2, 8, table);
  } else {
    undoLevel(slots, n / 2, table);
    for (const size_t half : {size_t{0}, n / 2}) undoLevels(slots.after(half), n / 4, 8, table);
  }
  undoLastLevels(slots, coefficients, logSlots, table);
}

}  // namespace cf::CF_BUILD
