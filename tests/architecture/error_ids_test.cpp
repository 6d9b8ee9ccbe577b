// SPDX-License-Identifier: MIT
/// @file
/// docs/errors.md and the sources name the same errors.
#include "architecture/source_tree.hpp"
#include "support/catch.hpp"

#include <map>
#include <regex>
#include <set>
#include <string>

using solo::test::library_sources;
using solo::test::SourceFile;

namespace {

using Classes = std::map<std::string, std::set<std::string>>;  // by id

/// The rows "| `id` | `Class` | when |" of docs/errors.md.
Classes documented_errors() {
  Classes documented;
  const std::regex row(R"(\|\s*`([a-z0-9_.]+)`\s*\|\s*((?:`\w+`(?:,\s*)?)+)\s*\|\s*(\S.*)\|)");
  const std::regex word(R"(`(\w+)`)");
  std::istringstream lines(solo::test::read_text(solo::test::source_dir() / "docs" / "errors.md"));
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    const std::string classes = match[2].str();
    for (std::sregex_iterator it(classes.begin(), classes.end(), word), end; it != end; ++it) {
      documented[match[1].str()].insert((*it)[1].str());
    }
  }
  return documented;
}

/// Every `fail<Class>("id", …)` of the sources.
Classes thrown_errors() {
  Classes thrown;
  const std::regex call(R"rx(\bfail<\s*(?:solo::)?(\w+)>\(\s*"([^"]*)")rx");
  for (const SourceFile& file : library_sources()) {
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), call), end; it != end; ++it) {
      thrown[(*it)[2].str()].insert((*it)[1].str());
    }
  }
  return thrown;
}

/// Literals that look like an id but may be thrown by a helper function: those whose first part is
/// that of a documented or thrown id. File names look alike and are left out.
std::set<std::string> literals_like_ids(const Classes& known) {
  std::set<std::string> areas;
  for (const auto& [id, classes] : known) areas.insert(id.substr(0, id.find('.')));
  const std::regex literal(R"rx("([a-z0-9_]+)\.([a-z0-9_]+)")rx");
  const std::set<std::string> extensions = {"json",        "jsonl",  "txt", "bin",
                                            "safetensors", "weight", "bias"};
  std::set<std::string> found;
  for (const SourceFile& file : library_sources()) {
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), literal), end; it != end;
         ++it) {
      if (areas.count((*it)[1].str()) == 0 || extensions.count((*it)[2].str()) == 1) continue;
      found.insert((*it)[1].str() + "." + (*it)[2].str());
    }
  }
  return found;
}

}  // namespace

TEST_CASE("ids are made of an area and a word", "[architecture]") {
  for (const auto& [id, classes] : thrown_errors()) {
    INFO(id);
    CHECK(std::regex_match(id, std::regex(R"([a-z0-9_]+\.[a-z0-9_]+)")));
  }
}

TEST_CASE("every error that is thrown is documented with its class", "[architecture]") {
  const Classes documented = documented_errors();
  const Classes thrown = thrown_errors();
  REQUIRE(thrown.size() > 5);
  for (const auto& [id, classes] : thrown) {
    for (const std::string& name : classes) {
      INFO("docs/errors.md lacks | `" << id << "` | `" << name << "` |");
      const auto row = documented.find(id);
      CHECK((row != documented.end() && row->second.count(name) == 1));
    }
  }
  Classes known = documented;
  known.insert(thrown.begin(), thrown.end());
  for (const std::string& id : literals_like_ids(known)) {
    INFO("docs/errors.md lacks | `" << id << "` |");
    CHECK(documented.count(id) == 1);
  }
}

TEST_CASE("every documented error exists", "[architecture]") {
  const Classes documented = documented_errors();
  const Classes thrown = thrown_errors();
  const std::set<std::string> literals = literals_like_ids(documented);
  REQUIRE(documented.size() > 5);
  for (const auto& [id, classes] : documented) {
    INFO("docs/errors.md has " << id << ", which nothing throws");
    CHECK((literals.count(id) == 1 || thrown.count(id) == 1));
    const auto direct = thrown.find(id);
    if (direct == thrown.end()) continue;
    for (const std::string& name : direct->second) {
      INFO(name);
      CHECK(classes.count(name) == 1);
    }
  }
}
