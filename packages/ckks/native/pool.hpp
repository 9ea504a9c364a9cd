// The thread pool: splits one kernel call over its independent items (mostly limbs). One pool a process.
#pragma once
#include <cstddef>
#include <functional>

#include "memory.hpp"

namespace cf {

/// Number of threads a call may use, the calling one included.
int poolThreads();
/// Returns false, and leaves their number as it was, when the system does not give that many.
bool setPoolThreads(int threads) noexcept;

/// What is done for one item, with the working memory of the thread that does it.
using ItemBody = std::function<void(size_t item, Scratch& scratch)>;

/// Runs body(item, scratch) for every item in [0, count), items handed out in order; returns when all are done. A nested or
/// concurrent call runs on the calling thread alone. What a body throws, on whichever thread, is thrown here, once no
/// thread is at work any more; items not yet begun are left out.
void parallelFor(size_t count, const ItemBody& body);

}  // namespace cf
