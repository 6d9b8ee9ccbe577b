// SPDX-License-Identifier: MIT
/// @file
/// What every file of the library keeps to.
#include "architecture/source_tree.hpp"
#include "support/catch.hpp"

#include <map>
#include <regex>
#include <set>
#include <string>

using solo::test::library_sources;
using solo::test::SourceFile;

namespace {

/// Every first group of the expression's matches.
std::multiset<std::string> matches(const std::string& text, const std::regex& expression) {
  std::multiset<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it) {
    found.insert((*it)[1].str());
  }
  return found;
}

}  // namespace

TEST_CASE("nothing in the library prints, asserts, exits or aborts", "[architecture]") {
  const std::regex forbidden(
      R"((std::c(?:out|err|log)\b|\b(?:f|v|vf)?printf\s*\(|\bf?puts\s*\(|\bassert\s*\(|)"
      R"(\b_?[eE]xit\s*\(|\bquick_exit\s*\(|\babort\s*\(|\bterminate\s*\(|\bNDEBUG\b))");
  for (const SourceFile& file : library_sources()) {
    for (const std::string& match : matches(file.bare, forbidden)) {
      FAIL_CHECK(file.path << " uses " << match);
    }
  }
}

TEST_CASE("every macro begins with SOLO_, and a body's macros end with it", "[architecture]") {
  const std::regex define(R"(#\s*define\s+(\w+))");
  const std::regex undefine(R"(#\s*undef\s+(\w+))");
  for (const SourceFile& file : library_sources()) {
    INFO(file.path);
    const std::multiset<std::string> undefined = matches(file.bare, undefine);
    for (const std::string& macro : matches(file.bare, define)) {
      INFO(macro);
      CHECK(macro.rfind("SOLO_", 0) == 0);
      if (file.ends_with(".ipp")) CHECK(undefined.count(macro) >= 1);
    }
  }
}

TEST_CASE("files are short", "[architecture]") {
  const std::map<std::string, std::string> longer = {
      {"solo/text/unicode_table.hpp", "generated: one line for each range of a table"}};
  for (const SourceFile& file : library_sources()) {
    if (longer.count(file.path) == 1) continue;
    INFO(file.path);
    CHECK(file.lines <= 400);
  }
}

TEST_CASE("every file says its licence and is included once", "[architecture]") {
  for (const SourceFile& file : library_sources()) {
    INFO(file.path);
    CHECK(file.raw.rfind("// SPDX-License-Identifier: MIT\n", 0) == 0);
    if (!file.ends_with(".inl.hpp")) CHECK(file.code.find("\n#pragma once\n") != std::string::npos);
  }
}

TEST_CASE("nothing is left to do in the sources", "[architecture]") {
  const std::regex marks(R"(\b(TODO|FIXME|XXX|HACK)\b)");
  for (const SourceFile& file : library_sources()) {
    INFO(file.path);
    CHECK(matches(file.raw, marks).empty());
  }
}

TEST_CASE("names of test cases suit ctest", "[architecture]") {
  const std::regex name(R"rx(TEST_CASE\(\s*"((?:[^"\\]|\\.)*)")rx");
  const auto root = solo::test::source_dir() / "tests";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string text = solo::test::strip(solo::test::read_text(entry.path()), true);
    std::set<std::string> seen;
    for (const std::string& test : matches(text, name)) {
      INFO(entry.path().filename().string() << ": " << test);
      CHECK(test.find_first_of("[];\\*\"$") == std::string::npos);
      CHECK(test.rfind("-", 0) != 0);  // ctest would give it as an option
      CHECK(seen.insert(test).second);
    }
  }
}
