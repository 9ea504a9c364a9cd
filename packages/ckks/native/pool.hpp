// The thread pool: splits one kernel call over its independent items (mostly limbs). One pool a process.
#pragma once
#include <cstddef>
#include <functional>

namespace cf {

/// Number of threads a call may use, the calling one included.
int poolThreads();
void setPoolThreads(int threads);

/// Runs body(item, thread) for every item in [0, count), items handed out in order; returns when all are done.
/// `thread` is in [0, poolThreads()). A nested or concurrent call runs on the calling thread alone.
void parallelFor(size_t count, const std::function<void(size_t item, int thread)>& body);

}  // namespace cf
