// WebAssembly entry points: the same calls as native.cpp, for one build and one thread.
#include "memory.hpp"

namespace cf::CF_BUILD {
int call(int operation, const double* values, int count, double* result);
}

#define CF_EXPORT(name) __attribute__((export_name(name)))

CF_EXPORT("call") int cfCall(int operation, const double* values, int count, double* result) {
  return cf::CF_BUILD::call(operation, values, count, result);
}
CF_EXPORT("allocate") void* cfAllocate(unsigned bytes) { return cf::allocateSlab(bytes); }
CF_EXPORT("release") void cfRelease(void* slab, unsigned bytes) { cf::releaseSlab(slab, bytes); }
CF_EXPORT("trim") void cfTrim() { cf::trimSlabs(); }
