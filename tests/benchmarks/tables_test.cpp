// SPDX-License-Identifier: MIT
/// @file
/// The tables of README.md and docs/performance.md follow from benchmarks/results: the script that
/// writes them says so, and notices when they do not. Needs a python3, of which nothing is asked
/// but the standard library.
#include "docs/markdown.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/wait.h>

namespace {

namespace fs = std::filesystem;

bool has_python() {
  return std::system("python3 --version > /dev/null 2>&1") == 0;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

/// The text with `from`, which is there, replaced by `to` at its first place.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

struct Outcome {
  int status = 0;
  std::string err;
};

/// benchmarks/peers/run.py on the tree `root`; `scratch` takes its stderr.
Outcome run_py(const std::string& arguments, const fs::path& root, const fs::path& scratch) {
  const fs::path script = solo::test::source_dir() / "benchmarks/peers/run.py";
  const fs::path err = scratch / "stderr";
  const std::string command = "python3 -B \"" + script.string() + "\" " + arguments + " --root \"" +
                              root.string() + "\" > /dev/null 2> \"" + err.string() + '"';
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(err)};
}

/// A tree with the committed pages and made-up results.
class Tree {
 public:
  Tree() {
    for (const char* page : {"README.md", "docs/performance.md"}) {
      write_file(root() / page, read_file(solo::test::source_dir() / page));
    }
    for (const std::string name : {"peers.json", "growth.json", "profile.json"}) {
      const fs::path from = solo::test::source_dir() / "tests/benchmarks" / ("made_up_" + name);
      write_file(root() / "benchmarks/results" / name, read_file(from));
    }
  }
  [[nodiscard]] fs::path root() const { return dir_.path() / "tree"; }
  [[nodiscard]] fs::path results() const { return root() / "benchmarks/results/peers.json"; }
  [[nodiscard]] fs::path page() const { return root() / "docs/performance.md"; }
  [[nodiscard]] Outcome run(const std::string& arguments) const {
    return run_py(arguments, root(), dir_.path());
  }

 private:
  solo::test::TempDir dir_;
};

/// The cells of the first table row of a page that begins with this cell.
solo::test::Lines row_of(const fs::path& page, const std::string& first) {
  for (const solo::test::Lines& row : solo::test::table_rows(solo::test::read_lines(page))) {
    if (row.front() == first) return row;
  }
  FAIL("no row " << first);
  return {};
}

}  // namespace

TEST_CASE("the committed tables follow from the committed results", "[benchmarks]") {
  if (!has_python()) SOLO_SKIP("needs python3");
  const solo::test::TempDir scratch;
  const Outcome o = run_py("--check", solo::test::source_dir(), scratch.path());
  INFO(o.err);
  CHECK(o.status == 0);
}

TEST_CASE("tables show medians, ratios, and whether a goal is reached", "[benchmarks]") {
  if (!has_python()) SOLO_SKIP("needs python3");
  const Tree tree;
  const Outcome o = tree.run("--tables --no-plots");
  INFO(o.err);
  REQUIRE(o.status == 0);
  using solo::test::Lines;
  CHECK(row_of(tree.page(), "LoRA r 4 on `c_attn`, E2E lines, batch 8, float32") ==
        Lines{"LoRA r 4 on `c_attn`, E2E lines, batch 8, float32", "8.00 examples/s",
              "4.00 examples/s (float32)", "2.00 ×", "≥ 1.7 ×, ≤ 0.9 GB", "yes",
              "0.85 GB / 3.10 GB"});
  // Against the faster of the peer's two.
  CHECK(row_of(tree.page(), "the same, frozen weights in bfloat16") ==
        Lines{"the same, frozen weights in bfloat16", "12.25 examples/s",
              "5.00 examples/s (bfloat16)", "2.45 ×", "≥ 3 ×", "**no**", "0.60 GB / 2.00 GB"});
  const Lines product =
      row_of(tree.page(), "packed product 1024 × 768 × 3072, float32, 1 / 2 threads");
  CHECK(product[3] == "92 % / 91 % of the peak");
  CHECK(product[5] == "yes");
  const auto result = [&](const std::string& work, const std::string& text,
                          const std::string& reached) {
    INFO(work);
    CHECK(row_of(tree.page(), work)[3] == text);
    CHECK(row_of(tree.page(), work)[5] == reached);
  };
  result("LoRA, 8 × 512 tokens, all scored, float32", "2.00 ×", "**no**");
  result("full fine-tuning, 8 × 64 tokens, float32", "1.50 ×", "**no**");  // 2.6 GB
  result("greedy, 1 prompt, 64 new tokens, float32", "88 % of the memory limit, 0.50 × the peer",
         "yes");
  result("10 beams, 4 prompts, 48 new tokens, float32", "1/4.7 of torch", "yes");
  result("LoRA step, 1 → 2 threads", "1.90 × (bfloat16 1.80 ×)", "**no**");
  result("500 MB of safetensors, until the first logits", "2.00 × as fast", "yes");
  CHECK(row_of(tree.page(), "lora") ==
        Lines{"lora", "peer float32", "examples/s", "4", "4 – 4", "2", "3100"});
  CHECK(read_file(tree.root() / "README.md").find("| 2.00 × |") != std::string::npos);
}

TEST_CASE("the table of growth says what grows as it should", "[benchmarks]") {
  if (!has_python()) SOLO_SKIP("needs python3");
  const Tree tree;
  const Outcome o = tree.run("--tables --no-plots");
  INFO(o.err);
  REQUIRE(o.status == 0);
  using solo::test::Lines;
  CHECK(row_of(tree.page(), "time a token, 1024 to 4096 tokens a batch") ==
        Lines{"time a token, 1024 to 4096 tokens a batch", "1.05 × from the least to the most",
              "constant: ≤ 1.1 ×", "yes"});
  CHECK(row_of(tree.page(), "memory of 1024 more tokens, 1024 to 4096 tokens a batch")[1] ==
        "300 to 400 MB");
  CHECK(row_of(tree.page(), "memory of 1024 more tokens, 1024 to 4096 tokens a batch")[3] ==
        "**no**");
  CHECK(row_of(tree.page(), "GPT-2 L, step of 512 tokens")[3] == "**no**");
  CHECK(row_of(tree.page(), "1024 tokens in sequences of 512") ==
        Lines{"1024 tokens in sequences of 512", "2.00 ms, 1.00 GB", "does not fit",
              "4.00 ms, 2.00 GB"});
}

TEST_CASE("the profile's tables say parts and memory", "[benchmarks]") {
  if (!has_python()) SOLO_SKIP("needs python3");
  const Tree tree;
  REQUIRE(tree.run("--tables --no-plots").status == 0);
  using solo::test::Lines;
  CHECK(row_of(tree.page(), "attention") == Lines{"attention", "20.0 %", "10.0 %"});
  CHECK(row_of(tree.page(), "weights (forecast)") ==
        Lines{"weights (forecast)", "498 MB", "498 MB"});
}

TEST_CASE("a table that does not follow from the results is noticed", "[benchmarks]") {
  if (!has_python()) SOLO_SKIP("needs python3");
  const Tree tree;
  const auto refused = [&](const std::string& part) {
    const Outcome o = tree.run("--check");
    INFO(o.err);
    CHECK(o.status == 1);
    CHECK(o.err.starts_with("error: "));
    CHECK(o.err.find(part) != std::string::npos);
  };
  REQUIRE(tree.run("--tables --no-plots").status == 0);
  REQUIRE(tree.run("--check").status == 0);
  const std::string page = read_file(tree.page());
  const std::string results = read_file(tree.results());

  SECTION("a figure in a page") {
    write_file(tree.page(), with(page, "| 2.00 × |", "| 3.00 × |"));
    refused("docs/performance.md: the table 'goals'");
  }
  SECTION("a figure in the results") {
    write_file(tree.results(), with(results, "\"rate\": 9.0", "\"rate\": 11.0"));
    refused("README.md: the table 'main'");
  }
  SECTION("a marker is gone") {
    write_file(tree.page(), with(page, "<!-- benchmarks/peers: end goals -->\n", ""));
    refused("end goals");
  }
  SECTION("results that are no JSON") {
    write_file(tree.results(), "{");
    refused("line 1");
  }
}

TEST_CASE("a case that cannot run is an error that names it", "[benchmarks]") {
  if (!has_python()) SOLO_SKIP("needs python3");
  const Tree tree;
  const std::string results = read_file(tree.results());
  const Outcome o = tree.run("--case lora --rounds 1 --shared /nonexistent");
  INFO(o.err);
  CHECK(o.status == 1);
  CHECK(o.err.find("error: lora: --shared: no /nonexistent/data/e2e/devset.csv") !=
        std::string::npos);
  CHECK(o.err.find("error: not measured: lora") != std::string::npos);
  CHECK(read_file(tree.results()) == results);
  CHECK(tree.run("--rounds 0").status == 2);
  CHECK(tree.run("--case nothing").status == 2);
  CHECK(tree.run("--growth --case lora").status == 2);
}
