// What one JavaScript environment (the main thread, or a worker) holds of this library: slabs and rings. Whatever ends the
// environment, no code of it runs any more to release them; its end does.
#pragma once
#include <cstddef>
#include <map>

#include "memory.hpp"

namespace cf {

using KernelCall = int (*)(int operation, const double* values, int count, double* result);

/// What JavaScript's garbage collector is told of native memory. It sees objects of a few bytes and would leave forgotten
/// slabs alone; but every increase it hears of, from 64 MiB on, costs a collection. So it hears of large steps only, and the
/// ups and downs of steady work are one number: the most that was held lately.
class CollectorAccount {
 public:
  /// Bytes to add to what the collector was told, now that `held` are held.
  int64_t update(size_t held);

 private:
  static constexpr size_t kStep = size_t{256} << 20;  // and half of what it was told
  static constexpr size_t kWindow = 256;              // changes after which a lower number is told

  size_t told_ = 0, most_ = 0, changes_ = 0;
};

class Environment {
 public:
  Environment() = default;
  /// Erases the secret slabs, gives all slabs back, destroys the rings.
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// A slab of this environment; nullptr when there is no memory.
  void* allocate(size_t bytes, Contents contents) noexcept;
  /// For its owner, who erases what is secret first; ignores what is none of this environment's.
  void release(void* slab) noexcept;
  /// Bytes of the slabs that are allocated.
  size_t bytes() const { return bytes_; }

  /// A call of one build; keeps account of the rings that it makes and destroys.
  int call(KernelCall build, int operation, const double* values, int count, double* result) noexcept;

 private:
  struct Slab {
    size_t bytes;
    Contents contents;
  };
  size_t bytes_ = 0;
  std::map<void*, Slab> slabs_;
  std::map<double, KernelCall> rings_;  // by handle
};

}  // namespace cf
