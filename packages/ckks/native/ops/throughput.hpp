// The rate at which this build can multiply at all: what benchmarks compare the kernels with.
#pragma once
#include "args.hpp"
#include "ring.hpp"

namespace cf::CF_BUILD {

/// Independent chains: enough to hide the latency of a multiplication (4 cycles) on two units.
constexpr int kChains = 12;

#if defined(CF_IFMA) || defined(CF_FMA) || defined(__wasm_relaxed_simd__)
using Chain = Doubles;
inline Chain chainStep(Chain x, Chain a) { return madd(x, a, a); }
inline Chain chainOf(double x) { return Chain{} + x; }
inline double chainValue(Chain x) { return x[0]; }
#else
using Chain = u64;
inline Chain chainStep(Chain x, Chain a) { return x * a + a; }
inline Chain chainOf(double x) { return static_cast<u64>(1e6 * x) | 1; }
inline double chainValue(Chain x) { return static_cast<double>(x & 1); }
#endif

/// Hides a value from the compiler, so that it neither folds the steps of a chain nor turns several into a vector.
#if defined(__wasm_relaxed_simd__)
#define CF_KEEP(x)
#elif defined(CF_IFMA) || defined(CF_FMA)
#define CF_KEEP(x) asm volatile("" : "+v"(x))
#else
#define CF_KEEP(x) asm volatile("" : "+r"(x))
#endif

/// rounds -> does kChains multiply-adds (fused doubles, or 64-bit words) of one vector each in every round.
inline int measureMultiplies(Args& args, double* result) {
  const size_t rounds = args.size();
  if (!args.complete()) return kBadArguments;
  Chain x[kChains];
  for (int i = 0; i < kChains; ++i) x[i] = chainOf(0.5 + 0.01 * i);
  const Chain a = chainOf(0.25);
  for (size_t r = 0; r < rounds; ++r) {
    for (int i = 0; i < kChains; ++i) {
      x[i] = chainStep(x[i], a);
      CF_KEEP(x[i]);
    }
  }
  double sum = 0;
  for (int i = 0; i < kChains; ++i) sum += chainValue(x[i]);
  *result = sum;
  return kOk;
}

}  // namespace cf::CF_BUILD
