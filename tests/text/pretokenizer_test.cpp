// SPDX-License-Identifier: MIT
#include <solo/text/pretokenizer.hpp>

#include "support/catch.hpp"
#include "text/goldens.hpp"

#include <nlohmann/json.hpp>

#include <array>

using solo::CharClass;
using solo::split_pieces;
using Pieces = std::vector<std::string_view>;

TEST_CASE("every code point has the class that Hugging Face's tokenizers give it") {
  const solo::Json golden = solo::test::text_golden("characters.json").at(0);
  // The golden numbers classes by: other, letter, number, white space.
  std::array<int, 4> counts{};
  solo::test::NumberHash hash;
  for (char32_t c = 0; c < 0x110000U; ++c) {
    const auto kind = static_cast<std::size_t>(solo::char_class(c));
    ++counts.at(kind);
    hash.add(kind);
  }
  CHECK(counts == golden.at("counts").get<std::array<int, 4>>());
  CHECK(hash.hex() == golden.at("hash").get<std::string>());
}

TEST_CASE("the splitter cuts as Hugging Face's tokenizers do") {
  for (const solo::Json& row : solo::test::text_golden("encodings.json")) {
    const auto text = row.at("text").get<std::string>();
    std::vector<std::size_t> sizes;
    for (const std::string_view piece : split_pieces(text)) sizes.push_back(piece.size());
    CAPTURE(text);
    CHECK(sizes == row.at("pieces").get<std::vector<std::size_t>>());
  }
}

TEST_CASE("the alternatives of the splitter, one by one") {
  CHECK(split_pieces("").empty());
  CHECK(split_pieces("it's we'll 'x") == Pieces{"it", "'s", " we", "'ll", " '", "x"});
  CHECK(split_pieces("IT'S") == Pieces{"IT", "'", "S"});
  CHECK(split_pieces("ab12 34") == Pieces{"ab", "12", " 34"});
  CHECK(split_pieces("a  b") == Pieces{"a", " ", " b"});
  CHECK(split_pieces("a\n\nb") == Pieces{"a", "\n", "\n", "b"});
  CHECK(split_pieces("a  ") == Pieces{"a", "  "});
  CHECK(split_pieces("a\t b") == Pieces{"a", "\t", " b"});
  CHECK(split_pieces("x ... y") == Pieces{"x", " ...", " y"});
  CHECK(split_pieces("e\u0301") == Pieces{"e", "\u0301"});
}

TEST_CASE("bytes that are not UTF-8 join punctuation and are never lost") {
  CHECK(split_pieces("a\xFF\xC3!b") == Pieces{"a", "\xFF\xC3!", "b"});
  CHECK(split_pieces(" \xE2\x82") == Pieces{" \xE2\x82"});
}

TEST_CASE("white space runs leave their last character, whatever its length") {
  CHECK(split_pieces("\u3000\u3000x") == Pieces{"\u3000", "\u3000", "x"});
  CHECK(split_pieces("\n\u2028") == Pieces{"\n\u2028"});
  CHECK(split_pieces("\u3000x") == Pieces{"\u3000", "x"});
}
