// SPDX-License-Identifier: MIT
/// @file
/// The grammar of the quickstart's task: domains with their slots, words and phrases.
#pragma once

#include <string_view>
#include <vector>

namespace solo::quickstart {

/// One thing that a meaning may say.
struct Slot {
  std::string_view key;
  /// Differ from each other and from those of the other slots; none: any name is a value.
  std::vector<std::string_view> values;
  std::vector<std::string_view> phrases;  ///< what follows the subject; "_" stands for the value
};

/// What texts are about, and how they put it.
struct Domain {
  std::string_view name;
  std::vector<std::string_view> openings;  ///< begin the first sentence; "_" stands for the name
  std::vector<std::string_view> subjects;  ///< begin the other ones
  std::vector<std::string_view> joints;    ///< between the two phrases of a sentence
  std::vector<Slot> slots;                 ///< beside the name, which every meaning has
};

/// Every pair of them is a name; they occur nowhere else.
[[nodiscard]] const std::vector<std::string_view>& name_words();

/// Hotels, books and seven others: what the base model learns.
[[nodiscard]] const std::vector<Domain>& general_domains();
/// Restaurants: other slots, words and phrases.
[[nodiscard]] const Domain& held_out_domain();

}  // namespace solo::quickstart
