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

/// Encoding: slots -> folded coefficients, in place, 1/n included: the steps of decoding undone one by one.
inline void coefficientsFromSlots(double* re, double* im, int logSlots, const EncodingTable& table) {
  const size_t n = size_t{1} << logSlots;
  for (size_t h = n / 2; h > 0; h /= 2) {
    const double *wr = &table.re[h], *wi = &table.im[h];
    for (size_t start = 0; start < n; start += 2 * h) {
      double *__restrict ar = re + start, *__restrict ai = im + start;
      double *__restrict br = ar + h, *__restrict bi = ai + h;
      for (size_t j = 0; j < h; ++j) {
        const double dr = ar[j] - br[j], di = ai[j] - bi[j];
        ar[j] += br[j];
        ai[j] += bi[j];
        br[j] = dr * wr[j] + di * wi[j];
        bi[j] = di * wr[j] - dr * wi[j];
      }
    }
  }
  permuteReversed(re, im, logSlots, table);
  const double scale = std::ldexp(1.0, -logSlots);
  for (size_t j = 0; j < n; ++j) re[j] *= scale, im[j] *= scale;
}

}  // namespace cf::CF_BUILD
