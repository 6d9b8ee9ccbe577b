// SPDX-License-Identifier: MIT
// Files that are something else than their name says are told apart.
#include <solo/io/foreign_file.hpp>
#include <solo/io/json.hpp>
#include <solo/io/tensor_store.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

using namespace solo;
using test::check_throws;

namespace {

const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 548105171\n";

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("LFS pointers, web pages and files of other programs are named", "[io]") {
  const std::vector<std::pair<std::string, std::string>> files = {
      {kPointer, "git lfs pull"},
      {"<!DOCTYPE html>\n<html></html>", "a web page"},
      {"\xEF\xBB\xBF\r\n <HTML lang=\"en\">", "a web page"},
      {std::string("PK\3\4\0\0\b\b\0\0", 10), "a zip archive"},
      {std::string("\x80\2}q\0(X\1", 8), "pickle"},
      {"\x89HDF\r\n\x1A\n", "HDF5"},
      {std::string("GGUF\3\0\0\0\1\0", 10), "GGUF"},
      {std::string("\x1F\x8B\b\0\0\0\0\0\0\3", 10), "gzip"},
  };
  for (const auto& [bytes, what] : files) {
    const test::TempDir dir;
    write(dir.path() / "model.safetensors", bytes);
    check_throws<FormatError>([&] { return TensorStore::open(dir.path()); }, "io.foreign",
                              {"model.safetensors", what});
    write(dir.path() / "config.json", bytes);
    check_throws<FormatError>([&] { return read_json_file(dir.path() / "config.json"); },
                              "io.foreign", {"config.json", what});
  }
}

TEST_CASE("A header whose length has the bytes of a signature is a header", "[io]") {
  for (const unsigned length : {0x280U, 0x8B1FU}) {  // pickle's and gzip's first bytes
    const test::TempDir dir;
    std::string bytes = {static_cast<char>(length & 0xFFU), static_cast<char>(length >> 8U)};
    bytes += std::string(6, '\0') + "{}" + std::string(length - 2, ' ');
    write(dir.path() / "model.safetensors", bytes);
    CHECK(TensorStore::open(dir.path()).entries().empty());
  }
}

TEST_CASE("What a folder holds instead is told", "[io]") {
  const auto opened = [](std::initializer_list<const char*> files,
                         const std::vector<std::string>& parts) {
    const test::TempDir dir;
    for (const char* name : files) write(dir.path() / name, "x");
    check_throws<IoError>([&] { return TensorStore::open(dir.path()); }, "io.open", parts);
  };
  opened({"config.json"}, {"found neither"});
  opened({"config.json", "pytorch_model.bin", "training_args.bin", "optimizer.pt"},
         {"found 'pytorch_model.bin', which", "save_pretrained"});
  opened({"config.json", "tf_model.h5", "flax_model.msgpack", "gpt2.Q4.gguf"},
         {"'flax_model.msgpack', 'gpt2.Q4.gguf', 'tf_model.h5'"});
  opened({"adapter_config.json", "adapter_model.bin"}, {"the folder is an adapter's"});
}

TEST_CASE("Names are listed whole, as many as there is room for", "[io]") {
  const std::string longest(120, 'n');
  CHECK(detail::name_list(std::vector<std::string>{longest}) == "'" + longest + "'");
  CHECK(detail::name_list(std::vector<std::string>{longest, longest + "b", "c"}) ==
        "'" + longest + "' and 2 more");
  CHECK(detail::name_list(std::vector<std::string>{"a", "b"}) == "'a', 'b'");
}
