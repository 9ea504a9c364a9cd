#include "modulus.hpp"

#include <initializer_list>

namespace cf {

u64 modulo(u64 x, u64 p) { return x % p; }
u64 shiftedQuotient(u64 w, int bits, u64 p) { return static_cast<u64>((static_cast<u128>(w) << bits) / p); }
double quotient(double a, double b) { return a / b; }
u64 mulMod(u64 a, u64 b, u64 p) { return static_cast<u64>(static_cast<u128>(a) * b % p); }

u64 powMod(u64 base, u64 exponent, u64 p) {
  u64 result = 1 % p;
  for (; exponent != 0; exponent >>= 1, base = mulMod(base, base, p))
    if (exponent & 1) result = mulMod(result, base, p);
  return result;
}

u64 inverseMod(u64 a, u64 p) { return powMod(a, p - 2, p); }

bool isPrime(u64 n) {
  if (n < 2) return false;
  for (const u64 small : {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37})
    if (n % small == 0) return n == small;
  u64 odd = n - 1;
  int twos = 0;
  for (; odd % 2 == 0; odd /= 2) ++twos;
  for (const u64 base : {2ull, 325ull, 9375ull, 28178ull, 450775ull, 9780504ull, 1795265022ull}) {
    u64 x = powMod(base % n, odd, n);
    if (x == 0 || x == 1 || x == n - 1) continue;
    bool composite = true;
    for (int i = 1; i < twos && composite; ++i) {
      x = mulMod(x, x, n);
      composite = x != n - 1;
    }
    if (composite) return false;
  }
  return true;
}

u64 smallestPrimitiveRoot(u64 p, int logN) {
  const u64 order = u64{2} << logN;
  // x^((p-1)/order) has order dividing 2N; it is primitive exactly when its N-th power is -1.
  u64 root = 0;
  for (u64 x = 2; root == 0; ++x) {
    const u64 candidate = powMod(x, (p - 1) / order, p);
    if (powMod(candidate, order / 2, p) == p - 1) root = candidate;
  }
  // The primitive roots are the odd powers of any one of them.
  const u64 square = mulMod(root, root, p);
  u64 smallest = root;
  for (u64 i = 1, power = root; i < order / 2; ++i) {
    power = mulMod(power, square, p);
    if (power < smallest) smallest = power;
  }
  return smallest;
}

}  // namespace cf
