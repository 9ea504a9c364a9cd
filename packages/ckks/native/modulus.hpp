// One prime modulus: set-up arithmetic (exact, slow) shared by every build. The hot kernels use arith/*.hpp instead.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cf {

using u64 = uint64_t;
using i64 = int64_t;
using u128 = unsigned __int128;

/// Primes stay below 2^50, so that lazily reduced residues (< 4p) fit the 52-bit multiplier of AVX-512 IFMA and
/// products are exact in a pair of doubles.
constexpr int kMaxModulusBits = 50;
/// N = 2^17 is the largest ring: 128-bit security never asks for more below 3500 bits of modulus.
constexpr int kMaxLogN = 17;
/// Automorphisms and vector kernels move blocks of eight.
constexpr int kMinLogN = 4;

inline u64 mulMod(u64 a, u64 b, u64 p) { return static_cast<u64>(static_cast<u128>(a) * b % p); }
/// [-p, p), as a wrapped word -> [0, p). No branch, for it would be mispredicted every other time.
inline u64 addIfNegative(u64 x, u64 p) { return x + (p & (u64{0} - (x >> 63))); }
inline u64 addMod(u64 a, u64 b, u64 p) { return addIfNegative(a + b - p, p); }
inline u64 subMod(u64 a, u64 b, u64 p) { return addIfNegative(a - b, p); }

inline u64 powMod(u64 base, u64 exponent, u64 p) {
  u64 result = 1 % p;
  for (; exponent != 0; exponent >>= 1, base = mulMod(base, base, p))
    if (exponent & 1) result = mulMod(result, base, p);
  return result;
}

inline u64 inverseMod(u64 a, u64 p) { return powMod(a, p - 2, p); }

inline u64 bitReverse(u64 x, int bits) {
  u64 r = 0;
  for (int i = 0; i < bits; ++i) r |= (x >> i & 1) << (bits - 1 - i);
  return r;
}

/// Miller-Rabin with the bases that decide every number below 2^64 (Sinclair 2011).
bool isPrime(u64 n);

/// The smallest (as a number) primitive 2N-th root of unity: every build and the reference must pick the same one.
u64 smallestPrimitiveRoot(u64 p, int logN);

}  // namespace cf
