// SPDX-License-Identifier: MIT
/// @file
/// Regular expressions over module names.
#pragma once

#include <solo/core/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {
struct ModulePatternCompiler;
}  // namespace detail

/// A regular expression that must match a whole module name, in the part of Python's `re` syntax
/// that configurations use: literals, escaped punctuation, any character, sets, the classes d, w
/// and s and their opposites, repeats (star, plus, question mark, {m,n}; lazy ones too),
/// alternatives, groups, begin and end. Matching takes time proportional to name times expression,
/// whatever the expression. Throws ConfigError ("pattern.syntax") naming `field` and the expression
/// for anything else, and for one that is too large.
class ModulePattern {
 public:
  ModulePattern(std::string_view expression, std::string_view field);

  [[nodiscard]] bool matches(std::string_view name) const;
  /// What it takes in memory, and in time for each character of a name: a short expression, such as
  /// x{1000}, may have thousands.
  [[nodiscard]] std::size_t states() const noexcept { return states_.size(); }

 private:
  friend struct detail::ModulePatternCompiler;

  enum class Kind : std::uint8_t { character, split, begin, end, accept };
  using CharacterSet = std::array<std::uint64_t, 2>;  // of ASCII
  struct State {
    Kind kind = Kind::accept;
    std::int32_t next = -1;
    std::int32_t other = -1;  // split only
    CharacterSet set = {};    // character only
  };

  std::vector<State> states_;
  std::int32_t start_ = 0;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/module_pattern.ipp>  // IWYU pragma: keep
#endif
