// The lane arithmetic of the build being compiled.
#pragma once
#if defined(CF_IFMA)
#include "arith/ifma.hpp"
#elif defined(CF_FMA)
#include "arith/fma.hpp"
#elif defined(CF_WASM)
#include "arith/wasm.hpp"
#else
#include "arith/scalar.hpp"
#endif
