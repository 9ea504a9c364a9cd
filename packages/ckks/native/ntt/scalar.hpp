// Negacyclic NTT over Z_p[X]/(X^N + 1), portable build: Cooley-Tukey forward, Gentleman-Sande inverse, radix 2.
//
// Order: coefficients in natural order; values in bit-reversed order, value i = a(psi^(2 brv(i) + 1)) with psi the
// smallest primitive 2N-th root of unity. Longa and Naehrig, "Speeding up the NTT" (CANS 2016), algorithms 1 and 2.
//
// Every ntt/*.hpp offers the same names:
//   NttTable     the constants of one (prime, N), built once; with psi given, for another primitive root than the smallest
//   forward(in, work, out, table): Vec v = in(i) yields coefficients i..i+W-1, each called exactly once in any order;
//                out(i, v) receives canonical values i..i+W-1, each exactly once in any order; work is N words of
//                scratch, 64-byte aligned (it may be the memory that in reads and out writes: element i is read
//                before anything is written there, and written only when nothing else is kept there)
//   inverse(in, work, out, table): the same backwards, 1/N included.
#pragma once
#include <vector>
#include "modulus.hpp"

namespace cf::CF_BUILD {

struct NttTable {
  int logN;
  u64 p;
  std::vector<Factor> roots;         // psi^brv(i)
  std::vector<Factor> inverseRoots;  // psi^-brv(i)
  Factor inverseN;

  NttTable(u64 p_, int logN_) : NttTable(p_, logN_, smallestPrimitiveRoot(p_, logN_)) {}
  NttTable(u64 p_, int logN_, u64 psi)
      : logN(logN_), p(p_), inverseN(makeFactor(inverseMod(u64{1} << logN_, p_), p_)) {
    const size_t n = size_t{1} << logN;
    const u64 psiInverse = inverseMod(psi, p);
    roots.resize(n);
    inverseRoots.resize(n);
    u64 power = 1, inversePower = 1;
    for (size_t i = 0; i < n; ++i) {
      const size_t at = bitReverse(i, logN);
      roots[at] = makeFactor(power, p);
      inverseRoots[at] = makeFactor(inversePower, p);
      power = cf::mulMod(power, psi, p);
      inversePower = cf::mulMod(inversePower, psiInverse, p);
    }
  }
};

template <class In, class Out>
void forward(In in, u64* work, Out out, const NttTable& table) {
  const size_t n = size_t{1} << table.logN;
  const Mod m(table.p);
  for (size_t i = 0; i < n; ++i) work[i] = in(i);
  for (size_t groups = 1, half = n / 2; groups < n; groups *= 2, half /= 2) {
    for (size_t g = 0; g < groups; ++g) {
      const VFactor w = table.roots[groups + g];
      u64* x = work + 2 * g * half;
      for (size_t i = 0; i < half; ++i) {
        const u64 a = x[i], b = mulFactor(x[i + half], w, m);
        x[i] = addMod(a, b, m);
        x[i + half] = subMod(a, b, m);
      }
    }
  }
  for (size_t i = 0; i < n; ++i) out(i, work[i]);
}

template <class In, class Out>
void inverse(In in, u64* work, Out out, const NttTable& table) {
  const size_t n = size_t{1} << table.logN;
  const Mod m(table.p);
  for (size_t i = 0; i < n; ++i) work[i] = in(i);
  for (size_t groups = n / 2, half = 1; groups > 0; groups /= 2, half *= 2) {
    for (size_t g = 0; g < groups; ++g) {
      const VFactor w = table.inverseRoots[groups + g];
      u64* x = work + 2 * g * half;
      for (size_t i = 0; i < half; ++i) {
        const u64 a = x[i], b = x[i + half];
        x[i] = addMod(a, b, m);
        x[i + half] = mulFactor(subMod(a, b, m), w, m);
      }
    }
  }
  for (size_t i = 0; i < n; ++i) out(i, mulFactor(work[i], table.inverseN, m));
}

}  // namespace cf::CF_BUILD
