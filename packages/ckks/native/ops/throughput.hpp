// The rate at which this build can multiply at all: what benchmarks compare the kernels with.
#pragma once
#include <utility>
#include "args.hpp"
#include "ring.hpp"

namespace cf::CF_BUILD {

/// Independent chains: enough to hide the latency of a multiplication (3 to 4 cycles, up to two at once), and few enough
/// for the registers.
#if defined(CF_IFMA) || defined(CF_FMA) || defined(__wasm_relaxed_simd__)
constexpr int kChains = 12;
using Chain = Doubles;
inline Chain chainStep(Chain x, Chain a) { return madd(x, a, a); }
inline Chain chainOf(double x) { return Chain{} + x; }
inline double chainValue(Chain x) { return x[0]; }
#else
constexpr int kChains = 8;
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

template <int... i>
inline double multiplyChains(size_t rounds, std::integer_sequence<int, i...>) {
  Chain x[] = {chainOf(0.5 + 0.01 * i)...};
  const Chain a = chainOf(0.25);
  for (size_t r = 0; r < rounds; ++r) {
    const auto step = [a](Chain& y) __attribute__((always_inline)) {
      y = chainStep(y, a);
      CF_KEEP(y);
    };
    (step(x[i]), ...);  // unrolled by hand, so that the chains live in registers
  }
  return (chainValue(x[i]) + ...);
}

/// rounds -> does some multiply-adds (fused doubles, or 64-bit words) of one vector each in every round; how many is the
/// result.
inline int measureMultiplies(Args& args, double* result) {
  const size_t rounds = args.size();
  if (!args.complete()) return kBadArguments;
  static volatile double sink;
  sink = multiplyChains(rounds, std::make_integer_sequence<int, kChains>{});
  (void)sink;
  *result = kChains;
  return kOk;
}

}  // namespace cf::CF_BUILD
