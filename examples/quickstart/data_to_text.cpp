// SPDX-License-Identifier: MIT
#include "data_to_text.hpp"

#include <solo/core/error.hpp>

#include <algorithm>
#include <cctype>

namespace solo::quickstart {
namespace {

constexpr std::string_view kColon = " : ";
constexpr std::string_view kBar = " | ";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

/// Where `phrase` occurs in `text` as whole words, from `from` on; npos if nowhere.
std::size_t find_phrase(std::string_view text, std::string_view phrase, std::size_t from = 0) {
  for (std::size_t at = from; (at = text.find(phrase, at)) != std::string_view::npos; ++at) {
    const std::size_t end = at + phrase.size();
    const bool begins = at == 0 || !is_word(text[at - 1]);
    if (begins && (end == text.size() || !is_word(text[end]))) return at;
  }
  return std::string_view::npos;
}

std::string fill(std::string_view phrase, std::string_view value) {
  const std::size_t place = phrase.find('_');
  return concat(phrase.substr(0, place), value, phrase.substr(place + 1));
}

}  // namespace

std::string to_prompt(const Meaning& meaning) {
  std::string prompt;
  for (const auto& [key, value] : meaning) {
    prompt += concat(prompt.empty() ? "" : kBar, key, kColon, value);
  }
  return prompt;
}

Meaning parse_prompt(std::string_view prompt, const std::string& where) {
  Meaning meaning;
  for (std::size_t begin = 0; begin <= prompt.size();) {
    const std::size_t end = std::min(prompt.find(kBar, begin), prompt.size());
    const std::string_view item = prompt.substr(begin, end - begin);
    const std::size_t colon = item.find(kColon);
    if (colon == std::string_view::npos) {
      fail<FormatError>("data.mr", where, ": expected key : value, found ", quoted(item));
    }
    meaning.emplace_back(item.substr(0, colon), item.substr(colon + kColon.size()));
    begin = end + kBar.size();
  }
  return meaning;
}

std::size_t SampleMaker::below(std::size_t n) {
  return static_cast<std::size_t>(random_.below(n, drawn_++));
}

std::string_view SampleMaker::one_of(const std::vector<std::string_view>& items) {
  return items[below(items.size())];
}

std::vector<const Slot*> SampleMaker::choose_slots(const Domain& domain) {
  std::vector<const Slot*> slots;
  for (const Slot& slot : domain.slots) slots.push_back(&slot);
  for (std::size_t i = slots.size() - 1; i > 0; --i) std::swap(slots[i], slots[below(i + 1)]);
  slots.resize(3 + below(3));
  return slots;
}

std::string SampleMaker::new_name() {
  const std::string_view first = one_of(name_words());
  return concat(first, ' ', one_of(name_words()));
}

Sample SampleMaker::make_one(const Domain& domain) {
  Sample sample;
  sample.meaning.emplace_back("name", new_name());
  std::size_t said = 0;
  for (const Slot* slot : choose_slots(domain)) {
    const std::string value = slot->values.empty() ? new_name() : std::string(one_of(slot->values));
    if (said == 0) {
      sample.text = fill(one_of(domain.openings), sample.meaning.front().second) + ' ';
    } else if (said % 2 == 1) {
      sample.text += one_of(domain.joints);
    } else {
      sample.text += concat(" . ", one_of(domain.subjects), ' ');
    }
    sample.text += fill(one_of(slot->phrases), value);
    sample.meaning.emplace_back(slot->key, value);
    ++said;
  }
  sample.text += " .";
  return sample;
}

std::vector<Sample> SampleMaker::make(std::span<const Domain> domains, Index count) {
  constexpr int kTries = 1000;
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const Domain& domain = domains[i % domains.size()];
    for (int tries = 0;; ++tries) {
      if (tries == kTries) {
        fail<ConfigError>("quickstart.count", "the grammar of ", domain.name,
                          " does not give so many different meanings");
      }
      Sample sample = make_one(domain);
      Meaning sorted = sample.meaning;
      std::sort(sorted.begin(), sorted.end());
      if (!made_.insert(std::move(sorted)).second) continue;
      samples.push_back(std::move(sample));
      break;
    }
  }
  return samples;
}

bool contains_phrase(std::string_view text, std::string_view phrase) {
  return find_phrase(text, phrase) != std::string_view::npos;
}

SlotScore score_slots(const Domain& domain, const Meaning& meaning, std::string_view text) {
  SlotScore score{.slots = static_cast<Index>(meaning.size())};
  std::string rest(text);  // what remains when the right values are taken out
  for (const auto& [key, value] : meaning) {
    if (contains_phrase(text, value)) ++score.right;
    for (std::size_t at = 0; (at = find_phrase(rest, value, at)) != std::string::npos;) {
      rest.replace(at, value.size(), value.size(), '\n');
    }
  }
  for (const Slot& slot : domain.slots) {
    for (const std::string_view value : slot.values) {
      if (contains_phrase(rest, value)) ++score.slots;
    }
  }
  for (const std::string_view word : name_words()) {
    if (contains_phrase(rest, word)) ++score.slots;
  }
  return score;
}

}  // namespace solo::quickstart
