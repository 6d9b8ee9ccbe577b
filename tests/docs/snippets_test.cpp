// SPDX-License-Identifier: MIT
/// @file
/// C++ on the pages is code that is built and run: every fence stands in a file of examples/ or
/// tests/api. A line `// …` leaves something out.
#include "docs/markdown.hpp"
#include "support/catch.hpp"

#include <map>

using solo::test::Fence;
using solo::test::Lines;

namespace {

/// The fence's parts between the lines that leave something out.
std::vector<Lines> parts_of(const Fence& fence) {
  std::vector<Lines> parts(1);
  for (const std::string& line : fence.lines) {
    if (solo::test::trimmed(line) == "// …") {
      parts.emplace_back();
    } else {
      parts.back().push_back(line);
    }
  }
  parts.erase(std::remove_if(parts.begin(), parts.end(), [](const Lines& p) { return p.empty(); }),
              parts.end());
  return parts;
}

/// Where the part ends in the file, looked for from line `from` on; 0 if it is not there.
std::size_t find_part(const Lines& file, const Lines& part, std::size_t from) {
  const Lines wanted = solo::test::dedented(part);
  for (std::size_t i = from; i + wanted.size() <= file.size(); ++i) {
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(i);
    const auto size = static_cast<std::ptrdiff_t>(wanted.size());
    if (solo::test::dedented(Lines(begin, begin + size)) == wanted) return i + wanted.size();
  }
  return 0;
}

bool holds(const Lines& file, const std::vector<Lines>& parts) {
  std::size_t at = 0;
  for (const Lines& part : parts) {
    at = find_part(file, part, at);
    if (at == 0) return false;
  }
  return true;
}

/// The C++ files that tests build and run.
std::map<std::string, Lines> programs() {
  std::map<std::string, Lines> files;
  for (const char* folder : {"examples", "tests/api"}) {
    const std::filesystem::path root = solo::test::source_dir() / folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.path().extension() != ".cpp") continue;
      files[entry.path().string()] = solo::test::read_lines(entry.path());
    }
  }
  return files;
}

}  // namespace

TEST_CASE("every C++ fence stands in a program that is run", "[docs]") {
  const std::map<std::string, Lines> files = programs();
  REQUIRE(files.size() > 5);
  std::size_t count = 0;
  for (const solo::test::Page& page : solo::test::documentation()) {
    for (const Fence& fence : page.fences) {
      if (fence.language != "cpp") continue;
      INFO(page.name << ": line " << fence.line);
      const std::vector<Lines> parts = parts_of(fence);
      REQUIRE_FALSE(parts.empty());
      CHECK(std::any_of(files.begin(), files.end(),
                        [&](const auto& file) { return holds(file.second, parts); }));
      ++count;
    }
  }
  CHECK(count >= 5);
}

TEST_CASE("a fence that differs from every program is noticed", "[docs]") {
  const Lines file = {"int main() {", "  int a = 1;", "", "  int b = 2;", "  return a + b;", "}"};
  const auto fence = [](Lines lines) { return parts_of({"cpp", 1, std::move(lines)}); };
  CHECK(holds(file, fence({"int a = 1;", "", "int b = 2;"})));
  CHECK(holds(file, fence({"int a = 1;", "// …", "return a + b;"})));
  CHECK_FALSE(holds(file, fence({"int a = 1;", "int b = 2;"})));
  CHECK_FALSE(holds(file, fence({"int b = 2;", "// …", "int a = 1;"})));
  CHECK_FALSE(holds(file, fence({"int a = 1;", "", "  int b = 2;"})));
  CHECK_FALSE(holds(file, fence({"int a = 3;"})));
}
