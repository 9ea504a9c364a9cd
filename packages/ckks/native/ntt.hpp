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
