// AES-256 in counter mode for builds without AES instructions: bitsliced, so without tables or branches on secrets.
//
// 128 blocks are encrypted at once. Plane i holds bit i of every block (one bit a block), so ShiftRows is a renaming,
// MixColumns a few exclusive-ors, and only the S-box costs; the counter's planes are written down directly, and one
// 64 x 64 bit transposition at the end gives the blocks back. Biham, "A fast new DES implementation in software"
// (FSE 1997); Kasper and Schwabe, "Faster and timing-attack resistant AES-GCM" (CHES 2009) for the alternative with
// eight blocks, which needs byte shuffles that portable C++ lacks.
#pragma once
#include "sampling/aes_key.hpp"

namespace cf::CF_BUILD {

/// One plane: lane 0 is blocks 0..63, lane 1 blocks 64..127 (SSE2, NEON or a v128 of WebAssembly).
typedef u64 Plane __attribute__((vector_size(16)));

class Aes {
 public:
  static constexpr size_t kBatchWords = 256;

  explicit Aes(const AesKey& key) {
    for (int r = 0; r <= kAesRounds; ++r)
      for (int i = 0; i < 128; ++i) {
        // The S-box's constant 0x63 passes unchanged through ShiftRows and MixColumns into the round key.
        const unsigned byte = key.round(r)[i / 8] ^ (r == 0 ? 0 : 0x63);
        keys_[r][i] = fill(byte >> i % 8 & 1);
      }
  }
  ~Aes() { secureErase(keys_, sizeof keys_); }

  struct Scratch {
    Plane state[2][128];
  };

  /// Blocks `block` .. block + 127 of a stream; `block` is a multiple of 128.
  void batch(u64* out, u64 stream, u64 block, Scratch& scratch) const {
    Plane* s = scratch.state[0];
    Plane* next = scratch.state[1];
    for (int i = 0; i < 64; ++i) {
      s[i] = splat(fill(stream >> i & 1) ^ keys_[0][i]);
      s[64 + i] = counterPlane(i, block) ^ splat(keys_[0][64 + i]);
    }
    for (int r = 1; r < kAesRounds; ++r) {
      round<false>(next, s, keys_[r]);
      std::swap(s, next);
    }
    round<true>(next, s, keys_[kAesRounds]);
    for (int half = 0; half < 2; ++half) {
      Plane* rows = next + 64 * half;
      transpose(rows);
      for (int b = 0; b < 64; ++b) {
        out[2 * b + half] = rows[b][0];
        out[2 * (64 + b) + half] = rows[b][1];
      }
    }
  }

 private:
  static u64 fill(u64 bit) { return u64{0} - bit; }
  static Plane splat(u64 x) { return Plane{x, x}; }

  static Plane counterPlane(int bit, u64 block) {
    static constexpr u64 kLow[6] = {0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
                                    0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000};
    if (bit < 6) return splat(kLow[bit]);
    if (bit == 6) return Plane{0, ~u64{0}};
    return splat(fill(block >> bit & 1));
  }

  template <bool last>
  static void round(Plane* to, const Plane* from, const u64* key) {
    for (int column = 0; column < 4; ++column) {
      Plane a[4][8];
      for (int row = 0; row < 4; ++row) {
        const Plane* byte = from + 8 * (row + 4 * ((column + row) % 4));  // ShiftRows
        for (int b = 0; b < 8; ++b) a[row][b] = byte[b];
        sboxLinear(a[row]);
      }
      for (int row = 0; row < 4; ++row) {
        const int at = 8 * (4 * column + row);
        const Plane *a0 = a[row], *a1 = a[(row + 1) % 4], *a2 = a[(row + 2) % 4], *a3 = a[(row + 3) % 4];
        for (int b = 0; b < 8; ++b) {
          Plane v;
          if constexpr (last) {
            v = a0[b];
          } else {
            // MixColumns: 2 a0 + 3 a1 + a2 + a3 = 2 (a0 + a1) + a1 + a2 + a3 in GF(2)[x] / 0x11b.
            v = a1[b] ^ a2[b] ^ a3[b];
            if (b > 0) v ^= a0[b - 1] ^ a1[b - 1];
            if (0x1b >> b & 1) v ^= a0[7] ^ a1[7];
          }
          to[at + b] = v ^ splat(key[at + b]);
        }
      }
    }
  }

  /// Transposes the 64 x 64 bit matrix of each lane, halving block sizes (Warren, "Hacker's Delight", section 7-3).
  static void transpose(Plane* rows) {
    u64 mask = 0x00000000ffffffff;
    for (int width = 32; width > 0; width /= 2, mask ^= mask << width) {
      for (int i = 0; i < 64; i = (i + width + 1) & ~width) {
        const Plane swap = (rows[i] >> width ^ rows[i + width]) & mask;
        rows[i] ^= swap << width;
        rows[i + width] ^= swap;
      }
    }
  }

  u64 keys_[kAesRounds + 1][128];
};

}  // namespace cf::CF_BUILD
