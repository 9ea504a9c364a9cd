// Large memory: slabs on 2 MiB pages where the system gives them (a limb is 512 KiB at N = 2^16; with 4 KiB pages its
// column passes miss the TLB), kept for reuse when released, counted.
#pragma once
#include <cstddef>

namespace cf {

struct MemoryCounters {
  size_t slabs;        // slabs in use
  size_t bytes;        // bytes in use
  size_t cachedBytes;  // released, kept for the next request of the same size
  size_t peakBytes;    // most bytes in use at once
};

/// 64-byte aligned, contents undefined; nullptr when there is no memory.
void* allocateSlab(size_t bytes);
/// `bytes` as given to allocateSlab.
void releaseSlab(void* slab, size_t bytes);
/// Gives cached slabs back to the system.
void trimSlabs();
MemoryCounters memoryCounters();

/// Scratch of one thread: grows to the largest request, never shrinks until the thread ends. 64-byte aligned.
void* threadScratch(size_t bytes);

}  // namespace cf
