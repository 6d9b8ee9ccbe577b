// SPDX-License-Identifier: MIT
#include <solo/text/utf8.hpp>

#include "support/catch.hpp"

using solo::append_utf8;
using solo::code_point_at;
using solo::is_utf8;
using solo::to_utf8_lossy;

TEST_CASE("every scalar value goes to UTF-8 and back") {
  for (char32_t c = 0; c < 0x110000U; ++c) {
    if (c >= 0xD800U && c < 0xE000U) continue;
    std::string text;
    append_utf8(text, c);
    const auto read = code_point_at(text, 0);
    if (read.value != c || read.length != text.size() || !is_utf8(text)) {
      FAIL("U+" << std::hex << static_cast<std::uint32_t>(c));
    }
  }
  SUCCEED();
}

TEST_CASE("a byte that is not UTF-8 is one invalid character") {
  const auto c = code_point_at("\x80", 0);
  CHECK_FALSE(c.valid());
  CHECK(c.length == 1);
  CHECK_FALSE(is_utf8("abc\xC3"));
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));
  CHECK(is_utf8(""));
}

TEST_CASE("lossy text has one U+FFFD for each maximal ill-formed subpart, as in Python") {
  // Pairs printed by Python's bytes.decode("utf-8", "replace").
  const std::string r = "\xEF\xBF\xBD";
  CHECK(to_utf8_lossy("caf\xC3\xA9") == "caf\xC3\xA9");
  CHECK(to_utf8_lossy("") == "");
  CHECK(to_utf8_lossy("\x80") == r);
  CHECK(to_utf8_lossy("a\xC3") == "a" + r);
  CHECK(to_utf8_lossy("\xC0\xAF") == r + r);
  CHECK(to_utf8_lossy("\xE2\x82") == r);
  CHECK(to_utf8_lossy("\xE2\x82z") == r + "z");
  CHECK(to_utf8_lossy("\xE2z") == r + "z");
  CHECK(to_utf8_lossy("\xE0\x80\x80") == r + r + r);
  CHECK(to_utf8_lossy("\xED\xA0\x80") == r + r + r);
  CHECK(to_utf8_lossy("\xF0\x9F\x91") == r);
  CHECK(to_utf8_lossy("\xF0\x9F\x91z") == r + "z");
  CHECK(to_utf8_lossy("\xF0\x9F") == r);
  CHECK(to_utf8_lossy("\xF0\x80\x80\x80") == r + r + r + r);
  CHECK(to_utf8_lossy("\xF4\x90\x80\x80") == r + r + r + r);
  CHECK(to_utf8_lossy("\xF5\x80") == r + r);
  CHECK(to_utf8_lossy("\xF0\x9F\x91\xF0\x9F\x91\x8D") == r + "\xF0\x9F\x91\x8D");
}
