// SPDX-License-Identifier: MIT
// Ends of sequences: tokens and strings.
#include <solo/generate/stop_rule.hpp>

#include "generate/tiny.hpp"
#include "support/catch.hpp"

using namespace solo;

namespace {

/// The number of the token with which the text, cut into tokens, ends; -1: it does not.
int end_of(const std::string& text, const std::vector<std::string>& stop_strings) {
  const Tokenizer tokenizer = test::tiny_tokenizer();
  detail::DecodingRules rules;
  rules.stop_strings = stop_strings;
  const detail::StopRule rule(rules, &tokenizer);
  const std::vector<int> ids = tokenizer.encode(text);
  for (std::size_t i = 1; i <= ids.size(); ++i) {
    if (rule.ended(std::span(ids).first(i))) return static_cast<int>(i) - 1;
  }
  return -1;
}

/// The text up to and with the token with which it ends.
std::string until_end(const std::string& text, const std::vector<std::string>& stop_strings) {
  const Tokenizer tokenizer = test::tiny_tokenizer();
  const int last = end_of(text, stop_strings);
  const std::vector<int> ids = tokenizer.encode(text);
  return tokenizer.decode(std::span(ids).first(static_cast<std::size_t>(last + 1)));
}

}  // namespace

TEST_CASE("a stop string ends a sequence with the token that completes it") {
  const std::string text = "name : Blue Spice | area : riverside\nnext";
  for (const std::string stop :
       {"Blue", "e Sp", "|", "area : riv", "\n", "name : Blue Spice | a"}) {
    INFO(stop);
    const std::string cut = until_end(text, {stop});
    const std::size_t place = cut.find(stop);
    REQUIRE(place != std::string::npos);
    // Nothing but the rest of that token follows it.
    CHECK(text.substr(0, cut.size()) == cut);
    const Tokenizer tokenizer = test::tiny_tokenizer();
    const auto last = static_cast<std::size_t>(end_of(text, {stop}));
    const std::string_view token = tokenizer.token(tokenizer.encode(text)[last]);
    CHECK(cut.size() - (place + stop.size()) < token.size());
  }
  CHECK(end_of(text, {"absent", "Name"}) == -1);
  CHECK(until_end(text, {"next", "Spice"}) == until_end(text, {"Spice"}));
}

TEST_CASE("stop strings are compared by bytes: a character may span tokens") {
  CHECK(until_end("caf\xC3\xA9 \xE2\x82\xAC!", {"\xE2\x82\xAC"}).ends_with("\xE2\x82\xAC"));
}

TEST_CASE("end tokens end a sequence, whatever the strings") {
  detail::DecodingRules rules;
  rules.end_tokens = {7, 9};
  const detail::StopRule rule(rules, nullptr);
  CHECK(rule.is_end_token(9));
  CHECK_FALSE(rule.is_end_token(8));
  CHECK(rule.ended(std::vector<int>{1, 7}));
  CHECK_FALSE(rule.ended(std::vector<int>{7, 1}));
}
