// AES-256 in counter mode with AES-NI: one block a register, eight in flight.
#pragma once
#include <immintrin.h>
#include "sampling/aes_key.hpp"

namespace cf::CF_BUILD {

class Aes {
 public:
  static constexpr size_t kBatchWords = 64;

  explicit Aes(const AesKey& key) {
    for (int r = 0; r <= kAesRounds; ++r)
      keys_[r] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(key.round(r)));
  }
  ~Aes() { secureErase(keys_, sizeof keys_); }

  struct Scratch {};  // all in registers

  /// Blocks `block` .. block + 31 of a stream.
  void batch(u64* out, u64 stream, u64 block, Scratch&) const {
    constexpr int kRegisters = 8;
    for (size_t done = 0; done < kBatchWords; done += 2 * kRegisters) {
      const long long counter = static_cast<long long>(block + done / 2);
      __m128i x[kRegisters];
#pragma GCC unroll 8
      for (int i = 0; i < kRegisters; ++i)
        x[i] = _mm_xor_si128(_mm_set_epi64x(counter + i, static_cast<long long>(stream)), keys_[0]);
#pragma GCC unroll 14
      for (int r = 1; r < kAesRounds; ++r) {
#pragma GCC unroll 8
        for (int i = 0; i < kRegisters; ++i) x[i] = _mm_aesenc_si128(x[i], keys_[r]);
      }
#pragma GCC unroll 8
      for (int i = 0; i < kRegisters; ++i)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + done + 2 * i),
                         _mm_aesenclast_si128(x[i], keys_[kAesRounds]));
    }
  }

 private:
  __m128i keys_[kAesRounds + 1];
};

}  // namespace cf::CF_BUILD
