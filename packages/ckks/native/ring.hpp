// A ring: N and its primes, each with NTT tables, plus base converters built on first use.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "arith.hpp"
#include "encoding_fft.hpp"
#include "ntt.hpp"
#include "pool.hpp"

namespace cf::CF_BUILD {

using Indices = std::vector<int>;

inline Indices joined(const Indices& a, const Indices& b) {
  Indices all(a);
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

/// Constants of fast base conversion from the product of `from` to each modulus of `to` (Halevi, Polyakov and Shoup,
/// "An improved RNS variant of the BFV scheme", CT-RSA 2019, section 2): with y_j = x (F/f_j)^-1 mod f_j,
/// x = sum_j y_j F/f_j - v F, and v = round(sum_j y_j / f_j) gives the centred representative.
struct BaseConverter {
  std::vector<Factor> inverses;           // [from]: (F/f_j)^-1 mod f_j
  std::vector<double> reciprocals;        // [from]: 1 / f_j
  std::vector<std::vector<u64>> weights;  // [to][from + 1]: F/f_j mod t, the weights of y, then -F mod t, that of v
  std::vector<u64> product;               // [to]: F mod t
  std::vector<Factor> productInverse;     // [to]: F^-1 mod t (0 where t divides F)
};

struct Ring {
  int logN;
  size_t n;
  std::vector<u64> primes;
  std::vector<std::unique_ptr<NttTable>> tables;
  std::vector<uint32_t> blockReversal;  // bit reversal of block numbers, a block being 8 consecutive values

  Ring(int logN_, std::vector<u64> primes_) : logN(logN_), n(size_t{1} << logN_), primes(std::move(primes_)) {
    tables.resize(primes.size());
    parallelFor(primes.size(), [&](size_t i, Scratch&) { tables[i] = std::make_unique<NttTable>(primes[i], logN); });
    blockReversal.resize(n / 8);
    for (size_t i = 0; i < n / 8; ++i) blockReversal[i] = static_cast<uint32_t>(bitReverse(i, logN - 3));
  }

  const BaseConverter& converter(const Indices& from, const Indices& to) {
    std::lock_guard<std::mutex> lock(converterMutex_);
    auto& slot = converters_[{from, to}];
    if (!slot) slot = std::make_unique<BaseConverter>(makeConverter(from, to));
    return *slot;
  }

  /// Roots of the encoding transform, built when the first value is encoded or decoded.
  const EncodingTable& encodingTable() {
    std::lock_guard<std::mutex> lock(converterMutex_);
    if (!encodingTable_) encodingTable_ = std::make_unique<EncodingTable>(logN - 1);
    return *encodingTable_;
  }

  /// Tables of the subring of polynomials in X^(N / 2^logSmall), by prime: its values are those of the ring, without
  /// repetition, in the same order. Built on first use.
  const std::vector<std::unique_ptr<NttTable>>& subringTables(int logSmall) {
    if (logSmall == logN) return this->tables;
    std::lock_guard<std::mutex> lock(converterMutex_);
    auto& tables = subringTables_[logSmall];
    if (tables.empty()) {
      std::vector<std::unique_ptr<NttTable>> small(primes.size());
      parallelFor(primes.size(), [&](size_t i, Scratch&) {
        const u64 psi = powMod(smallestPrimitiveRoot(primes[i], logN), n >> logSmall, primes[i]);
        small[i] = std::make_unique<NttTable>(primes[i], logSmall, psi);
      });
      tables = std::move(small);
    }
    return tables;
  }

  /// primes[a]^-1 modulo primes[b]
  u64 primeInverse(int a, int b) { return static_cast<u64>(converter({a}, {b}).productInverse[0].value); }

 private:
  BaseConverter makeConverter(const Indices& from, const Indices& to) const {
    const auto productWithout = [&](size_t skip, u64 modulus) {
      u64 product = 1;
      for (size_t j = 0; j < from.size(); ++j)
        if (j != skip) product = cf::mulMod(product, primes[from[j]], modulus);
      return product;
    };
    BaseConverter c;
    for (size_t j = 0; j < from.size(); ++j) {
      const u64 f = primes[from[j]];
      c.inverses.push_back(makeFactor(inverseMod(productWithout(j, f), f), f));
      c.reciprocals.push_back(cf::quotient(1.0, static_cast<double>(f)));
    }
    for (const int t : to) {
      const u64 modulus = primes[t];
      std::vector<u64> row;
      for (size_t j = 0; j < from.size(); ++j) row.push_back(productWithout(j, modulus));
      const u64 product = productWithout(from.size(), modulus);
      row.push_back(cf::subMod(0, product, modulus));
      c.weights.push_back(std::move(row));
      c.product.push_back(product);
      c.productInverse.push_back(makeFactor(product == 0 ? 0 : inverseMod(product, modulus), modulus));
    }
    return c;
  }

  std::mutex converterMutex_;
  std::unique_ptr<EncodingTable> encodingTable_;
  std::map<std::pair<Indices, Indices>, std::unique_ptr<BaseConverter>> converters_;
  std::map<int, std::vector<std::unique_ptr<NttTable>>> subringTables_;
};

}  // namespace cf::CF_BUILD
