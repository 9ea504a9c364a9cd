#include "pool.hpp"

#ifdef __wasm__

// WebAssembly without shared memory has one thread.
namespace cf {
int poolThreads() { return 1; }
void setPoolThreads(int) {}
void parallelFor(size_t count, const std::function<void(size_t, int)>& body) {
  for (size_t i = 0; i < count; ++i) body(i, 0);
}
}  // namespace cf

#else

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace cf {
namespace {

class Pool {
 public:
  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void resize(int threads) {
    std::lock_guard<std::mutex> turn(turn_);
    stop();
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i, seen = generation_] { work(i, seen); });
  }

  void run(size_t count, const std::function<void(size_t, int)>& body) {
    // Only one call at a time owns the workers; anyone else (another JavaScript worker) computes on its own thread.
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn.owns_lock() || workers_.empty() || count < 2) {
      for (size_t i = 0; i < count; ++i) body(i, 0);
      return;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      body_ = &body;
      count_ = count;
      next_.store(0, std::memory_order_relaxed);
      busy_ = workers_.size();
      ++generation_;
    }
    wake_.notify_all();
    drain(body, count, 0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void drain(const std::function<void(size_t, int)>& body, size_t count, int thread) {
    for (size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count;) body(i, thread);
  }

  void work(int thread, size_t seen) {
    for (;;) {
      const std::function<void(size_t, int)>* body;
      size_t count;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
        body = body_;
        count = count_;
      }
      drain(*body, count, thread);
      std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }

  void stop() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
    workers_.clear();
    stopping_ = false;
  }

  std::mutex turn_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  const std::function<void(size_t, int)>* body_ = nullptr;
  size_t count_ = 0, busy_ = 0, generation_ = 0;
  std::atomic<size_t> next_{0};
  bool stopping_ = false;
};

// Never destroyed: worker threads may still be parked when the process exits.
Pool& pool() {
  static Pool* instance = new Pool;
  return *instance;
}

}  // namespace

int poolThreads() { return pool().threads(); }
void setPoolThreads(int threads) { pool().resize(threads); }
void parallelFor(size_t count, const std::function<void(size_t, int)>& body) { pool().run(count, body); }

}  // namespace cf

#endif
