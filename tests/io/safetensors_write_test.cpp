// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>

#include "io/io_test_support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cmath>
#include <filesystem>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

using solo::SafetensorsFile;
using solo::TensorRef;
using solo::test::error_of;
using solo::test::read_raw;
using solo::test::write_raw;

namespace {

namespace fs = std::filesystem;

std::size_t count_entries(const fs::path& dir) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir), {}));
}

/// Opens the file and reads every byte of it that can be read.
void touch_everything(const fs::path& path) {
  const auto file = SafetensorsFile::open(path);
  for (const auto& info : file.tensors()) {
    std::vector<float> f(static_cast<std::size_t>(info.size()));
    if (solo::weight_dtype(info.dtype)) {
      file.read(info, std::span(f));
      file.check_finite(info);
    }
  }
}

/// A small valid file with several dtypes, an empty and a rank-0 tensor.
std::string small_file() {
  return solo::test::safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},)"
      R"("w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("h":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},)"
      R"("e":{"dtype":"F64","shape":[0],"data_offsets":[22,22]},)"
      R"("m":{"dtype":"BOOL","shape":[],"data_offsets":[22,23]}}   )",
      23);
}

}  // namespace

TEST_CASE("safetensors: written as the reference writer does", "[safetensors]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "x.safetensors";
  const std::vector<float> a = {1.0F, 2.0F};
  const std::vector<double> b = {3.0};
  const std::vector<solo::bfloat16> c = {solo::to_bfloat16(4.0F)};
  const std::vector<TensorRef> tensors = {
      {"b\n", {}, std::span(b)}, {"a", {1, 2}, std::span(a)}, {"c", {1, 1}, std::span(c)}};
  solo::write_safetensors(path, tensors);
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                             R"("b\n":{"dtype":"F32","shape":[],"data_offsets":[8,12]},)"
                             R"("c":{"dtype":"F32","shape":[1,1],"data_offsets":[12,16]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string bytes = read_raw(path);
  CHECK(bytes.substr(0, bytes.size() - 16) == solo::test::safetensors_bytes(padded, 0));
  const auto file = SafetensorsFile::open(path);
  std::vector<float> out(1);
  file.read(file.at("b\n"), std::span(out));
  CHECK(out[0] == 3.0F);
  file.read(file.at("c"), std::span(out));
  CHECK(out[0] == 4.0F);
}

TEST_CASE("safetensors: what is written is read back", "[safetensors]") {
  const solo::test::TempDir dir;
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  std::vector<double> values(150001);
  for (double& v : values) v = normal(random);
  std::vector<float> single(values.begin(), values.end());
  const std::vector<TensorRef> tensors = {
      {"x", {150001}, std::span(values)}, {"y", {150001, 1}, std::span(single)}, {"z", {4, 0}, {}}};
  struct Case {
    solo::DType dtype;
    std::string name;
    double bound;
  };
  for (const Case& c : std::vector<Case>{{solo::DType::float32, "F32", 0x1p-24},
                                         {solo::DType::float64, "F64", 0.0},
                                         {solo::DType::float16, "F16", 0x1p-11},
                                         {solo::DType::bfloat16, "BF16", 0x1p-8}}) {
    INFO(c.name);
    const auto path = dir.path() / c.name;
    solo::write_safetensors(path, tensors, {.metadata = {{"k", "v"}}, .dtype = c.dtype});
    const auto file = SafetensorsFile::open(path);
    CHECK(file.metadata() == std::map<std::string, std::string>{{"k", "v"}});
    CHECK(file.at("x").dtype == c.name);
    CHECK(file.at("z").shape == std::vector<solo::Index>{4, 0});
    std::vector<double> out(values.size());
    file.read(file.at("x"), std::span(out));
    double worst = 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      worst = std::max(worst, std::abs(out[i] - values[i]) / std::max(std::abs(values[i]), 1e-3));
    }
    CHECK(worst <= c.bound);
    file.read(file.at("y"), std::span(out));
    CHECK(std::abs(out[77] - values[77]) <= 0.01 * std::abs(values[77]));
  }
  // The same values again give the same bytes.
  solo::write_safetensors(dir.path() / "again", tensors, {.metadata = {{"k", "v"}}});
  CHECK(read_raw(dir.path() / "again") == read_raw(dir.path() / "F32"));
}

TEST_CASE("safetensors: a refused save leaves the old file", "[safetensors]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "x.safetensors";
  const std::vector<float> good(4, 1.0F);
  std::vector<float> nan = good;
  nan[2] = std::nanf("");
  const std::vector<double> big = {1.0, 1e39};
  const std::vector<float> beyond_half = {1.0F, 65520.0F};
  solo::write_safetensors(path, std::vector<TensorRef>{{"a", {4}, std::span(good)}});
  const std::string old = read_raw(path);

  struct Case {
    std::vector<TensorRef> tensors;
    std::string id;
    std::string part;
    solo::DType dtype = solo::DType::float32;
  };
  const std::vector<Case> cases = {
      {{{"a", {4}, std::span(good)}, {"n", {2, 2}, std::span(nan)}},
       "NumericError numeric.nonfinite",
       "tensor 'n': expected finite values that fit float32, found nan at element 2"},
      {{{"b", {2}, std::span(big)}},
       "NumericError numeric.overflow",
       "tensor 'b': expected finite values that fit float32, found 1e+39 at element 1"},
      {{{"h", {2}, std::span(beyond_half)}},
       "NumericError numeric.overflow",
       "fit float16, found 65520",
       solo::DType::float16},
      {{{"a", {5}, std::span(good)}},
       "ShapeError safetensors.buffer",
       "tensor 'a': expected the elements of shape (5), found 4"},
      {{{"a", {-4}, std::span(good)}}, "ShapeError safetensors.buffer", "(-4)"},
      {{{"a", {solo::Index{1} << 62U, 16}, std::span(good)}},
       "ShapeError safetensors.buffer",
       "found 4"},
      {{{"a", {4}, std::span(good)}, {"a", {4}, std::span(good)}},
       "ConfigError safetensors.name",
       "two tensors are named 'a'"},
      {{{"", {4}, std::span(good)}}, "ConfigError safetensors.name", "found ''"},
      {{{"__metadata__", {4}, std::span(good)}},
       "ConfigError safetensors.name",
       "found '__metadata__'"},
      {{{"\xFF", {4}, std::span(good)}}, "ConfigError safetensors.name", "found '\\xff'"},
      {{{std::string("a\0", 2), {4}, std::span(good)}}, "ConfigError safetensors.name", "\\x00"},
      {{{"a", {1, 1, 1, 1, 1, 1, 1, 1, 4}, std::span(good)}},
       "ConfigError safetensors.rank",
       "at most 8 dimensions, found 9"},
  };
  for (const Case& c : cases) {
    INFO(c.part);
    const std::string error =
        error_of([&] { solo::write_safetensors(path, c.tensors, {.dtype = c.dtype}); });
    CHECK(error.find(c.id + " | ") == 0);
    CHECK(error.find("x.safetensors: ") != std::string::npos);
    CHECK(error.find(c.part) != std::string::npos);
    CHECK(read_raw(path) == old);
    CHECK(count_entries(dir.path()) == 1);
  }
}

TEST_CASE("safetensors: every truncation is refused", "[safetensors]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "x";
  const std::string bytes = small_file();
  write_raw(path, bytes);
  REQUIRE_NOTHROW(touch_everything(path));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    write_raw(path, bytes.substr(0, n));
    INFO(n);
    CHECK(error_of([&] { touch_everything(path); }).find("FormatError ") == 0);
  }
  write_raw(path, bytes + '\0');
  CHECK(error_of([&] { touch_everything(path); }).find("FormatError safetensors.length") == 0);
}

TEST_CASE("safetensors: damaged bytes are refused or harmless", "[safetensors]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "x";
  const std::string bytes = small_file();
  std::mt19937 random(11);
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  std::size_t refused = 0;
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds; ++round) {
    std::string damaged = bytes;
    for (std::size_t flips = 1 + pick(3); flips-- > 0;) {
      damaged[pick(damaged.size())] = static_cast<char>(pick(256));
    }
    write_raw(path, damaged);
    const std::string error = error_of([&] { touch_everything(path); });
    CHECK((error == "nothing" || error.find("FormatError ") == 0 ||
           error.find("NumericError ") == 0));
    if (error != "nothing") ++refused;
  }
  CHECK(refused > kRounds / 2);
}
