#include "pool.hpp"

#ifdef __wasm__

// WebAssembly without shared memory has one thread.
namespace cf {
int poolThreads() { return 1; }
bool setPoolThreads(int threads) noexcept { return threads == 1; }
void parallelFor(size_t count, const ItemBody& body) {
  Scratch scratch;
  for (size_t i = 0; i < count; ++i) body(i, scratch);
}
}  // namespace cf

#else

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace cf {
namespace {

/// Items that threads take one after the other.
class Job {
 public:
  Job(size_t count, const ItemBody& body) : count_(count), body_(body) {}

  void work() noexcept {
    try {
      Scratch scratch;
      for (size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) body_(i, scratch);
    } catch (...) {
      next_.store(count_, std::memory_order_relaxed);
      std::lock_guard<std::mutex> lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  /// For the thread that waited for all others.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const size_t count_;
  const ItemBody& body_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

class Pool {
 public:
  int threads() const { return threads_.load(std::memory_order_relaxed); }

  /// Throws std::system_error or std::bad_alloc, with as many threads as before.
  void resize(int threads) {
    std::lock_guard<std::mutex> turn(turn_);
    const size_t before = workers_.size(), wanted = static_cast<size_t>(threads) - 1;
    try {
      while (workers_.size() < wanted) start();
    } catch (...) {
      keep(before);
      throw;
    }
    keep(wanted);
    threads_.store(threads, std::memory_order_relaxed);
  }

  void run(size_t count, const ItemBody& body) {
    Job job(count, body);
    // Only one call at a time owns the workers; anyone else (another JavaScript worker) computes on its own thread.
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn.owns_lock() || workers_.empty() || count < 2) {
      if (turn.owns_lock()) turn.unlock();
      job.work();
    } else {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        job_ = &job;
        busy_ = workers_.size();
        ++generation_;
      }
      wake_.notify_all();
      job.work();
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [this] { return busy_ == 0; });
    }
    job.rethrow();
  }

 private:
  /// What a thread takes before it can say that there is none left: its runtime's books end the process if they cannot be.
  static constexpr size_t kThreadStartBytes = size_t{1} << 20;

  void start() {
    checkRoom();
    const size_t index = workers_.size();
    workers_.reserve(index + 1);
    starting_ = true;
    workers_.emplace_back([this, index, seen = generation_] { serve(index, seen); });
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return !starting_; });
  }

  static void checkRoom() {
    void* room = std::malloc(kThreadStartBytes);
    if (room == nullptr) throw std::bad_alloc();
    *static_cast<volatile char*>(room) = 0;  // or the compiler would leave the pair of calls out
    std::free(room);
  }

  void serve(size_t index, size_t seen) {
    std::uncaught_exceptions();  // the thread's own part of the runtime is made now, not in the middle of a failure
    std::unique_lock<std::mutex> lock(mutex_);
    starting_ = false;
    done_.notify_one();
    for (;;) {
      wake_.wait(lock, [&] { return index >= kept_ || generation_ != seen; });
      if (index >= kept_) return;
      seen = generation_;
      Job& job = *job_;
      lock.unlock();
      job.work();
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  /// Ends the workers from number `count` on.
  void keep(size_t count) {
    setKept(count);
    wake_.notify_all();
    for (size_t i = count; i < workers_.size(); ++i) workers_[i].join();
    workers_.resize(std::min(count, workers_.size()));
    setKept(kAll);
  }

  void setKept(size_t count) {
    std::lock_guard<std::mutex> lock(mutex_);
    kept_ = count;
  }

  static constexpr size_t kAll = ~size_t{0};

  std::mutex turn_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  std::atomic<int> threads_{1};
  Job* job_ = nullptr;
  size_t busy_ = 0, generation_ = 0, kept_ = kAll;
  bool starting_ = false;
};

Pool& pool() { return immortal<Pool>(); }

}  // namespace

int poolThreads() { return pool().threads(); }

bool setPoolThreads(int threads) noexcept {
  try {
    pool().resize(threads);
    return true;
  } catch (...) {
    return false;
  }
}

void parallelFor(size_t count, const ItemBody& body) { pool().run(count, body); }

}  // namespace cf

#endif
