// A ring on one build of a linked addon, and one valid call of every operation on it, with all that the calls write.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "args.hpp"
#include "environment.hpp"
#include "operations.hpp"

namespace cf {
namespace scalar { int call(int, const double*, int, double*); }
#if defined(__x86_64__)
namespace fma { int call(int, const double*, int, double*); }
namespace ifma { int call(int, const double*, int, double*); }
#endif
}  // namespace cf

inline cf::KernelCall buildNamed(const std::string& name) {
  if (name == "scalar") return cf::scalar::call;
#if defined(__x86_64__)
  if (name == "fma") return cf::fma::call;
  if (name == "ifma") return cf::ifma::call;
#endif
  std::fprintf(stderr, "no build %s\n", name.c_str());
  std::exit(2);
}

[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "FAILED: %s\n", what.c_str());
  std::exit(1);
}

/// splitmix64
inline cf::u64 nextWord(cf::u64& state) {
  cf::u64 z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

using Numbers = std::vector<double>;

/// Numbers of a call: plain ones, and lists with their length first.
struct Arguments : Numbers {
  Arguments& operator<<(double x) { return push_back(x), *this; }
  Arguments& operator<<(int x) { return *this << static_cast<double>(x); }
  Arguments& operator<<(const void* address) { return *this << static_cast<double>(reinterpret_cast<uintptr_t>(address)); }
  Arguments& operator<<(const std::vector<int>& list) {
    *this << static_cast<double>(list.size());
    for (const int member : list) *this << member;
    return *this;
  }
};

struct Call {
  const char* name;
  int operation;
  Arguments args;
};

/// The self-test's primes, all 1 modulo 2^14.
inline const std::vector<cf::u64> kPrimes = {1125899906826241, 1125899906629633, 1125899905744897, 1099511480321, 65537};

class Bench {
 public:
  struct Span {
    cf::u64* words;
    size_t length;
  };

  const size_t n;
  /// What calls read, and what they write.
  std::vector<Span> secrets, results;

  Bench(cf::KernelCall build, int logN) : n(size_t{1} << logN), build_(build) {
    ringCreate = {"ringCreate", cf::kRingCreate, {}};
    ringCreate.args << logN << static_cast<double>(kPrimes.size());
    for (const cf::u64 p : kPrimes) ringCreate.args << static_cast<double>(p);
  }
  ~Bench() { destroyRing(); }

  Call ringCreate;

  int createRing() { return environment_.call(build_, cf::kRingCreate, ringCreate.args.data(), count(ringCreate), &ring_); }
  void destroyRing() {
    if (ring_ == 0) return;
    double none;
    environment_.call(build_, cf::kRingDestroy, &ring_, 1, &none);
    ring_ = 0;
  }
  void freshRing() {
    destroyRing();
    if (createRing() != cf::kOk) fail("a ring cannot be made");
  }

  /// All numbers of a call, the ring's handle included.
  Numbers numbersOf(const Call& call) const {
    Numbers numbers(call.args);
    if (call.operation != cf::kKeystream) numbers.insert(numbers.begin(), ring_);
    return numbers;
  }
  int run(int operation, const Numbers& numbers) {
    double result;
    return environment_.call(build_, operation, numbers.data(), static_cast<int>(numbers.size()), &result);
  }
  int run(const Call& call) { return run(call.operation, numbersOf(call)); }

  /// `limbs` limbs; a result's words count for the digest.
  cf::u64* room(size_t limbs, bool result = true) {
    auto* words = static_cast<cf::u64*>(environment_.allocate(limbs * n * 8, cf::Contents::kPublic));
    if (words == nullptr) fail("no memory for the bench");
    for (size_t i = 0; i < limbs * n; ++i) words[i] = 0;
    if (result) results.push_back({words, limbs * n});
    return words;
  }

  /// A polynomial over the primes of `basis`, a secret one.
  cf::u64* polynomial(const std::vector<int>& basis, cf::u64 seed) {
    cf::u64* words = room(basis.size(), false);
    for (size_t i = 0; i < basis.size() * n; ++i) words[i] = nextWord(seed) % kPrimes[basis[i / n]];
    secrets.push_back({words, basis.size() * n});
    return words;
  }

  /// N real values, secret ones.
  double* reals(cf::u64 seed) {
    cf::u64* words = room(1, false);
    double* values = reinterpret_cast<double*>(words);
    for (size_t i = 0; i < n; ++i) values[i] = static_cast<double>(nextWord(seed) >> 11) * 0x1p-53;
    secrets.push_back({words, n});
    return values;
  }

  /// FNV-1a over the words of all results.
  cf::u64 digest() const {
    cf::u64 hash = 0xcbf29ce484222325;
    for (const auto& [words, length] : results)
      for (size_t i = 0; i < length; ++i) {
        hash = (hash ^ words[i]) * 0x100000001b3;
        hash ^= hash >> 32;
      }
    return hash;
  }

 private:
  static int count(const Call& call) { return static_cast<int>(call.args.size()); }

  cf::KernelCall build_;
  cf::Environment environment_;
  double ring_ = 0;
};

/// One call of every operation that allocates or computes; the order lets later ones use what earlier ones wrote.
inline std::vector<Call> everyCall(Bench& b) {
  const std::vector<int> all = {0, 1, 2, 3, 4}, q = {0, 1, 3}, special = {2, 4}, sizes = {2, 1};
  const std::vector<int> raised = {0, 1, 3, 2, 4};  // q | special
  const cf::u64 *x = b.polynomial(all, 1), *y = b.polynomial(all, 2);
  const cf::u64 *c0 = b.polynomial(q, 3), *c1 = b.polynomial(q, 4);
  const cf::u64 *u = b.polynomial(raised, 5), *v = b.polynomial(raised, 6);
  const cf::u64* key = [&] {
    std::vector<int> basis;  // [digit][2][q | special]
    for (int i = 0; i < 4; ++i) basis.insert(basis.end(), raised.begin(), raised.end());
    return b.polynomial(basis, 7);
  }();
  const auto* seed = b.polynomial({4}, 8);
  const auto* publicSeed = b.room(1, false);
  const int half = static_cast<int>(b.n / 2);
  cf::u64* extended = b.room(2 * all.size());
  cf::u64* packed = b.room(2, false);
  const auto args = [] { return Arguments(); };
  const auto reals = [&](cf::u64 s) { return b.reals(s); };
  double *slots = reals(9), *sparse = reals(10), *periodic = reals(11), *others = reals(12);
  double* decoded = reinterpret_cast<double*>(b.room(1));
  const int few = half / 4;
  return {
      {"nttForward", cf::kNttForward, args() << b.room(5) << x << all},
      {"nttInverse", cf::kNttInverse, args() << b.room(5) << x << all},
      {"add", cf::kAdd, args() << b.room(5) << x << y << all},
      {"subtract", cf::kSubtract, args() << b.room(5) << x << y << all},
      {"negate", cf::kNegate, args() << b.room(5) << x << all},
      {"multiply", cf::kMultiply, args() << b.room(5) << x << y << all},
      {"multiplyAccumulate", cf::kMultiplyAccumulate, args() << b.room(5) << x << y << all},
      {"multiplyScalar", cf::kMultiplyScalar, args() << b.room(5) << x << all << all},
      {"multiplyScalarAccumulate", cf::kMultiplyScalarAccumulate, args() << b.room(5) << x << all << all},
      {"addScalar", cf::kAddScalar, args() << b.room(5) << x << all << all},
      {"tensor", cf::kTensor, args() << b.room(5) << b.room(5) << b.room(5) << x << y << y << x << all},
      {"tensorAccumulate", cf::kTensorAccumulate, args() << b.room(5) << b.room(5) << b.room(5) << x << y << y << x << all},
      {"automorphism", cf::kAutomorphism, args() << b.room(5) << x << 5 << 5},
      {"divide", cf::kDivide, args() << q << special << 2 << b.room(3) << u << b.room(3) << v},
      {"decompose", cf::kDecompose, args() << extended << c1 << q << special << sizes},
      {"raise", cf::kRaise, args() << b.room(5) << x << 0 << all},
      {"innerProduct", cf::kInnerProduct,
       args() << b.room(5) << b.room(5) << extended << u << 5 << key << 3 << 2 << q << special},
      {"innerProductAccumulate", cf::kInnerProductAccumulate,
       args() << b.room(5) << b.room(5) << extended << nullptr << 25 << key << 3 << 2 << q << special},
      {"keySwitch", cf::kKeySwitch,
       args() << b.room(3) << b.room(3) << c1 << c0 << nullptr << 5 << key << 3 << 0 << q << special << sizes},
      {"keySwitch dropping", cf::kKeySwitch,
       args() << b.room(3) << b.room(3) << c1 << c0 << c1 << 1 << key << 3 << 1 << q << special << sizes},
      {"linearBabySteps", cf::kLinearBabySteps,
       args() << 1 << extended << c0 << c1 << 0 << q << special << 2 << 2 << 0 << 1 << nullptr << 0 << 0 << 5 << key << 3  // two babies
              << 1 << b.room(5) << b.room(5) << 2 << 0 << u << 0 << 1 << v << 3},                    // a giant of two terms
      {"sampleUniform", cf::kSampleUniform, args() << b.room(5) << publicSeed << 100 << all},
      {"sampleSmall ternary", cf::kSampleSmall, args() << b.room(5) << seed << 1 << 0 << 0 << all},
      {"sampleSmall sparse", cf::kSampleSmall, args() << b.room(5) << seed << 2 << 1 << 32 << all},
      {"sampleSmall binomial", cf::kSampleSmall, args() << b.room(5) << seed << 3 << 2 << 0 << all},
      {"sampleSmall Gaussian", cf::kSampleSmall, args() << b.room(5) << seed << 4 << 3 << 20000 << all},
      {"sampleSmall coefficients", cf::kSampleSmall, args() << b.room(1) << seed << 5 << 2 << 0 << std::vector<int>{}},
      {"keystream", cf::kKeystream, args() << b.room(1) << static_cast<double>(b.n) << seed << 6},
      {"generateKeyDigit", cf::kGenerateKeyDigit,
       args() << b.room(5) << nullptr << x << y << publicSeed << 100 << seed << 7 << q << special << 0 << 2},
      {"encryptZero", cf::kEncryptZero, args() << b.room(3) << b.room(3) << key << y << 5 << seed << q << 4},
      {"encode", cf::kEncode, args() << b.room(5) << slots << slots + half << half << 0x1p40 << all},
      {"encode sparse", cf::kEncode, args() << b.room(5) << sparse << sparse + half << few << 0x1p70 << all},
      {"encodePeriodic", cf::kEncodePeriodic, args() << b.room(5) << periodic << periodic + half << few << 0x1p40 << all},
      {"encodeMany", cf::kEncodeMany,
       args() << 0 << half << all << 2 << b.room(5) << slots << slots + half << 0x1p40 << b.room(5) << others << others + half << 0x1p30},
      {"decode", cf::kDecode, args() << c0 << decoded << decoded + half << half << 0x1p40 << std::vector<int>{0, 1, 3}},
      {"unpackResidues", cf::kUnpackResidues,
       args() << packed << 1 << b.room(1) << std::vector<int>{4}},
      {"packResidues", cf::kPackResidues, args() << b.room(2) << 1 << x << std::vector<int>{0}},
  };
}
