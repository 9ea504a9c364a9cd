// Seeded randomness: the AES-256-CTR keystream of a 32-byte seed (NIST SP 800-38A, section 6.5), as 64-bit words.
//
// Counter block: bytes 0..7 the stream's number, bytes 8..15 the block's number from 0, both little-endian; the
// keystream's bytes are read as little-endian words. A (seed, stream) pair must never serve two purposes.
#pragma once
#include <utility>
#if defined(CF_IFMA)
#include "sampling/aes_vaes.hpp"
#elif defined(CF_FMA)
#include "sampling/aes_ni.hpp"
#else
#include "sampling/aes_bitsliced.hpp"
#endif

namespace cf::CF_BUILD {

/// The words of one stream in order, a batch at a time. What was expanded is erased at the end.
class Keystream {
 public:
  static constexpr size_t kWords = Aes::kBatchWords;

  Keystream(const Aes& aes, u64 stream) : aes_(aes), stream_(stream) {}
  ~Keystream() {
    secureErase(words_, sizeof words_);
    secureErase(&scratch_, sizeof scratch_);
  }
  Keystream(const Keystream&) = delete;
  Keystream& operator=(const Keystream&) = delete;

  /// The next kWords words; valid until the next call.
  const u64* next() {
    aes_.batch(words_, stream_, block_, scratch_);
    block_ += kWords / 2;
    return words_;
  }

 private:
  const Aes& aes_;
  u64 stream_, block_ = 0;
  alignas(64) u64 words_[kWords];
  typename Aes::Scratch scratch_;
};

}  // namespace cf::CF_BUILD
