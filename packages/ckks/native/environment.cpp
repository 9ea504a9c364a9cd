#include "environment.hpp"

#include <algorithm>

#include "args.hpp"
#include "operations.hpp"

namespace cf {
namespace {

void destroyRing(KernelCall build, double ring) noexcept {
  double none;
  build(kRingDestroy, &ring, 1, &none);
}

}  // namespace

int64_t CollectorAccount::update(size_t held) {
  const size_t before = told_;
  most_ = std::max(most_, held);
  if (held > told_ + told_ / 2 + kStep) told_ = held;
  if (++changes_ == kWindow) {
    told_ = std::min(told_, most_);
    most_ = held;
    changes_ = 0;
  }
  return static_cast<int64_t>(told_) - static_cast<int64_t>(before);
}

Environment::~Environment() {
  for (const auto& [ring, build] : rings_) destroyRing(build, ring);
  for (const auto& [slab, held] : slabs_) {
    if (held.contents == Contents::kSecret) secureErase(slab, held.bytes);
    releaseSlab(slab, held.bytes);
  }
}

void* Environment::allocate(size_t bytes, Contents contents) noexcept {
  void* slab = allocateSlab(bytes);
  if (slab == nullptr) return nullptr;
  try {
    slabs_[slab] = {bytes, contents};
  } catch (...) {
    releaseSlab(slab, bytes);
    return nullptr;
  }
  bytes_ += bytes;
  return slab;
}

void Environment::release(void* slab) noexcept {
  const auto it = slabs_.find(slab);
  if (it == slabs_.end()) return;
  const size_t bytes = it->second.bytes;
  slabs_.erase(it);
  releaseSlab(slab, bytes);
  bytes_ -= bytes;
}

int Environment::call(KernelCall build, int operation, const double* values, int count, double* result) noexcept {
  const int status = build(operation, values, count, result);
  if (status != kOk) return status;
  if (operation == kRingDestroy) rings_.erase(values[0]);
  if (operation != kRingCreate) return status;
  try {
    rings_[*result] = build;
  } catch (...) {
    destroyRing(build, *result);
    return kOutOfMemory;
  }
  return status;
}

}  // namespace cf
