// SPDX-License-Identifier: MIT
#include <solo/solo.hpp>

std::uint64_t draw_elsewhere(std::uint64_t index) {
  return solo::Philox(7).bits(index);
}

const void* address_elsewhere() {
  return reinterpret_cast<const void*>(
      static_cast<std::size_t (*)(std::string_view, std::size_t)>(&solo::utf8_length));
}
