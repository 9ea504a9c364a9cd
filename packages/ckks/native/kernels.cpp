// One build of the kernels: compiled once per instruction set, with CF_BUILD naming its namespace and entry point.
#include <memory>
#include <mutex>
#include <set>

#include "args.hpp"
#include "operations.hpp"
#include "ops/automorphism.hpp"
#include "ops/basis.hpp"
#include "ops/encoding.hpp"
#include "ops/keyswitch.hpp"
#include "ops/linear.hpp"
#include "ops/packing.hpp"
#include "ops/pointwise.hpp"
#include "ops/sampling.hpp"
#include "ops/throughput.hpp"
#include "ring.hpp"

namespace cf::CF_BUILD {
namespace {

/// The rings alive in this build: a handle that is stale, or from another build, is an error and not a crash.
struct LiveRings {
  std::mutex mutex;
  std::set<Ring*> rings;

  bool has(Ring* ring) {
    std::lock_guard<std::mutex> lock(mutex);
    return rings.count(ring) != 0;
  }
  void add(Ring* ring) {
    std::lock_guard<std::mutex> lock(mutex);
    rings.insert(ring);
  }
  void remove(Ring* ring) {
    std::lock_guard<std::mutex> lock(mutex);
    rings.erase(ring);
  }
};

LiveRings& liveRings() { return immortal<LiveRings>(); }

bool takesRing(int operation) {
  return operation > kRingCreate && operation <= kEncryptZero && operation != kKeystream && operation != kMeasureMultiplies;
}

/// logN, primes -> the ring's address in *result.
int ringCreate(Args& args, double* result) {
  const int logN = args.integer();
  std::vector<u64> primes = args.words();
  if (!args.complete() || primes.empty()) return kBadArguments;
  if (logN < kMinLogN || logN > kMaxLogN) return kBadRing;
  for (const u64 p : primes)
    if (p < 2 || p >> kMaxModulusBits || ((p - 1) & ((u64{2} << logN) - 1)) != 0 || !isPrime(p)) return kBadModulus;
  auto ring = std::make_unique<Ring>(logN, std::move(primes));
  liveRings().add(ring.get());
  *result = static_cast<double>(reinterpret_cast<uintptr_t>(ring.release()));
  return kOk;
}

int ringDestroy(Args& args) {
  Ring* ring = args.address<Ring>();
  if (!args.complete()) return kBadArguments;
  liveRings().remove(ring);
  delete ring;
  return kOk;
}

/// dst, src, moduli: one transform a limb.
int transform(Args& args, void (*limb)(u64* dst, const u64* src, const NttTable& table)) {
  Ring& ring = *args.address<Ring>();
  u64* dst = args.address();
  const u64* src = args.address();
  const Indices moduli = args.indices();
  if (!args.complete()) return kBadArguments;
  parallelFor(moduli.size(), [&](size_t j, Scratch&) { limb(dst + j * ring.n, src + j * ring.n, *ring.tables[moduli[j]]); });
  return kOk;
}

int run(int operation, Args& args, double* result) {
  if (takesRing(operation)) {
    Ring* ring = Args(args).address<Ring>();
    if (!liveRings().has(ring)) return kNoSuchRing;
    args.setRing(ring->primes.size(), ring->n);
  }
  switch (operation) {
    case kRingCreate: return ringCreate(args, result);
    case kRingDestroy: return ringDestroy(args);
    case kNttForward: return transform(args, forwardLimb);
    case kNttInverse: return transform(args, inverseLimb);
    case kAdd: return binary(args, [](Vec a, Vec b, const Mod& m) { return addMod(a, b, m); });
    case kSubtract: return binary(args, [](Vec a, Vec b, const Mod& m) { return subMod(a, b, m); });
    case kMultiply: return binary(args, [](Vec a, Vec b, const Mod& m) { return mulMod(a, b, m); });
    case kNegate: return negate(args);
    case kMultiplyAccumulate: return multiplyAccumulate(args);
    case kMultiplyScalar: return multiplyScalar(args, false);
    case kMultiplyScalarAccumulate: return multiplyScalar(args, true);
    case kAddScalar: return addScalar(args);
    case kTensor: return tensor(args, false);
    case kTensorAccumulate: return tensor(args, true);
    case kAutomorphism: return automorphism(args);
    case kDivide: return divideCall(args);
    case kDecompose: return decompose(args);
    case kRaise: return raise(args);
    case kInnerProduct: return innerProduct(args, false);
    case kInnerProductAccumulate: return innerProduct(args, true);
    case kKeySwitch: return keySwitch(args);
    case kLinearBabySteps: return linearBabySteps(args);
    case kSampleUniform: return sampleUniformCall(args);
    case kSampleSmall: return sampleSmall(args);
    case kKeystream: return keystreamWords(args);
    case kGenerateKeyDigit: return generateKeyDigit(args);
    case kEncryptZero: return encryptZero(args);
    case kEncode: return encode(args, false);
    case kEncodePeriodic: return encode(args, true);
    case kEncodeMany: return encodeMany(args);
    case kDecode: return decode(args);
    case kUnpackResidues: return unpackResiduesCall(args, result);
    case kPackResidues: return packResiduesCall(args, result);
    case kMeasureMultiplies: return measureMultiplies(args, result);
    default: return kUnknownOperation;
  }
}

}  // namespace

int call(int operation, const double* values, int count, double* result) {
  Args args(values, count);
  try {
    const int status = run(operation, args, result);
    return status == kBadArguments && args.badGalois() ? kBadGalois : status;
  } catch (...) {
    return kOutOfMemory;  // the one failure that is thrown
  }
}

}  // namespace cf::CF_BUILD
