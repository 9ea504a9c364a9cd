// The narrow interface between TypeScript and the kernels: an operation code and a list of numbers. Addresses,
// residues (< 2^50) and sizes are all exact as doubles, so native and WebAssembly share one calling convention.
#pragma once
#include <climits>
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
  kBadGalois = 8,         // a Galois element that is even, or not in [1, 2N)
};

/// Reads the numbers of one call in order. A read past the end yields 0 and makes complete() false.
class Args {
 public:
  Args(const double* values, int count) : values_(values), count_(count) {}

  double real() { return at_ < count_ ? values_[at_++] : (++at_, 0.0); }
  u64 word() { return static_cast<u64>(whole(0, 0x1p53)); }
  size_t size() { return static_cast<size_t>(whole(0, 0x1p53)); }
  int integer() { return static_cast<int>(whole(INT_MIN, INT_MAX)); }
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

  /// What the call's ring allows, set once the ring is known.
  void setRing(size_t primes, size_t n) {
    primes_ = static_cast<double>(primes);
    galoisEnd_ = 2 * static_cast<double>(n);
  }
  /// The number of a prime of the ring.
  int index() { return static_cast<int>(whole(0, primes_ - 1)); }
  std::vector<int> indices() {
    std::vector<int> list(length());
    for (int& member : list) member = index();
    return list;
  }

  /// An odd number in [1, 2N). An even one is no automorphism: it would copy few coefficients into all places, and a
  /// switching key made of a secret treated so gives the secret away.
  u64 galois() {
    const bool given = at_ < count_;
    const double g = real();
    const bool fits = g >= 1 && g < galoisEnd_ && isWhole(g) && static_cast<u64>(g) % 2 == 1;
    if (given && !fits) badGalois_ = true;
    return fits ? static_cast<u64>(g) : 1;
  }
  bool badGalois() const { return badGalois_; }

  bool complete() const { return at_ == count_ && !badGalois_; }

 private:
  size_t length() { return static_cast<size_t>(whole(0, count_ - at_ - 1)); }
  static bool isWhole(double x) { return static_cast<double>(static_cast<i64>(x)) == x; }
  double whole(double low, double high) {
    const double x = real();
    if (x >= low && x <= high && isWhole(x)) return x;
    poison();
    return 0;
  }
  /// A number that cannot be true makes the whole call incomplete.
  void poison() { at_ = count_ + 1; }

  const double* values_;
  int count_;
  int at_ = 0;
  double primes_ = 0, galoisEnd_ = 0;
  bool badGalois_ = false;
};

}  // namespace cf
