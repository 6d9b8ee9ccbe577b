// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/io/safetensors.hpp>

#include "io/io_test_support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

using solo::Index;
using solo::SafetensorsFile;
using solo::test::error_of;
using solo::test::file_of;
using solo::test::safetensors_bytes;
using solo::test::write_raw;

namespace {

/// What opening a file of these bytes throws; "nothing" when it is accepted.
std::string open_error(const std::string& bytes) {
  const solo::test::TempDir dir;
  write_raw(dir.path() / "x.safetensors", bytes);
  return error_of([&] { (void)SafetensorsFile::open(dir.path() / "x.safetensors"); });
}

/// A header with one entry "a" of these fields, and `data` bytes.
std::string one(const std::string& fields, std::size_t data) {
  return safetensors_bytes("{\"a\":{" + fields + "}}", data);
}

struct Case {
  std::string bytes;
  std::string id;
  std::string part;
};

void check_refused(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.bytes.substr(0, 200));
    const std::string error = open_error(c.bytes);
    CHECK(error.find("FormatError " + c.id + " | ") == 0);
    CHECK(error.find("x.safetensors: ") != std::string::npos);
    CHECK(error.find(c.part) != std::string::npos);
    CHECK(error.size() < 1000);
    CHECK(error.find('\n') == std::string::npos);
  }
}

}  // namespace

TEST_CASE("safetensors: container", "[safetensors]") {
  std::string huge = safetensors_bytes("{}", 0);
  huge[7] = '\x7F';
  std::string wraps(10, '\xFF');
  check_refused({
      {"", "safetensors.too_small", "expected at least 8 bytes, found 0"},
      {"1234567", "safetensors.too_small", "found 7"},
      {huge, "safetensors.header_size", "expected a header of at most 2 bytes, found 91"},
      {wraps, "safetensors.header_size", "found 18446744073709551615"},
      {std::string(8, '\0'), "safetensors.header", "found an empty one"},
      {safetensors_bytes("{} ", 0).substr(0, 10), "safetensors.header_size", "found 3"},
      {safetensors_bytes(" {}", 0), "safetensors.header", "begins with {, found ' '"},
      {safetensors_bytes("\n{}", 0), "safetensors.header", "found '\\x0a'"},
      {safetensors_bytes("\xEF\xBB\xBF{}", 0), "safetensors.header", "begins with {"},
      {safetensors_bytes("[]", 0), "safetensors.header", "found '['"},
      {safetensors_bytes("{}\n", 0), "safetensors.header", "ends with } and spaces, found '\\x0a'"},
      {safetensors_bytes("{}\t ", 0), "safetensors.header", "found '\\x09'"},
      {safetensors_bytes(std::string("{}\0", 3), 0), "safetensors.header", "found '\\x00'"},
      {safetensors_bytes("{}{}", 0), "json.syntax", "header: column 3"},
      {safetensors_bytes("{", 0), "safetensors.header", "ends with }"},
      {safetensors_bytes("{/**/}", 0), "json.syntax", "header: column 2"},
      {safetensors_bytes("{\"a\":}", 0), "json.syntax", "column 6"},
      {safetensors_bytes("{\"\xC0\xAF\":{}}", 0), "json.syntax", "ill-formed UTF-8"},
      {safetensors_bytes("{}", 1), "safetensors.length",
       "expected 0 bytes of tensor data, found 1"},
  });
  CHECK(open_error(safetensors_bytes("{}", 0)) == "nothing");
  CHECK(open_error(safetensors_bytes("{}" + std::string(10000, ' '), 0)) == "nothing");
  CHECK(open_error(safetensors_bytes("{ \"a\" : {\n\t\"dtype\":\"U8\",\"shape\":[1],"
                                     "\"data_offsets\":[0,1]} }",
                                     1)) == "nothing");
}

TEST_CASE("safetensors: entries", "[safetensors]") {
  const std::string good = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  CHECK(open_error(one(good, 4)) == "nothing");
  const auto with = [&](const std::string& dtype, const std::string& shape,
                        const std::string& offsets, std::size_t data) {
    return one("\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets, data);
  };
  check_refused({
      {one(R"("shape":[1],"data_offsets":[0,4])", 4), "safetensors.entry",
       "tensor 'a': expected the field dtype, found none"},
      {one(R"("dtype":"F32","data_offsets":[0,4])", 4), "safetensors.entry", "the field shape"},
      {one(R"("dtype":"F32","shape":[1])", 4), "safetensors.entry", "the field data_offsets"},
      {one(good + ",\"x\":1", 4), "safetensors.entry", "tensor 'a': unknown field 'x'"},
      {one(good + ",\"dtype\":\"F32\"", 4), "json.duplicate_key", "duplicate key 'dtype'"},
      {one(good + ",\"sh\\u0061pe\":[1]", 4), "json.duplicate_key", "duplicate key 'shape'"},
      {safetensors_bytes("{\"a\":[\"F32\",[1],[0,4]]}", 4), "safetensors.entry",
       "tensor 'a': expected an object, found a list"},
      {safetensors_bytes("{\"a\":null}", 0), "safetensors.entry", "expected an object, found null"},
      {safetensors_bytes("{\"a\":3}", 0), "safetensors.entry", "expected an object, found 3"},
      {with("{\"F32\":null}", "[1]", "[0,4]", 4), "safetensors.entry",
       "dtype: expected a string, found an object"},
      {with("7", "[1]", "[0,4]", 4), "safetensors.entry", "dtype: expected a string, found 7"},
      {with("\"f32\"", "[1]", "[0,4]", 4), "safetensors.dtype", "unknown dtype 'f32'"},
      {with("\"F128\"", "[1]", "[0,16]", 16), "safetensors.dtype", "unknown dtype 'F128'"},
      {with("\"F32\"", "1", "[0,4]", 4), "safetensors.entry", "shape: expected a list"},
      {with("\"F32\"", "\"1\"", "[0,4]", 4), "safetensors.entry", "found the string '1'"},
      {with("\"F32\"", "[-1]", "[0,4]", 4), "safetensors.entry", "found -1"},
      {with("\"F32\"", "[1.0]", "[0,4]", 4), "safetensors.entry", "found the number 1"},
      {with("\"F32\"", "[1e0]", "[0,4]", 4), "safetensors.entry", "found the number 1"},
      {with("\"F32\"", "[-0]", "[0,0]", 0), "safetensors.entry", "found the number -0"},
      {with("\"F32\"", "[\"1\"]", "[0,4]", 4), "safetensors.entry", "found the string '1'"},
      {with("\"F32\"", "[true]", "[0,4]", 4), "safetensors.entry", "found true"},
      {with("\"F32\"", "[[1]]", "[0,4]", 4), "safetensors.entry", "found a list"},
      {with("\"F32\"", "[01]", "[0,4]", 4), "json.syntax", "column"},
      {with("\"F32\"", "[18446744073709551616]", "[0,4]", 4), "safetensors.entry",
       "18446744073709551616"},
      {with("\"F32\"", "[18446744073709551615]", "[0,4]", 4), "safetensors.shape", "too large"},
      {with("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]", 4), "safetensors.rank", "at most 8"},
      {with("\"F32\"", "[1]", "[0]", 4), "safetensors.entry", "fewer than two offsets"},
      {with("\"F32\"", "[1]", "[]", 4), "safetensors.entry", "fewer than two offsets"},
      {with("\"F32\"", "[1]", "[0,4,4]", 4), "safetensors.entry", "more than two offsets"},
      {with("\"F32\"", "[1]", "[0.0,4]", 4), "safetensors.entry", "two integers >= 0"},
      {with("\"F32\"", "[1]", "null", 4), "safetensors.entry", "data_offsets: expected two"},
  });
  CHECK(open_error(with("\"F32\"", "[1,1,1,1,1,1,1,1]", "[0,4]", 4)) == "nothing");
}

TEST_CASE("safetensors: more tensors or metadata than any model has", "[safetensors]") {
  std::string tensors = "{";
  for (int i = 0; i <= 200'000; ++i) {
    tensors += "\"" + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)";
  }
  tensors.back() = '}';
  std::string metadata = R"({"__metadata__":{)";
  for (int i = 0; i <= 100'000; ++i) metadata += "\"" + std::to_string(i) + "\":\"\",";
  metadata.back() = '}';
  check_refused(
      {{safetensors_bytes(tensors, 0), "safetensors.too_many", "at most 200000 tensors"},
       {safetensors_bytes(metadata + "}", 0), "safetensors.metadata", "at most 100000 entries"}});
}

TEST_CASE("safetensors: names", "[safetensors]") {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  const std::string next = R"({"dtype":"U8","shape":[1],"data_offsets":[1,2]})";
  const auto file = [](const std::string& header, std::size_t data) {
    return safetensors_bytes(header, data);
  };
  check_refused({
      {file("{\"\":" + entry + "}", 1), "safetensors.name", "found ''"},
      {file("{\"a\\u0000b\":" + entry + "}", 1), "safetensors.name", "found 'a\\x00b'"},
      {file("{\"a\":" + entry + ",\"a\":" + entry + "}", 1), "json.duplicate_key", "key 'a'"},
      {file("{\"a\":" + entry + ",\"a\":" + next + "}", 2), "json.duplicate_key", "key 'a'"},
      {file("{\"a\":" + entry + ",\"\\u0061\":" + next + "}", 2), "json.duplicate_key", "key 'a'"},
      {file("{\"\\n\\u001b[31m" + std::string(2000, 'n') + "\":3}", 0), "safetensors.entry",
       "tensor '\\x0a\\x1b[31mnnn"},
  });
  CHECK(open_error(file("{\"../../x\":" + entry + "}", 1)) == "nothing");
}

TEST_CASE("safetensors: metadata", "[safetensors]") {
  check_refused({
      {safetensors_bytes(R"({"__metadata__":{"a":1}})", 0), "safetensors.metadata", "found 1"},
      {safetensors_bytes(R"({"__metadata__":{"a":null}})", 0), "safetensors.metadata",
       "found null"},
      {safetensors_bytes(R"({"__metadata__":{"a":{}}})", 0), "safetensors.metadata", "an object"},
      {safetensors_bytes(R"({"__metadata__":[]})", 0), "safetensors.metadata", "found a list"},
      {safetensors_bytes(R"({"__metadata__":"x"})", 0), "safetensors.metadata", "the string 'x'"},
      {safetensors_bytes(R"({"__metadata__":{},"__metadata__":{}})", 0), "json.duplicate_key",
       "'__metadata__'"},
      {safetensors_bytes(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "json.duplicate_key", "'a'"},
  });
  CHECK(open_error(safetensors_bytes(R"({"__metadata__":null})", 0)) == "nothing");
  const solo::test::TempDir dir;
  write_raw(dir.path() / "m", safetensors_bytes(R"({"__metadata__":{"format":"pt","x":""}})", 0));
  const auto file = SafetensorsFile::open(dir.path() / "m");
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.metadata().at("x").empty());
  CHECK(file.tensors().empty());
}

TEST_CASE("safetensors: shapes, offsets and sizes agree", "[safetensors]") {
  const auto entry = [](const std::string& name, const std::string& shape, std::uint64_t begin,
                        std::uint64_t end) {
    return "\"" + name + "\":{\"dtype\":\"U8\",\"shape\":" + shape + ",\"data_offsets\":[" +
           std::to_string(begin) + "," + std::to_string(end) + "]}";
  };
  const auto file = [](const std::string& entries, std::size_t data) {
    return safetensors_bytes("{" + entries + "}", data);
  };
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  check_refused({
      {file(entry("a", "[2]", 0, 2) + "," + entry("b", "[2]", 3, 5), 5), "safetensors.offsets",
       "tensor 'b': expected its data to begin at 2"},
      {file(entry("a", "[2]", 0, 2) + "," + entry("b", "[2]", 1, 3), 3), "safetensors.offsets",
       "tensor 'b': expected its data to begin at 2, where the tensor before ends, found 1"},
      {file(entry("a", "[2]", 0, 2) + "," + entry("b", "[2]", 0, 2), 2), "safetensors.offsets",
       "tensor 'b'"},
      {file(entry("a", "[2]", 1, 3), 3), "safetensors.offsets", "begin at 0"},
      {file(entry("a", "[2]", 2, 0), 2), "safetensors.offsets", "[2, 0] end before they begin"},
      {file(entry("a", "[2]", kHuge, 1), 2), "safetensors.offsets", "end before they begin"},
      {file(entry("a", "[2]", 0, 2), 1), "safetensors.length",
       "expected 2 bytes of tensor data, found 1"},
      {file(entry("a", "[2]", 0, 2), 3), "safetensors.length",
       "expected 2 bytes of tensor data, found 3"},
      {file(entry("a", "[3]", 0, 2), 2), "safetensors.size",
       "expected 3 bytes for shape (3) of U8, found data_offsets [0, 2]"},
      {file(entry("a", "[0]", 0, 2), 2), "safetensors.size", "expected 0 bytes"},
      {file(entry("a", "[]", 0, 2), 2), "safetensors.size", "expected 1 bytes for shape ()"},
      {file(entry("a", "[4294967296,4294967296]", 0, 0), 0), "safetensors.shape", "too large"},
      {file(entry("a", "[0,9223372036854775807,4]", 0, 0), 0), "safetensors.shape", "too large"},
      {file(entry("a", "[9223372036854775807,4,0]", 0, 0), 0), "safetensors.shape", "too large"},
      {file(entry("a", "[9223372036854775807]", 0, 0), 0), "safetensors.shape", "too large"},
      {one(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])", 1), "safetensors.size",
       "whole bytes"},
      {one(R"("dtype":"F6_E2M3","shape":[4],"data_offsets":[0,4])", 4), "safetensors.size",
       "expected 3 bytes"},
  });
  CHECK(open_error(file(entry("b", "[2]", 1, 3) + "," + entry("a", "[1]", 0, 1), 3)) == "nothing");
  CHECK(open_error(file(entry("a", "[0]", 0, 0) + "," + entry("b", "[1]", 0, 1) + "," +
                            entry("c", "[5,0]", 1, 1) + "," + entry("d", "[]", 1, 2),
                        2)) == "nothing");
  CHECK(open_error(one(R"("dtype":"F4","shape":[4],"data_offsets":[0,2])", 2)) == "nothing");
}

TEST_CASE("safetensors: every dtype of the format is listed", "[safetensors]") {
  const std::vector<std::pair<std::string, unsigned>> dtypes = {
      {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
      {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
      {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
      {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
      {"I64", 64},        {"U64", 64}};
  for (const auto& [dtype, bits] : dtypes) {
    INFO(dtype);
    const solo::test::TempDir dir;
    const auto file =
        file_of(dir, dtype == "F4" || bits == 6 ? "U8" : dtype, std::vector<std::uint8_t>(0));
    CHECK(file.tensors().size() == 1);
    write_raw(dir.path() / "x",
              one("\"dtype\":\"" + dtype + "\",\"shape\":[2,4],\"data_offsets\":[0," +
                      std::to_string(bits) + "]",
                  bits));
    const auto listed = SafetensorsFile::open(dir.path() / "x");
    CHECK(listed.at("a").dtype == dtype);
    CHECK(listed.at("a").size() == 8);
    std::vector<float> out(8);
    const std::string error = error_of([&] { listed.read(listed.at("a"), std::span(out)); });
    if (solo::weight_dtype(dtype)) {
      CHECK(error == "nothing");
    } else {
      CHECK(error.find("FormatError safetensors.not_weights | ") == 0);
      CHECK(error.find("x: tensor 'a': expected dtype F16, BF16, F32 or F64, found " + dtype) !=
            std::string::npos);
      CHECK_NOTHROW(listed.check_finite(listed.at("a")));
    }
  }
}

TEST_CASE("safetensors: looking up", "[safetensors]") {
  const solo::test::TempDir dir;
  write_raw(dir.path() / "x",
            safetensors_bytes(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                              R"("a":{"dtype":"U8","shape":[1,3],"data_offsets":[2,5]}})",
                              5));
  const auto file = SafetensorsFile::open(dir.path() / "x");
  REQUIRE(file.tensors().size() == 2);
  CHECK(file.tensors()[0].name == "b");  // the order of the data
  CHECK(file.find("a") == &file.tensors()[1]);
  CHECK(file.find("a")->shape == std::vector<Index>{1, 3});
  CHECK(file.find("c") == nullptr);
  CHECK(file.find("") == nullptr);
  CHECK(error_of([&] { (void)file.at("c"); }).find("FormatError safetensors.missing | ") == 0);
  std::vector<float> out(3);
  CHECK(error_of([&] {
          file.read(file.at("b"), std::span(out));
        }).find("tensor 'b': expected 2 elements to read, found room for 3") != std::string::npos);
}
