// SPDX-License-Identifier: MIT
/// @file
/// What the programs that benchmarks/peers runs have in common.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>
#include <solo/io/json.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

namespace solo::benchmarks {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The number an argument is, from `least` on.
inline std::int64_t number(const char* text, std::int64_t least) {
  char* end = nullptr;
  const std::int64_t value = std::strtoll(text, &end, 10);
  if (end == text || *end != '\0' || value < least) {
    fail<ConfigError>("config.value", quoted(text), ": expected a whole number from ", least,
                      " on");
  }
  return value;
}

/// How frozen weights are kept: "float32" or "bfloat16".
inline DType frozen_dtype(std::string_view name) {
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    if (to_string(dtype) == name) return dtype;
  }
  fail<ConfigError>("config.value", quoted(name), ": expected float32 or bfloat16");
}

/// Runs `body` when the program got `count` arguments; the exit status.
template <class F>
int run(int argc, int count, std::string_view usage, const F& body) {
  if (argc != count + 1) {
    std::cerr << "error: usage: " << usage << '\n';
    return 2;
  }
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace solo::benchmarks
