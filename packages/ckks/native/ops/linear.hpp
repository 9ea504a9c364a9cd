// The inner loop of a homomorphic linear transform with double hoisting (Bossuat et al., EUROCRYPT 2021, algorithm 6):
// baby rotations of ciphertexts, multiplied by plaintext diagonals and summed by giant step, without any division and
// without storing a rotated ciphertext. Memory traffic is the bound: each diagonal is read once, and so is a key whose
// rotations follow one another.
#pragma once
#include <climits>

#include "ops/keyswitch.hpp"

namespace cf::CF_BUILD {

/// A plaintext in NTT form whose slots repeat with a period has values in constant runs of 2^runBits: only one word a
/// run is stored, [limbs][N >> runBits]. A run is one word (0 bits) or at least the eight of the longest vector.
struct PlainDiagonal {
  size_t baby;
  const u64* words;
  int runBits;

  bool fits(const Ring& ring, size_t babies) const {
    return baby < babies && (runBits == 0 || (runBits >= 3 && runBits <= ring.logN));
  }
};

/// A ciphertext (c0, c1) with the extended digits of c1: in [q][N], or already times P in [q | special][N].
struct BabySource {
  const u64 *extended, *c0, *c1;
  bool timesSpecial;
};

struct BabyStep {
  size_t source;
  u64 galois;        // 1: the unrotated ciphertext, which needs no key
  SwitchingKey key;
};

struct GiantStep {
  u64 *dst0, *dst1;  // [q | special][N]
  std::vector<PlainDiagonal> terms;
};

/// For each giant step: (dst0, dst1) = sum over its terms of diagonal * (P ct)(X^g), in the basis q | special: ct and g are
/// those of the term's baby step.
inline int linearBabySteps(Args& args) {
  Ring& ring = *args.address<Ring>();
  std::vector<BabySource> sources(args.size() & 0xffff);
  for (BabySource& source : sources) source = {args.address(), args.address(), args.address(), args.word() != 0};
  const Indices q = args.indices(), special = args.indices();
  const size_t digitCount = args.size();
  std::vector<BabyStep> babies(args.size() & 0xffff);
  for (BabyStep& baby : babies) baby = {args.size(), args.galois(), {args.address(), args.size(), special.size()}};
  std::vector<GiantStep> giants(args.size() & 0xffff);
  for (GiantStep& giant : giants) {
    giant.dst0 = args.address();
    giant.dst1 = args.address();
    giant.terms.resize(args.size() & 0xffff);
    for (PlainDiagonal& term : giant.terms) {
      term = {args.size(), args.address(), args.integer()};
      if (!term.fits(ring, babies.size())) return kBadArguments;
    }
  }
  if (!args.complete() || digitCount > kMaxTerms) return kBadArguments;
  for (const BabyStep& baby : babies)
    if (baby.source >= sources.size() || (baby.galois != 1 && q.size() > baby.key.qLimbs)) return kBadArguments;

  const Indices all = joined(q, special);
  const size_t n = ring.n;
  // Words handled at a time: two halves of every rotated baby stay in the L2 cache until all giants used them, and each
  // stream of a key is read a page at a time, whatever the automorphism's order of pages.
  const size_t run = std::min(n, size_t{256});
  std::vector<Automorphism> moves;
  for (const BabyStep& baby : babies) moves.emplace_back(ring, baby.galois);
  const BaseConverter& specialProduct = ring.converter(special, q);

  parallelFor(all.size(), [&](size_t t, Scratch& scratch) {
    const u64 p = ring.primes[all[t]];
    const Mod m(p);
    const u64 specialModP = t < q.size() ? specialProduct.product[t] : 0;
    const VFactor timesSpecial = broadcast(makeFactor(specialModP, p));
    std::vector<InnerProductLimb> products(babies.size());
    for (size_t b = 0; b < babies.size(); ++b) {
      if (babies[b].galois == 1) continue;
      for (size_t d = 0; d < digitCount; ++d)
        products[b].add(sources[babies[b].source].extended + (d * all.size() + t) * n, babies[b].key.limb(d, 0, t, q.size(), n),
                        babies[b].key.limb(d, 1, t, q.size(), n));
    }
    u64* rotated = scratch.words((2 * babies.size() + 2) * run);
    u64* straight = rotated + 2 * babies.size() * run;

    for (size_t at = 0; at < n; at += run) {
      for (size_t b = 0; b < babies.size(); ++b) {
        u64 *r0 = rotated + 2 * b * run, *r1 = r0 + run;
        const BabySource& source = sources[babies[b].source];
        // An aligned run of a power of two moves as a whole: see automorphism.hpp.
        const size_t from = moves[b](at / kBlock).source * kBlock & ~(run - 1);
        const auto scaled = [&](const u64* c, size_t i) {
          if (source.timesSpecial) return load(c + t * n + from + i);
          return t < q.size() ? mulFactor(load(c + t * n + from + i), timesSpecial, m) : broadcastWord(0);
        };
        if (babies[b].galois == 1) {
          for (size_t i = 0; i < run; i += W) {
            store(r0 + i, scaled(source.c0, i));
            store(r1 + i, scaled(source.c1, i));
          }
          continue;
        }
        products[b].evaluate(straight, straight + run, from, run, m);
        if (t < q.size() || source.timesSpecial)
          for (size_t i = 0; i < run; i += W) store(straight + i, addMod(load(straight + i), scaled(source.c0, i), m));
        for (size_t block = 0; block < run / kBlock; ++block) {
          const BlockMove move = moves[b](at / kBlock + block);
          const size_t start = move.source * kBlock - from;
          for (size_t lane = 0; lane < kBlock; ++lane) {
            r0[block * kBlock + lane] = straight[start + move.lanes[lane]];
            r1[block * kBlock + lane] = straight[run + start + move.lanes[lane]];
          }
        }
      }
      for (const GiantStep& giant : giants) {
        for (size_t i = 0; i < run; i += W) {
          Sum<INT_MAX> sum0, sum1;
          for (const PlainDiagonal& term : giant.terms) {
            const u64* words = term.words + t * (n >> term.runBits);
            const size_t index = at + i;
            // Runs of at least W equal words are one broadcast; full diagonals (runBits 0) one load.
            const Vec diagonal = term.runBits == 0 ? load(words + index) : broadcastWord(words[index >> term.runBits]);
            const u64* r = rotated + 2 * term.baby * run + i;
            sum0.add(load(r), diagonal, m);
            sum1.add(load(r + run), diagonal, m);
          }
          store(giant.dst0 + t * n + at + i, sum0.value(m));
          store(giant.dst1 + t * n + at + i, sum1.value(m));
        }
      }
    }
  });
  return kOk;
}

}  // namespace cf::CF_BUILD
