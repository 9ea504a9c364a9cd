// Uniform residues from a keystream: words masked to the prime's length, those not below the prime rejected.
#pragma once
#include "sampling/keystream.hpp"

namespace cf::CF_BUILD {

#if defined(CF_FMA)
/// Row b moves the words whose bit is set in b to the front, as pairs of 32-bit lanes.
struct Compression {
  alignas(32) uint32_t lanes[16][8] = {};
  constexpr Compression() {
    for (uint32_t b = 0; b < 16; ++b)
      for (uint32_t word = 0, to = 0; word < 4; ++word)
        if (b >> word & 1) {
          lanes[b][to++] = 2 * word;
          lanes[b][to++] = 2 * word + 1;
        }
  }
};
inline constexpr Compression kCompression{};
#endif

/// Appends the words (after masking) below p to dst and returns how many they are; may write garbage up to dst + count.
/// Branch-free although uniform polynomials are public: for a prime just above a power of two every second word fails.
inline size_t keepBelow(u64* dst, const u64* words, size_t count, u64 p, u64 mask) {
#if defined(CF_IFMA)
  const __m512i limit = broadcastWord(p), bits = broadcastWord(mask);
  size_t kept = 0;
  for (size_t i = 0; i < count; i += 8) {
    const __m512i word = _mm512_and_si512(_mm512_loadu_si512(words + i), bits);
    const __mmask8 below = _mm512_cmplt_epu64_mask(word, limit);
    // Compressed in a register: the form that writes to memory is slow microcode on some processors.
    _mm512_storeu_si512(dst + kept, _mm512_maskz_compress_epi64(below, word));
    kept += static_cast<size_t>(__builtin_popcount(below));
  }
  return kept;
#elif defined(CF_FMA)
  const __m256i limit = _mm256_set1_epi64x(static_cast<i64>(p)), bits = _mm256_set1_epi64x(static_cast<i64>(mask));
  size_t kept = 0;
  for (size_t i = 0; i < count; i += 4) {
    const __m256i word = _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + i)), bits);
    const int below = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(limit, word)));
    const __m256i order = _mm256_load_si256(reinterpret_cast<const __m256i*>(kCompression.lanes[below]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + kept), _mm256_permutevar8x32_epi32(word, order));
    kept += static_cast<size_t>(__builtin_popcount(static_cast<unsigned>(below)));
  }
  return kept;
#else
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const u64 word = words[i] & mask;
    dst[kept] = word;
    kept += word < p;
  }
  return kept;
#endif
}

/// dst[0..n) = the first n residues of a stream.
inline void sampleUniform(u64* dst, size_t n, u64 p, const Aes& aes, u64 stream) {
  Keystream keystream(aes, stream);
  constexpr size_t kWords = Keystream::kWords;
  const u64 mask = ~u64{0} >> __builtin_clzll(p);
  size_t filled = 0;
  while (filled + kWords <= n) filled += keepBelow(dst + filled, keystream.next(), kWords, p, mask);
  u64 rest[kWords];
  while (filled < n) {
    size_t kept = keepBelow(rest, keystream.next(), kWords, p, mask);
    if (kept > n - filled) kept = n - filled;
    std::memcpy(dst + filled, rest, kept * sizeof(u64));
    filled += kept;
  }
}

}  // namespace cf::CF_BUILD
