// What the static C++ runtime asks of a newer glibc than packed addons may need (scripts/old-glibc.mjs): the same by older means.
#include <link.h>
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

/// Under a name that newer headers may have declared already.
#define AS(name) __asm__(name) __attribute__((visibility("hidden")))

/// glibc 2.32: false is always right, and means locks where a single thread could do without.
extern "C" char singleThreaded AS("__libc_single_threaded");
char singleThreaded = 0;

/// glibc 2.36: what std::random_device reads.
extern "C" uint32_t random32() AS("arc4random");
uint32_t random32() {
  uint32_t value;
  if (getrandom(&value, sizeof value, 0) != sizeof value) abort();
  return value;
}

/// glibc 2.35: where the unwinder finds the frames of a loaded object. Laid out as in its <dlfcn.h>.
struct FoundObject {
  unsigned long long flags;
  void *start, *end;
  link_map* map;
  void* ehFrame;
  unsigned long long reserved[7];
};

struct Search {
  uintptr_t pc;
  FoundObject* found;
};

static int visit(dl_phdr_info* info, size_t, void* data) {
  auto& [pc, found] = *static_cast<Search*>(data);
  bool here = false;
  void* ehFrame = nullptr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && pc - start < part.p_memsz) {
      here = true;
      found->start = reinterpret_cast<void*>(start);
      found->end = reinterpret_cast<void*>(start + part.p_memsz);
    }
    if (part.p_type == PT_GNU_EH_FRAME) ehFrame = reinterpret_cast<void*>(start);
  }
  found->ehFrame = ehFrame;
  return here && ehFrame != nullptr ? 1 : 0;
}

extern "C" int findObject(void* pc, FoundObject* found) AS("_dl_find_object");
int findObject(void* pc, FoundObject* found) {
  *found = {};
  Search search{reinterpret_cast<uintptr_t>(pc), found};
  return dl_iterate_phdr(visit, &search) == 1 ? 0 : -1;
}
