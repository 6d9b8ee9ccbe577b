// SPDX-License-Identifier: MIT
/// @file
/// With other.cpp: the whole header-only library in two translation units of one program.
#include <solo/solo.hpp>

#include <iostream>

std::uint64_t draw_elsewhere(std::uint64_t index);
const void* address_elsewhere();

namespace {
using Length = std::size_t (*)(std::string_view, std::size_t);
}

int main() {
  const solo::Philox random(7);
  const Length length = &solo::utf8_length;
  const bool same = random.bits(3) == draw_elsewhere(3) &&
                    reinterpret_cast<const void*>(length) == address_elsewhere();
  if (!same) std::cerr << "two translation units see two libraries\n";
  return same ? 0 : 1;
}
