// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <iomanip>
#include <limits>
#include <string>
#include <string_view>

using namespace std::string_literals;

TEST_CASE("concat writes numbers in their shortest exact form", "[core]") {
  CHECK(solo::concat() == "");
  CHECK(solo::concat("n = ", 12, ", x = ", 0.1, ", f = ", 0.1F, ' ', true, std::string(" s")) ==
        "n = 12, x = 0.1, f = 0.1 true s");
  CHECK(solo::concat(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(solo::concat(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(solo::concat(std::numeric_limits<double>::infinity(), ' ', 1e300) == "inf 1e+300");
}

TEST_CASE("fail throws the class that was asked for, with id and message", "[core]") {
  try {
    solo::fail<solo::ShapeError>("shape.test", "expected ", 2, ", found ", 3);
  } catch (const solo::Error& error) {
    CHECK(dynamic_cast<const solo::ShapeError*>(&error) != nullptr);
    CHECK(error.id() == "shape.test");
    CHECK(std::string(error.what()) == "expected 2, found 3");
  }
  CHECK_THROWS_AS(solo::fail<solo::ConfigError>("a.b", ""), std::runtime_error);
  CHECK_THROWS_AS(solo::fail<solo::FormatError>("a.b", ""), solo::FormatError);
  CHECK_THROWS_AS(solo::fail<solo::IoError>("a.b", ""), solo::IoError);
  CHECK_THROWS_AS(solo::fail<solo::NumericError>("a.b", ""), solo::NumericError);
}

TEST_CASE("quoted text is one printable line", "[core]") {
  CHECK(solo::quoted("") == "''");
  CHECK(solo::quoted("plain text") == "'plain text'");
  CHECK(solo::quoted("näive 日本 🙂") == "'näive 日本 🙂'");
  CHECK(solo::quoted("a\nb\t\x1b[31m\x7f") == "'a\\x0ab\\x09\\x1b[31m\\x7f'");
  CHECK(solo::quoted("a\0b"s) == "'a\\x00b'");
  CHECK(solo::quoted("\xC2\x9B") == "'\\xc2\\x9b'");  // CSI, a control character beyond ASCII
  CHECK(solo::quoted("\xC2\xA0") == "'\xC2\xA0'");
  CHECK(solo::quoted("\xFF\xC0\xAFx") == "'\\xff\\xc0\\xafx'");
  CHECK(solo::quoted("\xE6\x97") == "'\\xe6\\x97'");  // a sequence cut short
}

TEST_CASE("quoted text is cut at the limit, between characters", "[core]") {
  CHECK(solo::quoted("abcdef", 3) == "'abc…'");
  CHECK(solo::quoted("abc", 3) == "'abc'");
  CHECK(solo::quoted("日本語", 4) == "'日本…'");
  CHECK(solo::quoted(std::string(5000, 'x')).size() < 130);
  CHECK(solo::quoted(std::string(5000, '\n')).size() < 500);
}

TEST_CASE("quoted is ours even for a std::string found together with std::quoted", "[core]") {
  std::string text = "x";
  const std::string constant = "y";
  CHECK(solo::concat(solo::quoted(std::string_view("z")), solo::quoted(text),
                     solo::quoted(constant)) == "'z''x''y'");
}

namespace {
/// Appends the encoding of `code` that has `length` bytes, right or not.
std::string encode(std::uint32_t code, int length) {
  if (length == 1) return {static_cast<char>(code)};
  static constexpr unsigned kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  std::string out(static_cast<std::size_t>(length), '\0');
  for (int i = length - 1; i > 0; --i) {
    out[static_cast<std::size_t>(i)] = static_cast<char>(0x80U | (code & 0x3FU));
    code >>= 6U;
  }
  out[0] = static_cast<char>(kLead[length] | code);
  return out;
}
}  // namespace

TEST_CASE("utf8_length accepts every scalar value in its shortest form and nothing else",
          "[core]") {
  int wrong = 0;
  for (std::uint32_t code = 0; code < 0x200000U; ++code) {
    const int shortest = code < 0x80U ? 1 : code < 0x800U ? 2 : code < 0x10000U ? 3 : 4;
    const bool valid = code <= 0x10FFFFU && (code < 0xD800U || code > 0xDFFFU);
    for (int length = shortest; length <= 4; ++length) {
      const std::size_t expected =
          valid && length == shortest ? static_cast<std::size_t>(length) : 0;
      wrong += solo::utf8_length(encode(code, length), 0) == expected ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("utf8_length never looks beyond the text", "[core]") {
  const std::string text = "a\xE6\x97\xA5";
  CHECK(solo::utf8_length(text, 0) == 1);
  CHECK(solo::utf8_length(text, 1) == 3);
  CHECK(solo::utf8_length(text, 2) == 0);
  CHECK(solo::utf8_length(text, 4) == 0);
  CHECK(solo::utf8_length(text, 99) == 0);
  CHECK(solo::utf8_length(std::string_view(text).substr(0, 3), 1) == 0);
  CHECK(solo::utf8_length("", 0) == 0);
}
