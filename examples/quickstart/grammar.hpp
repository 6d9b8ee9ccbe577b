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
  std::vector<std::string_view> values;   ///< differ from each other and from those of other slots
  std::vector<std::string_view> phrases;  ///< what follows the subject; "_" stands for the value
};

/// What texts are about, and how they put it.
struct Domain {
  std::string_view name;
  std::vector<std::string_view> first_names;  ///< a name is one of these and one of the next
  std::vector<std::string_view> second_names;
  std::vector<Slot> slots;                 ///< beside the name, which every meaning has
  std::vector<std::string_view> subjects;  ///< of the second sentence and those after it
  std::vector<std::string_view> joints;    ///< between the two phrases of a sentence
};

/// Hotels, books, phones and boats: what the base model learns.
[[nodiscard]] const std::vector<Domain>& general_domains();
/// Restaurants: other slots, words and phrases.
[[nodiscard]] const Domain& held_out_domain();

}  // namespace solo::quickstart
