// SPDX-License-Identifier: MIT
/// @file
/// What tests/golden/make_text_goldens.py wrote.
#pragma once

#include <solo/io/json.hpp>

#include "support/golden.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

/// The rows of tests/golden/text/<name>.
inline Json text_golden(std::string_view name) {
  return read_json_file(golden_dir() / "text" / name).at("rows");
}

/// FNV-1a with whole numbers in place of bytes, as hexadecimal.
class NumberHash {
 public:
  void add(std::uint64_t number) { state_ = (state_ ^ number) * 0x100000001B3U; }
  [[nodiscard]] std::string hex() const {
    std::string out;
    for (unsigned shift = 64; shift != 0; shift -= 4) {
      out += "0123456789abcdef"[(state_ >> (shift - 4U)) & 15U];
    }
    return out;
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325U;
};

inline std::string hash_of(const std::vector<int>& numbers) {
  NumberHash hash;
  for (const int n : numbers) hash.add(static_cast<std::uint64_t>(n));
  return hash.hex();
}

}  // namespace solo::test
