#include "memory.hpp"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace cf {
namespace {

// An address sanitizer sees the ends of a slab, and its end of life, only if each is an allocation of its own.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Released slabs up to this many bytes wait for reuse: the temporaries of a program at N = 2^16 fit, a key set does not.
// With 1 GiB they do not, and the system takes a quarter of a run's time to zero pages. wasm has 4 GiB in all.
constexpr size_t kMaxCachedBytes = kSanitized ? 0 : size_t{sizeof(size_t) > 4 ? 2 : 1} << 30;

// A released slab serves a request of at least this share of its size: the temporaries of a bootstrap have a dozen sizes,
// and memory that was touched before costs no page faults.
constexpr size_t kReuseNumerator = 2, kReuseDenominator = 3;

size_t roundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

#ifdef __linux__

constexpr size_t kHugePage = size_t{2} << 20;
// From this size a slab is a mapping of its own, which goes back to the system whole, whatever lives beside it.
constexpr size_t kMapped = size_t{256} << 10;

size_t pageBytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

bool isMapped(size_t bytes) { return !kSanitized && bytes >= kMapped; }

/// Up to whole huge pages where that costs at most an eighth: ordinary ones at the end of the slabs of a key switch are
/// worth 3 to 5 % of its time.
size_t slabBytes(size_t bytes) {
  if (!isMapped(bytes)) return roundUp(bytes == 0 ? 1 : bytes, 64);
  const size_t huge = roundUp(bytes, kHugePage);
  return huge - bytes <= bytes / 8 ? huge : roundUp(bytes, pageBytes());
}

char* mapPages(size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
}

/// Whole huge pages from the start, ordinary ones for what is left at the end.
void* mapSlab(size_t bytes) {
  if (bytes < kHugePage) return mapPages(bytes);
  char* room = mapPages(bytes + kHugePage);
  if (room == nullptr) return mapPages(bytes);
  const size_t before = roundUp(reinterpret_cast<uintptr_t>(room), kHugePage) - reinterpret_cast<uintptr_t>(room);
  if (before > 0) munmap(room, before);
  if (before < kHugePage) munmap(room + before + bytes, kHugePage - before);
#ifdef MADV_HUGEPAGE
  madvise(room + before, bytes, MADV_HUGEPAGE);
#endif
  return room + before;
}

void* systemAllocate(size_t bytes) { return isMapped(bytes) ? mapSlab(bytes) : std::aligned_alloc(64, bytes); }
void systemFree(void* slab, size_t bytes) {
  if (isMapped(bytes)) munmap(slab, bytes);
  else std::free(slab);
}

#else

size_t slabBytes(size_t bytes) { return roundUp(bytes == 0 ? 1 : bytes, 64); }
void* systemAllocate(size_t bytes) { return std::aligned_alloc(64, bytes); }
void systemFree(void* slab, size_t) { std::free(slab); }

#endif

class Slabs {
 public:
  void* allocate(size_t bytes) {
    const size_t size = slabBytes(bytes);
    if (size < bytes) return nullptr;  // it wrapped round
    std::lock_guard<std::mutex> lock(mutex_);
    void* slab = takeCached(size);
    if (slab == nullptr) slab = takeFresh(size);
    if (slab == nullptr) return nullptr;
    counters_.slabs += 1;
    counters_.bytes += size;
    if (counters_.bytes > counters_.peakBytes) counters_.peakBytes = counters_.bytes;
    return slab;
  }

  void release(void* slab, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto it = inUse_.find(slab);
    if (it == inUse_.end()) return;  // never ours, or released before
    Cached::node_type node = std::move(it->second);
    inUse_.erase(it);
    counters_.slabs -= 1;
    counters_.bytes -= slabBytes(bytes);
    const size_t size = node.key();
    if (counters_.cachedBytes + size > kMaxCachedBytes) return systemFree(slab, size);
    // Before its equals: the last one released is the next one used, while it is in the caches.
    cached_.insert(cached_.lower_bound(size), std::move(node));
    counters_.cachedBytes += size;
  }

  void trim() {
    std::lock_guard<std::mutex> lock(mutex_);
    freeCached();
  }

  MemoryCounters counters() {
    std::lock_guard<std::mutex> lock(mutex_);
    return counters_;
  }

 private:
  using Cached = std::multimap<size_t, void*>;  // by true size

  void* takeCached(size_t size) {
    const auto it = cached_.lower_bound(size);
    if (it == cached_.end() || it->first * kReuseNumerator > size * kReuseDenominator) return nullptr;
    void* slab = it->second;
    auto& node = inUse_[slab];  // may throw: nothing has changed yet
    counters_.cachedBytes -= it->first;
    node = cached_.extract(it);
    return slab;
  }

  void* takeFresh(size_t size) {
    Cached place;
    place.emplace(size, nullptr);
    void* slab = systemAllocate(size);
    if (slab == nullptr && !cached_.empty()) {
      freeCached();
      slab = systemAllocate(size);
    }
    if (slab == nullptr) return nullptr;
    place.begin()->second = slab;
    try {
      inUse_[slab] = place.extract(place.begin());
      return slab;
    } catch (...) {
      systemFree(slab, size);
      return nullptr;
    }
  }

  void freeCached() {
    for (const auto& [size, slab] : cached_) systemFree(slab, size);
    cached_.clear();
    counters_.cachedBytes = 0;
  }

  std::mutex mutex_;
  Cached cached_;
  /// Each with its future place among the cached, so that a release needs no memory.
  std::unordered_map<void*, Cached::node_type> inUse_;
  MemoryCounters counters_{};
};

Slabs& slabs() { return immortal<Slabs>(); }

}  // namespace

void* allocateSlab(size_t bytes) noexcept {
  try {
    return slabs().allocate(bytes);
  } catch (...) {
    return nullptr;  // no memory for the books
  }
}

void releaseSlab(void* slab, size_t bytes) noexcept { slabs().release(slab, bytes); }

void trimSlabs() noexcept {
  slabs().trim();
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

MemoryCounters memoryCounters() noexcept { return slabs().counters(); }

void secureErase(void* memory, size_t bytes) noexcept {
  std::memset(memory, 0, bytes);
  asm volatile("" : : "r"(memory) : "memory");
}

Temporary::Temporary(size_t words, Contents contents)
    : bytes_(words * sizeof(u64)), contents_(contents), words_(static_cast<u64*>(allocateSlab(bytes_))) {
  if (words_ == nullptr) throw std::bad_alloc();
}

Temporary::~Temporary() {
  if (contents_ == Contents::kSecret) secureErase(words_, bytes_);
  releaseSlab(words_, bytes_);
}

Scratch::~Scratch() { release(); }

void Scratch::release() noexcept {
  if (words_ == nullptr) return;
  if (contents_ == Contents::kSecret) secureErase(words_, count_ * sizeof(u64));
  releaseSlab(words_, count_ * sizeof(u64));
  words_ = nullptr;
  count_ = 0;
}

u64* Scratch::words(size_t count, Contents contents) {
  if (count > count_) {
    release();
    words_ = static_cast<u64*>(allocateSlab(count * sizeof(u64)));
    if (words_ == nullptr) throw std::bad_alloc();
    count_ = count;
  }
  if (contents == Contents::kSecret) contents_ = contents;
  return words_;
}

}  // namespace cf
