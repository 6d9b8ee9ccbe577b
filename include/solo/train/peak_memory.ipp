// SPDX-License-Identifier: MIT
#pragma once

#include <solo/train/peak_memory.hpp>

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

SOLO_INLINE std::int64_t peak_rss_bytes() {
  constexpr std::string_view kField = "VmHWM:";
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kField)) continue;
    const std::size_t begin = line.find_first_of("0123456789");
    if (begin == std::string::npos) return 0;
    std::int64_t kilobytes = 0;
    std::from_chars(line.data() + begin, line.data() + line.size(), kilobytes);
    return kilobytes * 1024;
  }
  return 0;
}

}  // namespace solo::inline SOLO_ABI
