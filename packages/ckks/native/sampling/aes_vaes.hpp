// AES-256 in counter mode with VAES: four blocks a register, eight registers in flight, which covers the latency of
// one round (four cycles or so) on processors that start one or two 512-bit rounds a cycle.
#pragma once
#include <immintrin.h>
#include "sampling/aes_key.hpp"

namespace cf::CF_BUILD {

class Aes {
 public:
  static constexpr size_t kBatchWords = 64;

  explicit Aes(const AesKey& key) {
    for (int r = 0; r <= kAesRounds; ++r)
      keys_[r] = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(key.round(r))));
  }
  ~Aes() { secureErase(keys_, sizeof keys_); }

  struct Scratch {};  // all in registers

  /// Blocks `block` .. block + 31 of a stream.
  void batch(u64* out, u64 stream, u64 block, Scratch&) const {
    constexpr int kRegisters = kBatchWords / 8;
    const long long s = static_cast<long long>(stream), c = static_cast<long long>(block);
    const __m512i first = _mm512_setr_epi64(s, c, s, c + 1, s, c + 2, s, c + 3);
    __m512i x[kRegisters];
#pragma GCC unroll 8
    for (int i = 0; i < kRegisters; ++i) {
      const __m512i step = _mm512_setr_epi64(0, 4 * i, 0, 4 * i, 0, 4 * i, 0, 4 * i);
      x[i] = _mm512_xor_si512(_mm512_add_epi64(first, step), keys_[0]);
    }
#pragma GCC unroll 14
    for (int r = 1; r < kAesRounds; ++r) {
#pragma GCC unroll 8
      for (int i = 0; i < kRegisters; ++i) x[i] = _mm512_aesenc_epi128(x[i], keys_[r]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRegisters; ++i)
      _mm512_storeu_si512(out + 8 * i, _mm512_aesenclast_epi128(x[i], keys_[kAesRounds]));
  }

 private:
  __m512i keys_[kAesRounds + 1];
};

}  // namespace cf::CF_BUILD
