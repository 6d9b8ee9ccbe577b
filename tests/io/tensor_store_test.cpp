// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/io/tensor_store.hpp>

#include "io/io_test_support.hpp"
#include "support/catch.hpp"
#include "support/shared.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

using solo::TensorStore;
using solo::test::error_of;
using solo::test::write_raw;

namespace {

namespace fs = std::filesystem;

const std::string kIndex = "model.safetensors.index.json";

/// Writes a file with tensors of these names, each the number of its place.
void write_shard(const fs::path& path, const std::vector<std::string>& names) {
  std::vector<float> values(names.size());
  std::vector<solo::TensorRef> tensors;
  for (std::size_t i = 0; i < names.size(); ++i) {
    values[i] = static_cast<float>(i);
    tensors.push_back({names[i], {1}, std::span<const float>(values).subspan(i, 1)});
  }
  solo::write_safetensors(path, tensors);
}

std::string open_error(const fs::path& dir) {
  return error_of([&] { (void)TensorStore::open(dir); });
}

}  // namespace

TEST_CASE("tensor store: one file", "[tensor_store]") {
  const solo::test::TempDir dir;
  write_shard(dir.path() / "model.safetensors", {"b", "a"});
  write_raw(dir.path() / kIndex, "not looked at");
  const auto store = TensorStore::open(dir.path());
  REQUIRE(store.entries().size() == 2);
  CHECK(store.entries()[0].name() == "a");
  CHECK(store.files().size() == 1);
  CHECK(store.name() == solo::display_name(dir.path() / "model.safetensors"));
  std::vector<float> out(1);
  store.read("a", std::span(out));
  CHECK(out[0] == 1.0F);
  CHECK(store.find("c") == nullptr);
  CHECK(error_of([&] { (void)store.at("c"); }).find("FormatError safetensors.missing | ") == 0);
}

TEST_CASE("tensor store: shards", "[tensor_store]") {
  const solo::test::TempDir dir;
  write_shard(dir.path() / "s1.safetensors", {"a", "c"});
  fs::create_directory(dir.path() / "blobs");
  write_shard(dir.path() / "blobs" / "0123", {"b"});
  fs::create_symlink("blobs/0123", dir.path() / "s2.safetensors");
  write_raw(dir.path() / kIndex,
            R"({"metadata": {"total_size": 12}, "weight_map": {"b": "s2.safetensors",
                "a": "s1.safetensors", "c": "s1.safetensors"}})");
  auto opened = TensorStore::open(dir.path());
  const TensorStore store = std::move(opened);  // what entries point to moves along
  REQUIRE(store.entries().size() == 3);
  CHECK(store.files().size() == 2);
  CHECK(store.name() == solo::display_name(dir.path() / kIndex));
  CHECK(store.at("b").file->path() == dir.path() / "s2.safetensors");
  std::vector<double> out(1);
  store.read("c", std::span(out));
  CHECK(out[0] == 1.0);
}

TEST_CASE("tensor store: index and shards must agree", "[tensor_store]") {
  const solo::test::TempDir dir;
  write_shard(dir.path() / "s1", {"a", "b"});
  write_shard(dir.path() / "s2", {"c"});
  write_shard(dir.path() / "s3", {"b", "c"});
  write_shard(dir.path() / "empty", {});
  struct Case {
    std::string map;
    std::string id;
    std::string part;
  };
  const std::vector<Case> cases = {
      {R"({"a":"s1","c":"s2"})", "FormatError store.index",
       "tensor 'b' of 's1' is missing in weight_map"},
      {R"({"a":"s1","b":"s1"})", "nothing", ""},
      {R"({"a":"s1","b":"s1","c":"s2","d":"s2"})", "FormatError store.index",
       "tensor 'd': expected in 's2', found in no file"},
      {R"({"A":"s1","a":"s1","b":"s1"})", "FormatError store.index",
       "tensor 'A': expected in 's1', found in no file"},
      {R"({"a":"s1","b":"s2","c":"s2"})", "FormatError store.index",
       "tensor 'b': expected in 's2', found in 's1'"},
      {R"({"a":"s1","b":"s1","c":"s3"})", "FormatError store.index",
       "tensor 'b': found in two files, 's1' and 's3'"},
      {R"({"a":"s1","b":"s1","c":"none"})", "IoError io.open", "none"},
      {R"({"a":"../s1","b":"s1"})", "FormatError store.index",
       "'a': expected a plain file name, found the string '../s1'"},
      {R"({"a":"/s1"})", "FormatError store.index", "plain file name"},
      {R"({"a":"x\\s1"})", "FormatError store.index", "plain file name"},
      {R"({"a":".."})", "FormatError store.index", "plain file name"},
      {R"({"a":""})", "FormatError store.index", "plain file name"},
      {R"({"a":"s1\u0000"})", "FormatError store.index", "plain file name"},
      {R"({"a":1})", "FormatError store.index", "plain file name, found 1"},
      {R"({"a":null})", "FormatError store.index", "plain file name, found null"},
      {R"({})", "FormatError store.index", "expected 1 to 512 files, found 0"},
      {R"([])", "FormatError json.type", "weight_map: expected an object, found a list"},
      {R"({"a":"s1","a":"s1","b":"s1"})", "FormatError json.duplicate_key", "'a'"},
  };
  for (const Case& c : cases) {
    INFO(c.map);
    write_raw(dir.path() / kIndex, "{\"weight_map\":" + c.map + "}");
    const std::string error = open_error(dir.path());
    CHECK(error.find(c.id) == 0);
    CHECK(error.find(c.part) != std::string::npos);
    if (c.id.find("store") != std::string::npos) CHECK(error.find(kIndex) != std::string::npos);
  }
  write_raw(dir.path() / kIndex, "{}");
  CHECK(open_error(dir.path()).find("FormatError json.missing | ") == 0);
  std::string many = "{\"weight_map\":{";
  for (int i = 0; i < 600; ++i) {
    many += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":\"f" + std::to_string(i) + "\"";
  }
  write_raw(dir.path() / kIndex, many + "}}");
  CHECK(open_error(dir.path()).find("found 600") != std::string::npos);
}

TEST_CASE("tensor store: no model", "[tensor_store]") {
  const solo::test::TempDir dir;
  CHECK(open_error(dir.path()).find("IoError io.open | ") == 0);
  CHECK(open_error(dir.path()).find("model.safetensors.index.json, found neither") !=
        std::string::npos);
  CHECK(open_error(dir.path() / "none").find("IoError io.open | ") == 0);
  REQUIRE(::mkfifo((dir.path() / "model.safetensors").c_str(), 0600) == 0);
  CHECK(open_error(dir.path()).find("IoError io.not_regular | ") == 0);
  fs::remove(dir.path() / "model.safetensors");
  fs::create_symlink("nowhere", dir.path() / "model.safetensors");
  CHECK(open_error(dir.path()).find("IoError io.open | ") == 0);
}

TEST_CASE("tensor store: gpt2-mini", "[tensor_store]") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const auto store = TensorStore::open(*shared / "models" / "gpt2-mini");
  CHECK(store.entries().size() == 148);
  const auto& wte = *store.at("transformer.wte.weight").info;
  CHECK(wte.dtype == "BF16");
  CHECK(wte.shape == std::vector<solo::Index>{8192, 256});
  for (const auto& entry : store.entries()) CHECK_NOTHROW(entry.file->check_finite(*entry.info));
}
