// SPDX-License-Identifier: MIT
// A cache file is used when it is whole and of this very run, and refused or replaced otherwise.
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/prefix_runs.hpp"

#include <cstring>
#include <fstream>

using namespace solo;
using namespace solo::test::prefix;
using solo::test::check_throws;
using solo::test::TempDir;

namespace {

/// Where the data of a safetensors file begins.
std::size_t header_size(const std::string& bytes) {
  std::size_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  return 8 + size;
}

}  // namespace

TEST_CASE("A cache file of something else is refused, and which is said", "[prefix]") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "cache";
  const Run good{.attach = add_solo(), .options = {.prefix_cache = in_file(file)}};
  const Outcome expected = good();
  const std::string before = test::read(file);

  Run other = good;
  other.base_seed = 6;
  check_throws<ConfigError>(other, "prefix_cache.base", {"cache", "another base model", "found"});
  other = good;
  other.data_shift = 1;
  check_throws<ConfigError>(other, "prefix_cache.data", {"cache", "another tokenizer", "found"});
  other = good;
  other.attach = add_solo({.r = 3, .stride = 1});
  check_throws<ConfigError>(other, "prefix_cache.prefix",
                            {"cache", "2 blocks, outputs 1 2", "4 blocks, outputs 2 4"});
  other = good;
  other.options.prefix_cache.dtype = DType::bfloat16;
  check_throws<ConfigError>(other, "prefix_cache.prefix", {"cache", "BF16", "F32"});
  if (active_isa() != Isa::scalar) {
    const ScopedIsa scalar(Isa::scalar);
    check_throws<ConfigError>(good, "prefix_cache.prefix", {"scalar"});
  }
  // Nothing was changed, and it serves its own run, of whatever adapter has the same prefix.
  CHECK(test::read(file) == before);
  other = good;
  other.attach = add_solo({.r = 5, .stride = 2, .share = SoloShare::none});
  CHECK(other().result.prefix_cache->rows_computed == 0);
  check_same(good(), expected);
  // Asked to, it is replaced.
  other = good;
  other.base_seed = 6;
  other.options.prefix_cache.rebuild = true;
  const Outcome rebuilt = other();
  CHECK(rebuilt.result.prefix_cache->rows_computed > 0);
  other.options.prefix_cache.rebuild = false;
  CHECK(other().result.prefix_cache->rows_computed == 0);
  other.options.prefix_cache = {};
  check_same(rebuilt, other());
}

TEST_CASE("A damaged cache file is refused, or replaced when asked", "[prefix]") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "cache";
  Run run{.attach = add_solo(), .options = {.prefix_cache = in_file(file)}};
  const Outcome expected = run();
  const std::string good = test::read(file);
  const auto put = [&](const std::string& bytes) { std::ofstream(file) << bytes; };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    REQUIRE(bytes.find(from) != std::string::npos);
    return bytes.replace(bytes.find(from), from.size(), to);
  };

  const auto not_safetensors = [&] {
    try {
      static_cast<void>(run());
      FAIL("accepted");
    } catch (const FormatError& error) {
      CAPTURE(error.what());
      CHECK(error.id().substr(0, 12) == "safetensors.");
      CHECK(std::string(error.what()).find("cache") != std::string::npos);
    }
  };
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{200}, good.size() / 2, good.size() - 1}) {
    CAPTURE(size);
    put(good.substr(0, size));
    not_safetensors();
  }
  put(good + "x");
  not_safetensors();
  put("not a safetensors file at all, but long enough for a header");
  not_safetensors();
  put(replaced("\"solo_prefix_cache\"", "\"solo_prefix_cachE\""));
  check_throws<FormatError>(run, "prefix_cache.format", {"cache", "'solo_prefix_cache'"});
  put(replaced("\"solo_prefix_cache\":\"2\"", "\"solo_prefix_cache\":\"1\""));
  check_throws<FormatError>(run, "prefix_cache.version",
                            {"version 2", "'1'", "--prefix-cache-rebuild"});
  put(replaced("\"checksums\"", "\"checksumz\""));
  check_throws<FormatError>(run, "prefix_cache.format", {"header", "damaged"});
  put(replaced("\"U64\"", "\"I64\""));
  check_throws<FormatError>(run, "prefix_cache.format", {"header", "damaged"});
  // A bit of each byte of the header and of some of what follows: checksums and rows.
  const std::size_t header = header_size(good);
  for (std::size_t at = 0; at < good.size(); at += at < header ? 1 : 279) {
    CAPTURE(at);
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    put(bytes);
    bool refused = false;
    try {
      const Outcome outcome = run();
      check_same(outcome, expected);
      CHECK(outcome.result.prefix_cache->damaged_pieces > 0);
      refused = at >= header;
    } catch (const Error& error) {
      refused = at < header;
      INFO(error.what());
      CHECK(std::string(error.what()).find("cache") != std::string::npos);
    }
    CHECK(refused);
  }

  run.options.prefix_cache.rebuild = true;
  // Another file than a prefix cache is never replaced, and nobody is told to.
  for (const std::string& bytes :
       {std::string("not a safetensors file at all, but long enough for a header"),
        replaced("\"solo_prefix_cache\"", "\"solo_prefix_cachE\""), std::string("x")}) {
    put(bytes);
    check_throws<FormatError>(run, "prefix_cache.format", {"cache", "another file"});
    CHECK(test::read(file) == bytes);
    run.options.prefix_cache.rebuild = false;
    try {
      static_cast<void>(run());
      FAIL("accepted");
    } catch (const FormatError& error) {
      CHECK(std::string(error.what()).find("rebuild") == std::string::npos);
    }
    run.options.prefix_cache.rebuild = true;
  }
  for (const std::size_t size : {std::size_t{0}, good.size() / 2}) {
    put(good.substr(0, size));
    check_same(run(), expected);
  }
  run.options.prefix_cache.rebuild = false;
  const Outcome again = run();
  check_same(again, expected);
  CHECK(again.result.prefix_cache->rows_computed == 0);
  // A damaged piece is computed again, and whole in the file from then on.
  std::string bytes = good;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(bytes);
  const Outcome mended = run();
  check_same(mended, expected);
  CHECK(mended.result.prefix_cache->damaged_pieces == 1);
  CHECK(test::read(file) == good);

  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  check_throws<IoError>(run, "io.not_regular", {"cache", "directory"});
  run.options.prefix_cache.file = dir.path() / "missing" / "cache";
  check_throws<IoError>(run, "io.create", {"missing"});
}

TEST_CASE("What a killed run left of a cache file is used", "[prefix]") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "cache";
  Run run{.attach = add_solo(), .options = {.prefix_cache = in_file(file)}};
  run.stop_after = 1;
  const PrefixCacheInfo first = *run().result.prefix_cache;
  run.stop_after = 0;
  const Outcome found = run();
  const Index rows = PrefixLayout(contexts()).rows();
  CHECK(first.bytes < rows * 64);
  CHECK(found.result.prefix_cache->bytes == rows * 64);
  // A piece without its checksum was not finished.
  std::string bytes = test::read(file);
  const auto checksums = bytes.begin() + static_cast<std::ptrdiff_t>(header_size(bytes));
  std::fill_n(checksums, 8, '\0');
  std::fill_n(checksums + 18 * 8, 50, '?');
  std::ofstream(file) << bytes;
  const Outcome again = run();
  CHECK(again.result.prefix_cache->rows_computed > 0);
  run.options.prefix_cache = {};
  check_same(again, run());
}
