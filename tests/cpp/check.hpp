// SPDX-License-Identifier: Apache-2.0
#pragma once

// The whole C++ test framework: register, check, count.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

inline void fail(const char* file, int line, const char* what, const std::string& detail) {
  if (++failures() <= 50) std::printf("%s:%d: %s  %s\n", file, line, what, detail.c_str());
}

inline std::string numbers(double got, double want) {
  char text[96];
  std::snprintf(text, sizeof text, "got %.17g, want %.17g", got, want);
  return text;
}

/// Distance in units of the last place of the float nearest to `want`; for denormals the smallest
/// denormal is the unit. Both NaN, or both the same infinity: 0.
inline double ulps(float got, double want) {
  const float near = static_cast<float>(want);
  if (std::isnan(want) && std::isnan(got)) return 0;
  if (std::isinf(near) || std::isinf(got)) return got == near ? 0 : HUGE_VAL;
  int exponent = 0;
  std::frexp(near, &exponent);
  const double unit = std::ldexp(1.0, exponent - 24 < -149 ? -149 : exponent - 24);
  const double distance = std::fabs(static_cast<double>(got) - want) / unit;
  return std::isnan(distance) ? HUGE_VAL : distance;
}

/// Numbers in [-1, 1), the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2862933555777941757u + 3037000493u) {}
  double operator()() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 11) * 0x1p-52 - 1.0;
  }

 private:
  std::uint64_t state_;
};

int run_all(int argc, char** argv);

}  // namespace check

#define TEST(name)                                       \
  static void name();                                    \
  static const check::Register name##_case{#name, name}; \
  static void name()

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition, "is false"); \
  } while (false)

/// |got - want| <= tolerance; a NaN fails.
#define CHECK_NEAR(got, want, tolerance)                                                                               \
  do {                                                                                                                 \
    const double got_ = static_cast<double>(got), want_ = static_cast<double>(want);                                   \
    if (!(std::fabs(got_ - want_) <= (tolerance))) check::fail(__FILE__, __LINE__, #got, check::numbers(got_, want_)); \
  } while (false)

/// |got - want| <= relative * |want|; a NaN fails.
#define CHECK_CLOSE(got, want, relative) \
  CHECK_NEAR(got, want, (relative) * (std::fabs(static_cast<double>(want)) + 1e-300))

/// The expression throws `E`, and its message mentions `part`.
#define CHECK_RAISES(expression, E, part)                                                    \
  do {                                                                                       \
    bool raised_ = false;                                                                    \
    try {                                                                                    \
      static_cast<void>(expression);                                                         \
    } catch (const E& error_) {                                                              \
      raised_ = true;                                                                        \
      if (std::string(error_.what()).find(part) == std::string::npos)                        \
        check::fail(__FILE__, __LINE__, #expression, std::string("says: ") + error_.what()); \
    }                                                                                        \
    if (!raised_) check::fail(__FILE__, __LINE__, #expression, "does not raise " #E);        \
  } while (false)
