// The number-theoretic transform of the build being compiled.
#pragma once
#if defined(CF_IFMA)
#include "ntt/ifma.hpp"
#elif defined(CF_FMA)
#include "ntt/fma.hpp"
#elif defined(CF_WASM)
#include "ntt/wasm.hpp"
#else
#include "ntt/scalar.hpp"
#endif

namespace cf::CF_BUILD {

// One instance of each whole transform for all callers: every fused form is another copy of some thousand instructions.

/// dst = NTT of src, one limb of coefficients; dst may be src.
[[gnu::noinline]] inline void forwardLimb(u64* dst, const u64* src, const NttTable& table) {
  forward([src](size_t i) { return load(src + i); }, dst, [dst](size_t i, Vec v) { store(dst + i, v); }, table);
}

/// dst = coefficients of src, one limb in NTT form; dst may be src.
[[gnu::noinline]] inline void inverseLimb(u64* dst, const u64* src, const NttTable& table) {
  inverse([src](size_t i) { return load(src + i); }, dst, [dst](size_t i, Vec v) { store(dst + i, v); }, table);
}

/// dst = (coefficients of src + shift) * factor: what every base conversion starts from.
[[gnu::noinline]] inline void weightedInverseLimb(u64* dst, const u64* src, u64 shift, const Factor& factor,
                                                  const NttTable& table) {
  const Mod m(table.p);
  const Vec s = broadcastWord(shift);
  const VFactor f = broadcast(factor);
  inverse([src](size_t i) { return load(src + i); }, dst,
          [&](size_t i, Vec v) { store(dst + i, mulFactor(addMod(v, s, m), f, m)); }, table);
}

}  // namespace cf::CF_BUILD
