// Drives a built addon without JavaScript, which sanitizers and failing allocations are easier without. Linked with the
// addon itself; what the addon asks of the system goes through the functions here, which fail when they are told to.
//
//   driver answers <build>   every operation with 1, 2 and 5 threads: the same results; prints their digest
//   driver faults <build>    every operation with its first, second, ... request for memory or a thread refused: each time
//                            "out of memory" and nothing lost, and the right results afterwards
//   driver threads <build>   callers on several threads while the pool changes its size (for a thread sanitizer)
//   driver end <build>       what the end of an environment leaves: secrets erased, slabs and rings returned
//   driver branches <build>  under valgrind: the number of branches and addresses that depend on a secret
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <new>
#include <thread>

#include "bench.hpp"
#include "pool.hpp"
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif

namespace {

/// Requests until one is refused; below zero: none is.
std::atomic<long> untilRefused{-1};
std::atomic<long> refused{0};

[[maybe_unused]] bool refuses() {
  if (untilRefused.load(std::memory_order_relaxed) < 0) return false;
  if (untilRefused.fetch_sub(1, std::memory_order_relaxed) != 0) return false;
  refused.fetch_add(1);
  return true;
}

template <class F>
[[maybe_unused]] F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// A thread sanitizer asks the system for memory before it can bear instrumented code to be asked.
#ifndef __SANITIZE_THREAD__

extern "C" {

void* aligned_alloc(size_t alignment, size_t bytes) noexcept {
  static const auto real = next<void*(size_t, size_t)>("aligned_alloc");
  return refuses() ? nullptr : real(alignment, bytes);
}
void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  static const auto real = next<void*(void*, size_t, int, int, int, off_t)>("mmap");
  return refuses() ? MAP_FAILED : real(at, bytes, protection, flags, file, offset);
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) noexcept {
  static const auto real = next<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return refuses() ? EAGAIN : real(thread, attributes, body, argument);
}

}  // extern "C"

// Never inlined: the compiler would see the pair of new and free.
[[gnu::noinline]] void* operator new(size_t bytes) {
  void* memory = refuses() ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new(size_t bytes, std::align_val_t alignment) {
  void* memory = aligned_alloc(static_cast<size_t>(alignment), bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

constexpr bool kRefuses = true;
#else
constexpr bool kRefuses = false;
#endif

namespace {

constexpr int kLogN = 12;

cf::u64 allResults(Bench& bench, const std::vector<Call>& calls) {
  for (const Call& call : calls)
    if (const int status = bench.run(call); status != cf::kOk)
      fail(std::string(call.name) + " has status " + std::to_string(status));
  return bench.digest();
}

/// Calls accumulate and encode in place: every digest needs a bench of its own.
cf::u64 freshResults(cf::KernelCall build) {
  Bench bench(build, kLogN);
  const auto calls = everyCall(bench);
  bench.freshRing();
  return allResults(bench, calls);
}

void answers(cf::KernelCall build) {
  const cf::u64 digest = freshResults(build);
  for (const int threads : {2, 5}) {
    cf::setPoolThreads(threads);
    if (freshResults(build) != digest) fail(std::to_string(threads) + " threads give other results than one");
  }
  std::printf("%016llx\n", static_cast<unsigned long long>(digest));
}

/// Refuses the first, second, ... request of what `run` does after `prepare`, until it asks for no more; returns how many
/// there are.
template <class P, class F>
long everyRefusal(const std::string& what, P prepare, F run) {
  for (long k = 0;; ++k) {
    prepare();
    cf::trimSlabs();  // or one of those would serve
    const cf::MemoryCounters before = cf::memoryCounters();
    refused = 0;
    untilRefused = k;
    const bool done = run();
    untilRefused = -1;
    if (done) {
      // A refusal may be made up for: a slab that finds no memory takes that of the cached ones.
      if (refused == 0) return k;
      continue;
    }
    if (refused == 0) fail(what + " fails although nothing was refused");
    const cf::MemoryCounters after = cf::memoryCounters();
    if (after.slabs != before.slabs || after.bytes != before.bytes) fail(what + " loses memory at request " + std::to_string(k));
  }
}

void faults(cf::KernelCall build) {
  if (!kRefuses) fail("compiled without refusals");
  const cf::u64 digest = freshResults(build);
  long requests = 0;
  for (const int threads : {1, 3}) {
    cf::setPoolThreads(threads);
    Bench bench(build, kLogN);
    const auto calls = everyCall(bench);
    const auto succeeds = [](int status) {
      if (status != cf::kOk && status != cf::kOutOfMemory) fail("status " + std::to_string(status));
      return status == cf::kOk;
    };
    requests += everyRefusal("ringCreate", [&] { bench.destroyRing(); }, [&] { return succeeds(bench.createRing()); });
    for (const Call& call : calls) {
      Numbers numbers;
      requests += everyRefusal(
          call.name,
          [&] {
            bench.freshRing();  // with none of the tables that it makes when they are first needed
            numbers = bench.numbersOf(call);
          },
          [&] { return succeeds(bench.run(call.operation, numbers)); });
    }
    requests += everyRefusal("a slab", [] {}, [] {
      cf::Environment environment;
      return environment.allocate(size_t{3} << 20, cf::Contents::kPublic) != nullptr;
    });
    requests += everyRefusal("more threads", [&] { cf::setPoolThreads(threads); }, [&] {
      const bool done = cf::setPoolThreads(8);
      if (cf::poolThreads() != (done ? 8 : threads)) fail("a number of threads between the old and the new one");
      return done;
    });
    cf::setPoolThreads(threads);
    if (freshResults(build) != digest) fail("after refusals the results are others");
  }
  std::printf("%ld refusals\n", requests);
}

void threads(cf::KernelCall build) {
  const cf::u64 digest = freshResults(build);
  std::atomic<int> running{3};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 4; ++round)
        if (freshResults(build) != digest) fail("another result beside other callers");
      --running;
    });
  for (int i = 0; running > 0; ++i) {
    cf::setPoolThreads(1 + i % 5);
    if (cf::poolThreads() != 1 + i % 5) fail("another number of threads than was set");
    cf::trimSlabs();
    std::this_thread::yield();
  }
  for (auto& caller : callers) caller.join();
  std::printf("%016llx\n", static_cast<unsigned long long>(digest));
}

void end(cf::KernelCall build) {
  const cf::MemoryCounters before = cf::memoryCounters();
  for (const size_t bytes : {size_t{64}, size_t{4096}, size_t{300} << 10, size_t{5} << 20}) {
    void* slab;
    {
      cf::Environment environment;
      slab = environment.allocate(bytes, cf::Contents::kSecret);
      std::memset(slab, 0x5a, bytes);
    }
    // Cached, not yet given back: the next one to ask for as much gets the same slab.
    auto* again = static_cast<unsigned char*>(cf::allocateSlab(bytes));
    if (again != slab) fail("the slab was not kept for reuse");
    for (size_t i = 0; i < bytes; ++i)
      if (again[i] != 0) fail("a secret outlives its environment");
    cf::releaseSlab(again, bytes);
  }
  double ring = 0, none;
  const int status = [&] {
    cf::Environment environment;
    Bench bench(build, kLogN);
    if (environment.call(build, cf::kRingCreate, bench.ringCreate.args.data(), static_cast<int>(bench.ringCreate.args.size()), &ring) != cf::kOk)
      fail("a ring cannot be made");
    return cf::kOk;
  }();
  const double list[] = {ring, 0, 0, 0};
  if (status != cf::kOk || build(cf::kNttForward, list, 4, &none) != cf::kNoSuchRing) fail("a ring outlives its environment");
  if (cf::memoryCounters().bytes != before.bytes) fail("slabs outlive their environment");
  std::printf("nothing is left\n");
}

#ifdef VALGRIND_MAKE_MEM_UNDEFINED

/// Sparse sampling by rejection, encoding, which refuses what is not finite and chooses its words by the largest value, and
/// packing, which looks whether any residue is too large, do branch: docs/kernels.md says what that tells. Ternary
/// sampling is part of other calls: by-design.supp names it.
bool branchesByDesign(const Call& call) {
  const std::string name = call.name;
  return name == "sampleSmall sparse" || name.starts_with("encode") || name == "packResidues";
}

/// To valgrind secrets are memory that was never written, and it reports whatever depends on that. Langley's ctgrind.
void branches(cf::KernelCall build) {
  if (!RUNNING_ON_VALGRIND) fail("run this mode under valgrind");
  Bench bench(build, 10);
  const auto calls = everyCall(bench);
  bench.freshRing();
  for (const Call& call : calls) {
    if (branchesByDesign(call)) continue;
    for (const auto& [words, length] : bench.secrets) VALGRIND_MAKE_MEM_UNDEFINED(words, 8 * length);
    const unsigned before = VALGRIND_COUNT_ERRORS;
    const int status = bench.run(call);
    if (VALGRIND_COUNT_ERRORS != before) std::fprintf(stderr, "%s branches on a secret\n", call.name);
    for (const auto& [words, length] : bench.results) VALGRIND_MAKE_MEM_DEFINED(words, 8 * length);
    if (status != cf::kOk) fail(std::string(call.name) + " has status " + std::to_string(status));
  }
  std::printf("%u branches\n", VALGRIND_COUNT_ERRORS);
}

#else

void branches(cf::KernelCall) { fail("compiled without valgrind's headers"); }

#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) fail("driver <answers|faults|threads|end|branches> <build>");
  const std::string mode = argv[1];
  const cf::KernelCall build = buildNamed(argv[2]);
  if (mode == "answers") answers(build);
  else if (mode == "faults") faults(build);
  else if (mode == "threads") threads(build);
  else if (mode == "end") end(build);
  else if (mode == "branches") branches(build);
  else fail("no mode " + mode);
}
