// One prime modulus: what every build shares. The hot kernels use arith/*.hpp instead.
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

/// [-p, p), as a wrapped word -> [0, p). No branch, for it would be mispredicted every other time.
inline u64 addIfNegative(u64 x, u64 p) { return x + (p & (u64{0} - (x >> 63))); }
inline u64 addMod(u64 a, u64 b, u64 p) { return addIfNegative(a + b - p, p); }
inline u64 subMod(u64 a, u64 b, u64 p) { return addIfNegative(a - b, p); }

// How long a division takes depends on its operands, so none may see a secret. Those of set-up, on public numbers, stand in
// modulus.cpp behind these calls, and no build's own code divides (test/kernels/constant-time.test.ts reads the machine
// code).
u64 modulo(u64 x, u64 p);
/// floor(w 2^bits / p), for w < p and bits up to 64.
u64 shiftedQuotient(u64 w, int bits, u64 p);
double quotient(double a, double b);
u64 mulMod(u64 a, u64 b, u64 p);
u64 powMod(u64 base, u64 exponent, u64 p);
u64 inverseMod(u64 a, u64 p);

/// Reduction by multiplications, for secrets, where no vector does it: Barrett (CRYPTO 1986) for a word, Shoup's
/// precomputed quotient for what lies above it.
struct Barrett {
  u64 p;
  u64 ratio;             // floor(2^64 / p)
  u64 top, topQuotient;  // 2^64 mod p, and floor(top 2^64 / p)

  explicit Barrett(u64 p_)
      : p(p_), ratio(shiftedQuotient(1, 64, p_)), top(u64{0} - ratio * p_), topQuotient(shiftedQuotient(top, 64, p_)) {}

  static u64 highProduct(u64 a, u64 b) { return static_cast<u64>(static_cast<u128>(a) * b >> 64); }
  /// Any x -> [0, p): the quotient is at most one too small.
  u64 reduce(u64 x) const { return addIfNegative(x - highProduct(x, ratio) * p - p, p); }
  /// Any x -> [0, p).
  u64 reduceWide(u128 x) const {
    const u64 high = static_cast<u64>(x >> 64);
    const u64 low = reduce(static_cast<u64>(x));
    return addMod(addIfNegative(high * top - highProduct(high, topQuotient) * p - p, p), low, p);
  }
  u64 multiply(u64 a, u64 b) const { return reduceWide(static_cast<u128>(a) * b); }
};

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
