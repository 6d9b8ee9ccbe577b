// SPDX-License-Identifier: MIT
#include <solo/data/references.hpp>
#include <solo/metrics/metrics.hpp>
#include <solo/text/lower_case.hpp>

#include "support/catch.hpp"

using namespace solo;

namespace {

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += (text.empty() ? "" : "|") + token;
  return text;
}

std::string mteval(std::string_view text) {
  return joined(mteval_tokens(text));
}
std::string ptb(std::string_view text) {
  return joined(ptb_tokens(text));
}

}  // namespace

TEST_CASE("mteval's tokens") {
  CHECK(mteval("It's £20-25, 5-star (ok) 3.5 1,000 x.") ==
        "It's|£20|-|25|,|5|-|star|(|ok|)|3.5|1,000|x|.");
  CHECK(mteval("a.b 5.c d.5 5-6 a-b ,x") == "a|.|b|5|.|c|d|.|5|5|-|6|a-b|,|x");
  CHECK(mteval("family-friendly it's") == "family-friendly|it's");
  CHECK(mteval("one&amp;two &quot;x&quot; &lt;&gt;") == "one|&|two|\"|x|\"|<|>");
  CHECK(mteval("cut-\nword<skipped>s a\nb") == "cutwords|a|b");
  CHECK(mteval("é.x ’.y") == "é|.|x|’|.|y");
  REQUIRE(mteval_tokens("").size() == 1);
  CHECK(mteval_tokens(" \t")[0].empty());
}

TEST_CASE("Penn Treebank tokens, punctuation dropped") {
  CHECK(ptb("The Eagle isn't cheap, can't cannot; it's 5-star!") ==
        "the|eagle|is|n't|cheap|ca|n't|can|not|it|'s|5-star");
  CHECK(ptb("isn 't is n't") == "isn|t|is|n't");
  CHECK(ptb("family - friendly family-friendly 3-out-of-5 e20-e25") ==
        "family|friendly|family-friendly|3-out-of-5|e20-e25");
  CHECK(ptb("£20-25 £-25 20£-25 -25 €5") == "#|20-25|#|-25|20|#|-25|-25|$|5");
  CHECK(ptb("center., spice.cheap 3.5 1,000 10:30 1/2") ==
        "center.|spice.cheap|3.5|1,000|10:30|1/2");
  CHECK(ptb("o'clock d'oeuvre we'll they've") == "o'clock|d'oeuvre|we|'ll|they|'ve");
  CHECK(ptb("what?! yes!! no? … -- – wait...") == "what|?!|yes|!!|no|wait");
  CHECK(ptb("(a) [b] {c} \"q\" “r” ‘s a/b $ % & @ *") ==
        "-lrb-|a|-rrb-|-lsb-|b|-rsb-|-lcb-|c|-rcb-|q|r|s|a|/|b|$|%|&|@|*");
  CHECK(ptb("Café’s CAFÉ").find("café|'s|café") == 0);
  CHECK(ptb_tokens("").empty());
  CHECK(ptb_tokens(" . , ").empty());
}

TEST_CASE("lower case beyond ASCII") {
  CHECK(lower_case("ÀÉÎÕÜ ŁŽ ΑΒΓ ДЖ Ａ x1") == "àéîõü łž αβγ дж ａ x1");
  CHECK(lower_case("İI") == "i̇i");
  CHECK(lower_case("ß\xff!") == "ß\xff!");
}

TEST_CASE("what is scored of a generated text") {
  CHECK(clean_prediction(" A pub . <|endoftext|> rest") == "A pub .");
  CHECK(clean_prediction("One\n\nTwo<|endoftext|>") == "One");
  CHECK(clean_prediction(" \u00a0one\ntwo\t") == "one\ntwo");
  CHECK(clean_prediction("").empty());
}
