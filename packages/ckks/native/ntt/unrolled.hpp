// Loops unrolled by the language rather than by the optimiser.
#pragma once
#include <utility>

namespace cf::CF_BUILD {

/// f(0), ..., f(n - 1) with constant arguments, so that arrays indexed by them become registers.
template <int n, class F>
[[gnu::always_inline]] inline void unrolled(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }(std::make_integer_sequence<int, n>{});
}

}  // namespace cf::CF_BUILD
