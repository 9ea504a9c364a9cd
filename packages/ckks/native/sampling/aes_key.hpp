// AES-256 key expansion (FIPS 197, section 5.2), the same constant-time code in every build: it runs once a call.
#pragma once
#include <cstring>
#include "memory.hpp"
#include "sampling/sbox.hpp"

namespace cf::CF_BUILD {

constexpr int kAesRounds = 14;

/// The fifteen round keys as bytes, in the order in which they are added to a block. Erased at the end.
class AesKey {
 public:
  explicit AesKey(const uint8_t* key) {
    constexpr int kKeyWords = 8;
    uint32_t* w = words_;
    std::memcpy(w, key, 4 * kKeyWords);
    uint32_t roundConstant = 1;
    for (int i = kKeyWords; i < 4 * (kAesRounds + 1); ++i) {
      uint32_t t = w[i - 1];
      if (i % kKeyWords == 0) {
        t = substitute(t >> 8 | t << 24) ^ roundConstant;  // RotWord: bytes are little-endian in the word
        roundConstant <<= 1;                               // 2^0 .. 2^6: never reduced for a 256-bit key
      } else if (i % kKeyWords == 4) {
        t = substitute(t);
      }
      w[i] = w[i - kKeyWords] ^ t;
    }
  }
  ~AesKey() { secureErase(words_, sizeof words_); }
  AesKey(const AesKey&) = delete;
  AesKey& operator=(const AesKey&) = delete;

  const uint8_t* round(int r) const { return reinterpret_cast<const uint8_t*>(words_ + 4 * r); }

 private:
  /// SubWord: the four bytes are four lanes of the circuit.
  static uint32_t substitute(uint32_t word) {
    uint32_t lanes[8], result = 0;
    for (int b = 0; b < 8; ++b) lanes[b] = word >> b & 0x01010101;
    sboxLinear(lanes);
    for (int b = 0; b < 8; ++b) result |= lanes[b] << b;
    return result ^ 0x63636363;
  }

  alignas(16) uint32_t words_[4 * (kAesRounds + 1)];
};

}  // namespace cf::CF_BUILD
