// SPDX-License-Identifier: MIT
#include <solo/io/checksum.hpp>

#include "support/catch.hpp"

#include <string>

namespace {

std::string digits(std::string_view text) {
  solo::Checksum checksum;
  checksum.update(text);
  return checksum.digits();
}

/// Bytes that repeat late.
std::string sequence(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 37 + 11);
  return text;
}

}  // namespace

TEST_CASE("XXH64's published values", "[checksum]") {
  CHECK(digits("") == "ef46db3751d8e999");
  CHECK(digits("a") == "d24ec4f1a98c6e5b");
  CHECK(digits("abc") == "44bc2cf5ad770999");
  CHECK(digits("Nobody inspects the spammish repetition") == "fbcea83c8a378bf1");
}

TEST_CASE("how bytes are cut changes nothing", "[checksum]") {
  for (std::size_t size = 0; size < 140; size += 7) {
    const std::string text = sequence(size);
    const std::string whole = digits(text);
    for (std::size_t step = 1; step < 70; step += 3) {
      solo::Checksum checksum;
      for (std::size_t at = 0; at < size; at += step) {
        checksum.update(std::string_view(text).substr(at, step));
      }
      CHECK(checksum.digits() == whole);
    }
  }
}

TEST_CASE("any changed bit changes the checksum", "[checksum]") {
  const std::string text = sequence(77);
  const std::string whole = digits(text);
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string other = text;
    other[bit / 8] = static_cast<char>(static_cast<unsigned char>(other[bit / 8]) ^ 1U << bit % 8);
    CHECK(digits(other) != whole);
  }
}
