// SPDX-License-Identifier: MIT
#include <solo/data/csv.hpp>
#include <solo/data/e2e.hpp>
#include <solo/text/lines.hpp>
#include <solo/text/white_space.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/shared.hpp"

using solo::e2e_context;
using solo::strip_white_space;
using solo::test::check_throws;

TEST_CASE("a meaning representation becomes a context") {
  CHECK(e2e_context("name[Old Mill], eatType[pub], near[Café Océan]", "here") ==
        "name : Old Mill | Type : pub | near : Café Océan");
  CHECK(e2e_context("name[A], priceRange[£20-25], familyFriendly[no]", "here") ==
        "name : A | price : £ 20 - 25 | family friendly : no");
  CHECK(e2e_context(" name[A],area[city centre] ", "here") == "name : A | area : city centre");
  CHECK(e2e_context("name[a-b £5], customer rating[3 out of 5]", "here") ==
        "name : a-b £5 | customer rating : 3 out of 5");
}

TEST_CASE("what is no meaning representation is an error") {
  for (const std::string mr : {"", "  ", "name", "name[", "name]x[", "name[A] area[B]", "name[A],",
                               "name[A],,area[B]", "[A]", "name[]", "name[A]x"}) {
    CAPTURE(mr);
    check_throws<solo::FormatError>([&] { return e2e_context(mr, "f.csv: line 7"); }, "data.mr",
                                    {"f.csv: line 7"});
  }
}

TEST_CASE("white space is stripped as Python does it") {
  CHECK(strip_white_space("  a b\t\n") == "a b");
  CHECK(strip_white_space("\u00a0\u3000a\u2028\u0085") == "a");
  CHECK(strip_white_space("\x1C\x1F"
                          "a\x1D") == "a");
  CHECK(strip_white_space("\u200ba\ufeff") == "\u200ba\ufeff");
  CHECK(strip_white_space(" \t ") == "");
  CHECK(strip_white_space("\xFF a \x80") == "\xFF a \x80");
  CHECK(strip_white_space("é") == "é");
}

TEST_CASE("all of E2E converts to the contexts of the LoRA paper's files") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const auto check = [&](const char* csv, const char* txt) {
    solo::CsvReader rows(*shared / "data" / "e2e" / csv);
    solo::LineReader lines(*shared / "data" / "e2e" / txt);
    std::vector<std::string> row;
    REQUIRE(rows.next(row));
    int count = 0;
    std::string_view line;
    while (rows.next(row)) {
      REQUIRE(lines.next(line));
      REQUIRE(e2e_context(row.at(0), rows.where()) == line.substr(0, line.find("||")));
      ++count;
    }
    CHECK_FALSE(lines.next(line));
    return count;
  };
  CHECK(check("devset.csv", "lora_valid.txt") == 4672);
  CHECK(check("testset_w_refs.csv", "lora_test.txt") == 4693);
}
