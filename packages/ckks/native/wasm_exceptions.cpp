// The little of a C++ runtime that exceptions need in WebAssembly, whose standard library comes without: one kind is
// thrown, for want of memory, caught by `catch (...)` in kernels.cpp, and on the way there every destructor runs. So a call
// that found no memory leaves nothing behind, and the instance goes on. The unwinding itself is the engine's.
#include <cstdlib>
#include <new>

// The tag that compiled `try` blocks expect, with the exception's address.
asm(".globl __cpp_exception\n.tagtype __cpp_exception i32\n__cpp_exception:\n");

extern "C" {

void* __cxa_begin_catch(void* exception) noexcept { return exception; }
void __cxa_end_catch() noexcept {}

/// Nothing reads an exception, so all of them are this one.
void* __cxa_allocate_exception(size_t) noexcept {
  alignas(16) static char exception[64];
  return exception;
}
void __cxa_free_exception(void*) noexcept {}

[[noreturn]] void __cxa_throw(void* exception, void*, void (*)(void*)) { __builtin_wasm_throw(0, exception); }

}  // extern "C"

void* operator new(size_t bytes) {
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
