// Sums of products with few reductions, for any number of terms.
#pragma once
#include "arith.hpp"

namespace cf::CF_BUILD {

/// Terms that every build takes in one sum of a base conversion or an inner product.
constexpr int kMaxTerms = 16;

/// A sum of at most kMost products a * b of words below 2^50. Where the build's accumulator holds fewer terms, it is
/// reduced on the way.
template <int kMost = kMaxTerms>
class Sum {
 public:
  void add(Vec a, Vec b, const Mod& m) {
    if constexpr (kMost > kAccTerms) {
      if (pending_ == kAccTerms) {
        folded_ = addMod(folded_, reduceAcc(acc_, m), m);
        acc_ = zeroAcc();
        pending_ = 0;
      }
      ++pending_;
    }
    mac(acc_, a, b, m);
  }

  /// canonical
  Vec value(const Mod& m) const {
    const Vec last = reduceAcc(acc_, m);
    return kMost > kAccTerms ? addMod(folded_, last, m) : last;
  }

 private:
  Acc acc_ = zeroAcc();
  Vec folded_ = broadcastWord(0);
  int pending_ = 0;
};

}  // namespace cf::CF_BUILD
