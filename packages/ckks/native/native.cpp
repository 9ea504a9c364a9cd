// Node-API binding: one call for every kernel operation, memory, and what this processor can run.
#include <node_api.h>

#include <exception>
#include <new>

#include "args.hpp"
#include "environment.hpp"
#include "memory.hpp"
#include "pool.hpp"

namespace cf {

namespace scalar { int call(int, const double*, int, double*); }
#if defined(CF_WITH_X86)
namespace fma { int call(int, const double*, int, double*); }
namespace ifma { int call(int, const double*, int, double*); }
#endif

namespace {

struct Feature {
  const char* name;
  bool present;
};

struct Build {
  const char* name;
  KernelCall call;
  size_t needs;  // the first so many of features()

  bool supported() const;
};

#if defined(CF_WITH_X86)
constexpr size_t kFmaFeatures = 4, kIfmaFeatures = 11;
const Feature* features() {
  static const Feature list[kIfmaFeatures] = {
      {"avx2", __builtin_cpu_supports("avx2") != 0},         {"fma", __builtin_cpu_supports("fma") != 0},
      {"bmi2", __builtin_cpu_supports("bmi2") != 0},         {"aes", __builtin_cpu_supports("aes") != 0},
      {"avx512f", __builtin_cpu_supports("avx512f") != 0},   {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
      {"avx512bw", __builtin_cpu_supports("avx512bw") != 0}, {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
      {"avx512ifma", __builtin_cpu_supports("avx512ifma") != 0},
      {"avx512vbmi", __builtin_cpu_supports("avx512vbmi") != 0},
      {"vaes", __builtin_cpu_supports("vaes") != 0}};
  return list;
}
#else
const Feature* features() { return nullptr; }
#endif

bool Build::supported() const {
  for (size_t i = 0; i < needs; ++i)
    if (!features()[i].present) return false;
  return true;
}

// Fastest first.
const Build* builds(size_t* count) {
#if defined(CF_WITH_X86)
  static const Build list[] = {
      {"ifma", ifma::call, kIfmaFeatures}, {"fma", fma::call, kFmaFeatures}, {"scalar", scalar::call, 0}};
#else
  static const Build list[] = {{"scalar", scalar::call, 0}};
#endif
  *count = sizeof(list) / sizeof(list[0]);
  return list;
}

template <size_t N>
bool arguments(napi_env env, napi_callback_info info, napi_value (&values)[N]) {
  size_t count = N;
  return napi_get_cb_info(env, info, &count, values, nullptr, nullptr) == napi_ok && count == N;
}

/// NaN for what is no number.
double number(napi_env env, napi_value value) {
  double d;
  return napi_get_value_double(env, value, &d) == napi_ok ? d : __builtin_nan("");
}

/// A whole number below `end`; `end` for anything else.
u64 wholeNumber(napi_env env, napi_value value, u64 end) {
  const double d = number(env, value);
  return d >= 0 && d < static_cast<double>(end) ? static_cast<u64>(d) : end;
}
constexpr u64 kNumberEnd = u64{1} << 53;

bool flag(napi_env env, napi_value value) {
  bool b = false;
  napi_get_value_bool(env, value, &b);
  return b;
}

napi_value toNumber(napi_env env, double d) {
  napi_value value;
  napi_create_double(env, d, &value);
  return value;
}

void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value fail(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

struct Instance {
  Environment environment;
  CollectorAccount account;
};

Instance& instanceOf(napi_env env) {
  void* instance;
  napi_get_instance_data(env, &instance);
  return *static_cast<Instance*>(instance);
}

void tellCollector(napi_env env, Instance& instance) {
  int64_t total;
  if (const int64_t change = instance.account.update(instance.environment.bytes()); change != 0)
    napi_adjust_external_memory(env, change, &total);
}

/// call(build, operation, Float64Array arguments, count, Float64Array result) -> status
napi_value call(napi_env env, napi_callback_info info) {
  napi_value v[5];
  if (!arguments(env, info, v)) return fail(env, "call takes (build, operation, arguments, count, result)");
  size_t buildCount;
  const Build* list = builds(&buildCount);
  const size_t build = wholeNumber(env, v[0], buildCount);
  if (build == buildCount) return fail(env, "no such kernel build");
  if (!list[build].supported()) return toNumber(env, kUnsupported);
  napi_typedarray_type type;
  size_t length, resultLength;
  void *values, *result;
  if (napi_get_typedarray_info(env, v[2], &type, &length, &values, nullptr, nullptr) != napi_ok || type != napi_float64_array)
    return fail(env, "arguments must be a Float64Array");
  if (napi_get_typedarray_info(env, v[4], &type, &resultLength, &result, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array || resultLength < 1)
    return fail(env, "result must be a Float64Array of length 1");
  const u64 count = wholeNumber(env, v[3], length + 1);
  if (count > length || count > INT_MAX) return fail(env, "count exceeds the arguments");
  const int operation = static_cast<int>(wholeNumber(env, v[1], INT_MAX));
  return toNumber(env, instanceOf(env).environment.call(list[build].call, operation, static_cast<const double*>(values),
                                                        static_cast<int>(count), static_cast<double*>(result)));
}

/// allocate(bytes, secret) -> address, 0 when there is no memory
napi_value allocate(napi_env env, napi_callback_info info) {
  napi_value v[2];
  if (!arguments(env, info, v)) return fail(env, "allocate takes (bytes, secret)");
  const u64 bytes = wholeNumber(env, v[0], kNumberEnd);
  Instance& instance = instanceOf(env);
  const Contents contents = flag(env, v[1]) ? Contents::kSecret : Contents::kPublic;
  void* slab = bytes == kNumberEnd ? nullptr : instance.environment.allocate(bytes, contents);
  tellCollector(env, instance);
  return toNumber(env, static_cast<double>(reinterpret_cast<uintptr_t>(slab)));
}

napi_value release(napi_env env, napi_callback_info info) {
  napi_value v[1];
  if (!arguments(env, info, v)) return fail(env, "release takes (address)");
  Instance& instance = instanceOf(env);
  instance.environment.release(reinterpret_cast<void*>(wholeNumber(env, v[0], kNumberEnd)));
  tellCollector(env, instance);
  return nullptr;
}

/// view(address, bytes) -> ArrayBuffer over the slab's own memory; the caller must not use it after release
napi_value view(napi_env env, napi_callback_info info) {
  napi_value v[2], buffer;
  if (!arguments(env, info, v)) return fail(env, "view takes (address, bytes)");
  if (napi_create_external_arraybuffer(env, reinterpret_cast<void*>(wholeNumber(env, v[0], kNumberEnd)),
                                       wholeNumber(env, v[1], kNumberEnd), nullptr, nullptr, &buffer) != napi_ok)
    return fail(env, "this runtime does not allow external array buffers");
  return buffer;
}

napi_value trim(napi_env, napi_callback_info) {
  trimSlabs();
  return nullptr;
}

napi_value memory(napi_env env, napi_callback_info) {
  const MemoryCounters counters = memoryCounters();
  napi_value object;
  napi_create_object(env, &object);
  setProperty(env, object, "slabs", toNumber(env, static_cast<double>(counters.slabs)));
  setProperty(env, object, "bytes", toNumber(env, static_cast<double>(counters.bytes)));
  setProperty(env, object, "cachedBytes", toNumber(env, static_cast<double>(counters.cachedBytes)));
  setProperty(env, object, "peakBytes", toNumber(env, static_cast<double>(counters.peakBytes)));
  return object;
}

napi_value threads(napi_env env, napi_callback_info) { return toNumber(env, poolThreads()); }

/// setThreads(threads) -> whether the system gave that many
napi_value setThreads(napi_env env, napi_callback_info info) {
  napi_value v[1], done;
  if (!arguments(env, info, v)) return fail(env, "setThreads takes (threads)");
  const int threads = static_cast<int>(wholeNumber(env, v[0], INT_MAX));
  napi_get_boolean(env, threads > 0 && setPoolThreads(threads), &done);
  return done;
}

napi_value toString(napi_env env, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

/// builds() -> [{name, needs: [instruction set], missing: [instruction set]}], fastest first; missing: what this
/// processor or its operating system lacks
napi_value listBuilds(napi_env env, napi_callback_info) {
  size_t count;
  const Build* list = builds(&count);
  napi_value array;
  napi_create_array_with_length(env, count, &array);
  for (size_t i = 0; i < count; ++i) {
    napi_value object, needs, missing;
    napi_create_object(env, &object);
    napi_create_array(env, &needs);
    napi_create_array(env, &missing);
    uint32_t lacking = 0;
    for (size_t f = 0; f < list[i].needs; ++f) {
      const Feature& feature = features()[f];
      napi_set_element(env, needs, static_cast<uint32_t>(f), toString(env, feature.name));
      if (!feature.present) napi_set_element(env, missing, lacking++, toString(env, feature.name));
    }
    setProperty(env, object, "name", toString(env, list[i].name));
    setProperty(env, object, "needs", needs);
    setProperty(env, object, "missing", missing);
    napi_set_element(env, array, static_cast<uint32_t>(i), object);
  }
  return array;
}

}  // namespace
}  // namespace cf

NAPI_MODULE_INIT() {
  std::uncaught_exceptions();  // this thread's part of the C++ runtime is made while there is memory for it
  auto* instance = new (std::nothrow) cf::Instance;
  const auto end = [](napi_env, void* data, void*) {
    delete static_cast<cf::Instance*>(data);
    cf::trimSlabs();
  };
  if (instance == nullptr || napi_set_instance_data(env, instance, end, nullptr) != napi_ok) {
    delete instance;
    napi_throw_error(env, nullptr, "no memory for the kernels");
    return nullptr;
  }
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {{"call", cf::call},       {"allocate", cf::allocate},     {"release", cf::release},
                   {"view", cf::view},       {"trim", cf::trim},             {"memory", cf::memory},
                   {"threads", cf::threads}, {"setThreads", cf::setThreads}, {"builds", cf::listBuilds}};
  for (const auto& f : functions) {
    napi_value value;
    napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.function, nullptr, &value);
    cf::setProperty(env, exports, f.name, value);
  }
  return exports;
}
