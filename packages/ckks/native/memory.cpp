#include "memory.hpp"

#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace cf {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Released slabs up to this many bytes wait for reuse: the temporaries of a program at N = 2^16 fit, a key set does not.
// With 1 GiB they do not, and the system takes a quarter of a run's time to zero pages. wasm has 4 GiB in all.
constexpr size_t kMaxCachedBytes = size_t{sizeof(size_t) > 4 ? 2 : 1} << 30;

// A released slab serves a request of at least this share of its size: the temporaries of a bootstrap have a dozen sizes,
// and memory that was touched before costs no page faults.
constexpr size_t kReuseNumerator = 2, kReuseDenominator = 3;

struct Slabs {
  std::mutex mutex;
  std::multimap<size_t, void*> cached;         // by true size
  std::unordered_map<void*, size_t> trueSize;  // of slabs in use, at least the size asked for
  MemoryCounters counters{};
};

Slabs& slabs() {
  static Slabs* instance = new Slabs;
  return *instance;
}

size_t roundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// wasm has no pages to hint at, and its 4 GiB are too few to round up.
size_t slabBytes(size_t bytes) {
#ifdef __linux__
  if (bytes >= kHugePage / 4) return roundUp(bytes, kHugePage);
#endif
  return roundUp(bytes == 0 ? 1 : bytes, 64);
}

void* systemAllocate(size_t bytes) {
  void* slab = std::aligned_alloc(bytes >= kHugePage ? kHugePage : 64, bytes);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (slab != nullptr && bytes >= kHugePage) madvise(slab, bytes, MADV_HUGEPAGE);
#endif
  return slab;
}

}  // namespace

void* allocateSlab(size_t bytes) {
  const size_t size = slabBytes(bytes);
  Slabs& s = slabs();
  std::lock_guard<std::mutex> lock(s.mutex);
  void* slab = nullptr;
  size_t actual = size;
  if (const auto it = s.cached.lower_bound(size);
      it != s.cached.end() && it->first * kReuseNumerator <= size * kReuseDenominator) {
    actual = it->first;
    slab = it->second;
    s.cached.erase(it);
    s.counters.cachedBytes -= actual;
  } else {
    slab = systemAllocate(size);
    if (slab == nullptr) return nullptr;
  }
  s.trueSize[slab] = actual;
  s.counters.slabs += 1;
  s.counters.bytes += size;
  if (s.counters.bytes > s.counters.peakBytes) s.counters.peakBytes = s.counters.bytes;
  return slab;
}

void releaseSlab(void* slab, size_t bytes) {
  const size_t size = slabBytes(bytes);
  Slabs& s = slabs();
  std::lock_guard<std::mutex> lock(s.mutex);
  const auto it = s.trueSize.find(slab);
  if (it == s.trueSize.end()) return;  // never ours, or released before
  s.counters.slabs -= 1;
  s.counters.bytes -= size;
  const size_t actual = it->second;
  s.trueSize.erase(it);
  if (s.counters.cachedBytes + actual > kMaxCachedBytes) {
    std::free(slab);
    return;
  }
  s.cached.emplace(actual, slab);
  s.counters.cachedBytes += actual;
}

void trimSlabs() {
  Slabs& s = slabs();
  std::lock_guard<std::mutex> lock(s.mutex);
  for (const auto& [size, slab] : s.cached) std::free(slab);
  s.cached.clear();
  s.counters.cachedBytes = 0;
}

MemoryCounters memoryCounters() {
  Slabs& s = slabs();
  std::lock_guard<std::mutex> lock(s.mutex);
  return s.counters;
}

void* threadScratch(size_t bytes) {
  struct Scratch {
    void* memory = nullptr;
    size_t size = 0;
    ~Scratch() { std::free(memory); }
  };
#ifdef __wasm__
  static Scratch& scratch = *new Scratch;  // one thread, which never ends
#else
  thread_local Scratch scratch;
#endif
  const size_t size = roundUp(bytes, kHugePage);
  if (scratch.size < size) {
    std::free(scratch.memory);
    scratch.memory = systemAllocate(size);
    scratch.size = size;
  }
  return scratch.memory;
}

}  // namespace cf
