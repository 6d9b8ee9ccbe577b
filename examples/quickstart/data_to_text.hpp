// SPDX-License-Identifier: MIT
/// @file
/// The quickstart's data-to-text task: meanings such as "name : Luna Faro | food : Thai" with
/// texts that express them, and how a generated text is judged.
#pragma once

#include <solo/core/rng.hpp>
#include <solo/core/scalar.hpp>

#include "grammar.hpp"

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::quickstart {

/// Slots and their values, the name first.
using Meaning = std::vector<std::pair<std::string, std::string>>;

struct Sample {
  Meaning meaning;
  std::string text;
};

/// "name : Luna Faro | food : Thai | closed : Mondays".
[[nodiscard]] std::string to_prompt(const Meaning& meaning);
/// The inverse of to_prompt. Throws FormatError "data.mr", beginning with `where`.
[[nodiscard]] Meaning parse_prompt(std::string_view prompt, const std::string& where);

/// Makes samples, no two with the same meaning. The seed and the calls so far decide which.
class SampleMaker {
 public:
  explicit SampleMaker(std::uint64_t seed) : random_(seed) {}

  /// The domains in turn, of each the name and 3 to 5 slots in random order, put into words in that
  /// order. Throws ConfigError "quickstart.count" if the grammar does not give so many.
  [[nodiscard]] std::vector<Sample> make(std::span<const Domain> domains, Index count);

 private:
  [[nodiscard]] std::size_t below(std::size_t n);
  [[nodiscard]] std::string_view one_of(const std::vector<std::string_view>& items);
  [[nodiscard]] std::string new_name();
  [[nodiscard]] std::vector<const Slot*> choose_slots(const Domain& domain);
  [[nodiscard]] Sample make_one(const Domain& domain);

  Philox random_;
  std::uint64_t drawn_ = 0;
  std::set<Meaning> made_;  // each in sorted order
};

/// Whether `phrase` occurs in `text` as whole words, exactly as it is written.
[[nodiscard]] bool contains_phrase(std::string_view text, std::string_view phrase);

/// How many slots of a meaning a text got right.
struct SlotScore {
  Index right = 0;  ///< slots of the meaning whose value occurs in the text, word for word
  Index slots = 0;  ///< all slots of the meaning, and every value that the text says besides

  [[nodiscard]] bool exact() const noexcept { return right == slots; }
};

/// Compares a text with its meaning. Said besides is each other value of a slot of the domain, and
/// each word of a name, that occurs where no right value stands.
[[nodiscard]] SlotScore score_slots(const Domain& domain, const Meaning& meaning,
                                    std::string_view text);

}  // namespace solo::quickstart
