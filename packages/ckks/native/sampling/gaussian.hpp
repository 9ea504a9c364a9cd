// Wide rounded Gaussian noise for flooding a decryption that is going to be shared: the same bits in every build.
//
// A coefficient is ceil(s g) + y, with g a standard normal by Box and Muller (1958) and y uniform on the 2^k integers
// -2^(k-1) .. 2^(k-1) - 1, k = floor(log2 sigma) - 2: symmetric about zero. For sigma < 8 it is round(s g). With
// s^2 = sigma^2 - (4^k - 1)/12 - 1/12 the standard deviation is sigma. Logarithm, sine and cosine are polynomials in
// plain double operations, each of which IEEE 754 defines to the last bit; no library function takes part.
//
// Why y: in double arithmetic g is wrong by e with E|e| < 2^-48 (the grid of the 53-bit uniform included), so s g near
// 2^40 goes to a wrong neighbour with a probability of up to 2 s E|e| = 2^-7. After y, whose shift by one is worth a
// statistical distance of 2^-k, the distance of a coefficient from the ideal sum (exact g, real arithmetic) is at most
// 2 s E|e| / 2^k < 2^-44, and as much without y for sigma < 8. And y costs no security: it is independent of the
// message, so the sum hides a difference at least as well as the Gaussian of deviation s >= 0.997 sigma alone.
#pragma once
#include "sampling/keystream.hpp"

namespace cf::CF_BUILD {

constexpr int kMaxGaussianLog2 = 40;
/// |g| < 8.6, so a coefficient stays below 2^44 in absolute value.
constexpr u64 kGaussianBias = u64{1} << 44;

/// 2^(milli / 1000), from the powers 2^(1/1000), 2^(2/1000), 2^(4/1000), ...
inline double powerOfTwo(size_t milli) {
  constexpr double kPowers[10] = {0x1.002d711c79a96p+0, 0x1.005aea49e94fap+0, 0x1.00b5f4dd65028p+0,
                                      0x1.016c6b0ef54c9p+0, 0x1.02dadcde89e83p+0, 0x1.05bde04d778a2p+0,
                                      0x1.0b9cb832eca9dp+0, 0x1.17c0482b3c43fp+0, 0x1.31b4adba928edp+0,
                                      0x1.6d10057b557c1p+0};
  double result = static_cast<double>(static_cast<i64>(u64{1} << milli / 1000));
  for (int i = 0; i < 10; ++i)
    if (milli % 1000 >> i & 1) result *= kPowers[i];
  return result;
}

/// sqrt(-2 ln u) for u = (bits + 1/2) 2^-52, bits < 2^52.
inline double normalRadius(u64 bits) {
  // 2 bits + 1 = m 2^e with m in [1/sqrt 2, sqrt 2): then ln m does not cancel against e ln 2 for u near 1.
  const double v = static_cast<double>(static_cast<i64>(2 * bits + 1));
  u64 word;
  std::memcpy(&word, &v, sizeof word);
  constexpr u64 kSqrtHalf = 0x3fe6a09e667f3bcd;
  const u64 offset = word - kSqrtHalf;
  const i64 e = static_cast<i64>(offset >> 52);
  const u64 mantissa = (offset & ((u64{1} << 52) - 1)) + kSqrtHalf;
  double m;
  std::memcpy(&m, &mantissa, sizeof m);
  // ln m = 2 artanh z, |z| < 0.1716: the term z^25 is below 2^-60.
  const double z = (m - 1) / (m + 1), z2 = z * z;
  double series = 1.0 / 23;
  for (int k = 21; k >= 1; k -= 2) series = series * z2 + 1.0 / k;
  constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  return __builtin_sqrt(-2 * (2 * z * series + static_cast<double>(e - 53) * kLn2));
}

/// cos and sin of 2 pi turns, turns = word 2^-64.
inline void cosineAndSine(u64 word, double& cosine, double& sine) {
  // A quarter turn q and an angle within 1/8 turn of it.
  const u64 quarter = (word + (u64{1} << 61)) >> 62;
  const i64 rest = static_cast<i64>(word - (quarter << 62)) >> 10;  // 53 bits: exact as a double
  constexpr double kScale = 0x1.921fb54442d18p+2 * 0x1p-54;
  const double x = static_cast<double>(rest) * kScale, x2 = x * x;
  // Taylor series, |x| <= pi/4: the terms x^18 and x^19 left out are below 2^-58.
  double c = 1.0 / 20922789888000, s = 1.0 / 355687428096000;
  constexpr double kCosine[] = {-1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24,
                                -1.0 / 2, 1.0};
  constexpr double kSine[] = {-1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040,
                              1.0 / 120, -1.0 / 6, 1.0};
  for (const double a : kCosine) c = c * x2 + a;
  for (const double a : kSine) s = s * x2 + a;
  s *= x;
  // A rotation by q quarter turns with sums and products: no branch on the angle.
  const double odd = static_cast<double>(static_cast<i64>(quarter & 1)), even = 1 - odd;
  const double sign = 1 - static_cast<double>(static_cast<i64>(quarter & 2));
  cosine = sign * (even * c - odd * s);
  sine = sign * (even * s + odd * c);
}

/// Standard deviation 2^(milliLog2Sigma / 1000), at most 2^40. Two coefficients take four words: radius, angle, and
/// the low k bits of one word each for their y.
inline void sampleGaussian(u64* dst, size_t n, size_t milliLog2Sigma, const Aes& aes, u64 stream) {
  Keystream keystream(aes, stream);
  const double sigma = powerOfTwo(milliLog2Sigma);
  const int k = milliLog2Sigma >= 3000 ? static_cast<int>(milliLog2Sigma / 1000) - 2 : 0;
  const u64 width = u64{1} << k;
  const double w = static_cast<double>(static_cast<i64>(width));
  const double s = __builtin_sqrt(sigma * sigma - w * w / 12);
  const double half = k > 0 ? 0.5 : 0;
  const auto rounded = [half](double x) {
    return static_cast<u64>(static_cast<i64>((x + half + 0x1.8p52) - 0x1.8p52));
  };
  for (size_t at = 0; at < n; at += Keystream::kWords / 2) {
    const u64* words = keystream.next();
    const size_t count = n - at < Keystream::kWords / 2 ? n - at : Keystream::kWords / 2;
    for (size_t i = 0; i < count; i += 2) {
      const u64* word = words + 2 * i;
      double cosine, sine;
      cosineAndSine(word[1], cosine, sine);
      const double radius = s * normalRadius(word[0] >> 12);
      const u64 shift = kGaussianBias - width / 2;
      dst[at + i] = rounded(radius * cosine) + (word[2] & (width - 1)) + shift;
      dst[at + i + 1] = rounded(radius * sine) + (word[3] & (width - 1)) + shift;
    }
  }
}

}  // namespace cf::CF_BUILD
