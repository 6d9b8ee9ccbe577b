// SPDX-License-Identifier: MIT
/// @file
/// Links between the pages, and from them to files, lead somewhere.
#include "docs/markdown.hpp"
#include "support/catch.hpp"

#include <map>

using solo::test::Lines;
using solo::test::Page;

namespace {

struct MarkdownLink {
  std::string target;
  std::size_t line;
};

/// The targets of [text](target), code spans left out.
std::vector<MarkdownLink> links_of(const Page& page) {
  std::vector<MarkdownLink> links;
  for (std::size_t i = 0; i < page.prose.size(); ++i) {
    const std::string& line = page.prose[i];
    for (std::size_t at = line.find("]("); at != std::string::npos; at = line.find("](", at + 2)) {
      const bool in_code =
          std::count(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(at), '`') % 2 == 1;
      const std::size_t end = line.find(')', at);
      if (in_code || end == std::string::npos) continue;
      links.push_back({line.substr(at + 2, end - at - 2), i + 1});
    }
  }
  return links;
}

/// GitHub's anchor of a heading: lower case, spaces as hyphens, other punctuation left out. Bytes
/// of UTF-8 letters stay.
std::string anchor(const std::string& title) {
  std::string out;
  for (const char c : title) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || byte >= 0x80 || c == '-' || c == '_') {
      out += static_cast<char>(std::tolower(byte));
    } else if (c == ' ') {
      out += '-';
    }
  }
  return out;
}

/// The anchors of a page's headings; the second of one name ends in -1, and so on.
std::set<std::string> anchors_of(const Page& page) {
  std::map<std::string, int> seen;
  std::set<std::string> anchors;
  for (const std::string& line : page.prose) {
    const std::string title = solo::test::heading(line);
    if (title.empty()) continue;
    const std::string name = anchor(title);
    const int number = seen[name]++;
    anchors.insert(number == 0 ? name : name + "-" + std::to_string(number));
  }
  return anchors;
}

/// All pages whose links are checked: the documentation and what else is written for readers.
std::vector<Page> linking_pages() {
  std::vector<Page> pages = solo::test::documentation();
  for (const char* name : {"CONTRIBUTING.md", "CHANGELOG.md", "python/README.md",
                           "examples/README.md", "tests/golden/README.md"}) {
    if (std::filesystem::exists(solo::test::source_dir() / name)) {
      pages.push_back(solo::test::read_page(name));
    }
  }
  return pages;
}

}  // namespace

TEST_CASE("every relative link of the pages resolves", "[docs]") {
  std::size_t count = 0;
  for (const Page& page : linking_pages()) {
    for (const MarkdownLink& link : links_of(page)) {
      INFO(page.name << ": line " << link.line << ": " << link.target);
      if (link.target.rfind("http://", 0) == 0 || link.target.rfind("https://", 0) == 0) continue;
      const std::size_t hash = link.target.find('#');
      const std::string file = link.target.substr(0, hash);
      const std::filesystem::path path =
          (file.empty() ? page.path() : page.path().parent_path() / file).lexically_normal();
      CHECK(std::filesystem::exists(path));
      ++count;
      if (hash == std::string::npos || !std::filesystem::exists(path)) continue;
      const std::string name = path.lexically_relative(solo::test::source_dir()).generic_string();
      CHECK(anchors_of(solo::test::read_page(name)).count(link.target.substr(hash + 1)) == 1);
    }
  }
  CHECK(count > 10);
}

TEST_CASE("every page of docs is in its index", "[docs]") {
  std::set<std::string> listed;
  for (const MarkdownLink& link : links_of(solo::test::read_page("docs/README.md"))) {
    listed.insert("docs/" + link.target.substr(0, link.target.find('#')));
  }
  for (const Page& page : solo::test::documentation()) {
    if (page.name.rfind("docs/", 0) != 0 || page.name == "docs/README.md") continue;
    INFO(page.name);
    CHECK(listed.count(page.name) == 1);
  }
}

TEST_CASE("anchors are GitHub's", "[docs]") {
  CHECK(anchor("BitFit and LayerNorm tuning") == "bitfit-and-layernorm-tuning");
  CHECK(anchor("Parts of c_attn") == "parts-of-c_attn");
  CHECK(anchor("`solo train`: options, files") == "solo-train-options-files");
}
