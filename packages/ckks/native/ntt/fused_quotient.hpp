// The quotient of ntt/double.hpp by a fused multiply-add, and the bounds that follow from it.
//
// |q| <= |x| / 2 must be below 2^51: |x| <= 4p < 2^52. h and 1/p carry a relative error of 2^-53 each, so q is off by at
// most |x| / (8p), and |x w - q p| <= p / 2 + |x| / 8.
#pragma once

namespace cf::CF_BUILD {

constexpr double kLargest = 4;          // a factor's bound, in units of p
constexpr double kForwardBound = 2.95;  // between steps
constexpr double kInverseBound = 2;
constexpr double kResultBound = 4;  // what canonical takes
constexpr double productBound(double x) { return 0.5 + x / 8; }

constexpr double kNearest = 0x1.8p52;  // adding and subtracting it rounds |x| < 2^51 to an integer
[[gnu::always_inline]] inline Doubles quotientOf(Doubles h, Doubles inverse) { return madd(h, inverse, all(kNearest)); }
[[gnu::always_inline]] inline Doubles rounded(Doubles q) { return q - kNearest; }

}  // namespace cf::CF_BUILD
