// Small secret polynomials from a keystream: ternary, sparse ternary and centred binomial coefficients.
//
// No branch and no address depends on a coefficient. Rejections do show in the running time, but what is rejected is
// independent of what is kept: the number of rejections says nothing about the result.
//
// Coefficients are written with a bias that makes them non-negative words, the form from which every build reduces.
#pragma once
#include <vector>
#include "sampling/keystream.hpp"

namespace cf::CF_BUILD {

constexpr u64 kTernaryBias = 1;

/// Uniform in {-1, 0, 1}: two-bit fields from the low end of each word, 3 rejected. A function of its own in the machine
/// code, so that a check can tell its branches from others.
[[gnu::noinline]] inline void sampleTernary(u64* dst, size_t n, const Aes& aes, u64 stream) {
  Keystream keystream(aes, stream);
  size_t filled = 0;
  while (filled < n) {
    const u64* words = keystream.next();
    for (size_t i = 0; i < Keystream::kWords && filled < n; ++i) {
      u64 word = words[i];
      for (int field = 0; field < 32 && filled < n; ++field, word >>= 2) {
        dst[filled] = word & 3;
        filled += (word & 3) != 3;
      }
    }
  }
}

/// Exactly `weight` coefficients are +1 or -1, every such polynomial equally likely.
///
/// Word by word: the low log2 N bits are a position, the top bit is its sign; a position already taken is rejected.
/// Writing at a secret position would show it in the cache, so the taken positions are a bitmap of N / 64 words that
/// each draw passes over as a whole (and finds out whether its position is free).
inline void sampleSparseTernary(u64* dst, size_t n, size_t weight, const Aes& aes, u64 stream) {
  Keystream keystream(aes, stream);
  const size_t rows = (n + 63) / 64;
  std::vector<u64> taken(rows), negative(rows);
  for (size_t placed = 0; placed < weight;) {
    const u64* words = keystream.next();
    for (size_t i = 0; i < Keystream::kWords && placed < weight; ++i) {
      const u64 position = words[i] & (n - 1), row = position / 64, bit = u64{1} << position % 64;
      const u64 minus = u64{0} - (words[i] >> 63);
      u64 fresh = bit;
      for (size_t r = 0; r < rows; ++r) {
        const u64 here = bit & (u64{0} - static_cast<u64>(r == row));
        fresh &= ~(taken[r] & here);
        negative[r] |= here & minus & ~taken[r];
        taken[r] |= here;
      }
      placed += fresh != 0;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    const u64 one = taken[i / 64] >> i % 64 & 1, minus = negative[i / 64] >> i % 64 & 1;
    dst[i] = kTernaryBias + one - 2 * minus;
  }
  secureErase(taken.data(), rows * sizeof(u64));
  secureErase(negative.data(), rows * sizeof(u64));
}

/// eta of the centred binomial error: variance eta / 2 = 10.5, standard deviation 3.24.
constexpr int kBinomialEta = 21;
constexpr u64 kBinomialBias = kBinomialEta;

/// Centred binomial: the ones among bits 0..20 minus the ones among bits 21..41 of one word a coefficient. With the
/// second group inverted this is one count, minus eta.
inline void sampleBinomial(u64* dst, size_t n, const Aes& aes, u64 stream) {
  constexpr u64 kGroup = (u64{1} << kBinomialEta) - 1, kSecond = kGroup << kBinomialEta;
  Keystream keystream(aes, stream);
  for (size_t at = 0; at < n; at += Keystream::kWords) {
    const u64* words = keystream.next();
    const size_t count = n - at < Keystream::kWords ? n - at : Keystream::kWords;
    for (size_t i = 0; i < count; ++i) {
      // Counted in the word itself: vectors without a population count do it too, and a library's might use a table.
      u64 x = (words[i] ^ kSecond) & (kGroup | kSecond);
      x -= x >> 1 & 0x5555555555555555;
      x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
      x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
      x += x >> 32;
      x += x >> 16;
      x += x >> 8;
      dst[at + i] = x & 63;
    }
  }
}

}  // namespace cf::CF_BUILD
