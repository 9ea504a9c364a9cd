// Lane arithmetic, AVX2 + FMA build: four residues a vector, as doubles. The arithmetic itself is arith/double.hpp.
#pragma once
#include <immintrin.h>
#include "../modulus.hpp"

namespace cf::CF_BUILD {

constexpr int W = 4;
typedef double Doubles __attribute__((vector_size(32)));
typedef u64 Words __attribute__((vector_size(32)));

inline Doubles all(double x) { return _mm256_set1_pd(x); }
inline Doubles madd(Doubles a, Doubles b, Doubles c) { return _mm256_fmadd_pd(a, b, c); }
inline Doubles nmadd(Doubles a, Doubles b, Doubles c) { return _mm256_fnmadd_pd(a, b, c); }

}  // namespace cf::CF_BUILD

#include "double.hpp"
