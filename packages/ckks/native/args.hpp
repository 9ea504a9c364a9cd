// The narrow interface between TypeScript and the kernels: an operation code and a list of numbers. Addresses,
// residues (< 2^50) and sizes are all exact as doubles, so native and WebAssembly share one calling convention.
#pragma once
#include <vector>
#include "modulus.hpp"

namespace cf {

enum Status : int {
  kOk = 0,
  kUnknownOperation = 1,  // this build has no such operation
  kBadArguments = 2,      // too few or too many numbers for the operation
  kOutOfMemory = 3,
  kBadModulus = 4,        // not below 2^50, or not 1 mod 2N, or not prime
  kBadRing = 5,           // logN outside the supported range
  kUnsupported = 6,       // the processor lacks the build's instructions
  kNoSuchRing = 7,        // the first argument is no ring of this build, or one that was destroyed
};

/// Reads the numbers of one call in order. A read past the end yields 0 and makes complete() false.
class Args {
 public:
  Args(const double* values, int count) : values_(values), count_(count) {}

  double real() { return at_ < count_ ? values_[at_++] : (++at_, 0.0); }
  u64 word() { return static_cast<u64>(real()); }
  size_t size() { return static_cast<size_t>(real()); }
  int integer() { return static_cast<int>(real()); }
  template <class T = u64>
  T* address() { return reinterpret_cast<T*>(static_cast<uintptr_t>(word())); }

  /// A list: its length, then its members.
  std::vector<int> integers() {
    std::vector<int> list(length());
    for (int& member : list) member = integer();
    return list;
  }
  std::vector<u64> words() {
    std::vector<u64> list(length());
    for (u64& member : list) member = word();
    return list;
  }

  /// Numbers of primes must name primes of the call's ring: set once the ring is known.
  void limitIndices(size_t primes) { indexLimit_ = static_cast<double>(primes); }
  int index() {
    const double i = real();
    const bool fits = i >= 0 && i < indexLimit_;
    if (!fits) poison();
    return fits ? static_cast<int>(i) : 0;
  }
  std::vector<int> indices() {
    std::vector<int> list(length());
    for (int& member : list) member = index();
    return list;
  }

  bool complete() const { return at_ == count_; }

 private:
  size_t length() {
    const double n = real();
    const bool fits = n >= 0 && n <= count_ - at_;
    if (!fits) poison();
    return fits ? static_cast<size_t>(n) : 0;
  }
  /// A number that cannot be true makes the whole call incomplete.
  void poison() { at_ = count_ + 1; }

  const double* values_;
  int count_;
  int at_ = 0;
  double indexLimit_ = 0;
};

}  // namespace cf
