// SPDX-License-Identifier: MIT
/// @file
/// Values of enumerations that a caller may have made of any number.
#pragma once

#include <solo/core/error.hpp>

#include <string_view>
#include <type_traits>

namespace solo::inline SOLO_ABI::detail {

/// ConfigError ("config.value") unless an enumeration, of which `last` is the last, has the value.
template <class E>
void require_known(std::string_view option, E value, E last) {
  using Number = std::underlying_type_t<E>;
  const auto number = static_cast<long long>(static_cast<Number>(value));
  if (number >= 0 && number <= static_cast<long long>(static_cast<Number>(last))) return;
  fail<ConfigError>("config.value", option, ": expected one of its values, found the number ",
                    number);
}

}  // namespace solo::inline SOLO_ABI::detail
