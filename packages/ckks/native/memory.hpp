// Large memory: slabs, kept for reuse when released, counted; on 2 MiB pages where a slab fills them (a limb is 512 KiB at
// N = 2^16; with 4 KiB pages the column passes of a polynomial miss the TLB).
#pragma once
#include <cstddef>
#include <new>

#include "modulus.hpp"

namespace cf {

/// The one T of the process: made when it is first used, without memory from the heap, and never destroyed, for threads may
/// still use it when the process exits.
template <class T>
T& immortal() {
  alignas(T) static std::byte room[sizeof(T)];
  static T* object = new (room) T;
  return *object;
}

struct MemoryCounters {
  size_t slabs;        // slabs in use
  size_t bytes;        // bytes in use
  size_t cachedBytes;  // released, kept for the next request of about the same size
  size_t peakBytes;    // most bytes in use at once
};

/// 64-byte aligned, contents undefined; nullptr when there is no memory.
void* allocateSlab(size_t bytes) noexcept;
/// `bytes` as given to allocateSlab.
void releaseSlab(void* slab, size_t bytes) noexcept;
/// Gives cached slabs back to the system.
void trimSlabs() noexcept;
MemoryCounters memoryCounters() noexcept;

/// Zeros that the compiler may not leave out: for keys and expanded secrets.
void secureErase(void* memory, size_t bytes) noexcept;

enum class Contents { kPublic, kSecret };

/// A slab for a scope, erased before it goes back if its contents are secret. Throws std::bad_alloc.
class Temporary {
 public:
  explicit Temporary(size_t words, Contents contents = Contents::kPublic);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  u64* words() const { return words_; }
  u64* limb(size_t j, size_t n) const { return words_ + j * n; }

 private:
  size_t bytes_;
  Contents contents_;
  u64* words_;
};

/// Working memory of one thread during one call: nothing until it is asked for, then as large as the largest request.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// `count` words, 64-byte aligned, contents undefined; the next request may take them. Erased before they go back if
  /// the contents of any request are secret. Throws std::bad_alloc.
  u64* words(size_t count, Contents contents = Contents::kPublic);

 private:
  void release() noexcept;

  u64* words_ = nullptr;
  size_t count_ = 0;
  Contents contents_ = Contents::kPublic;
};

}  // namespace cf
