// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using solo::FormatError;
using solo::Json;

/// "id | message" of the FormatError that `call` throws.
template <class Call>
std::string format_error(const Call& call) {
  try {
    call();
  } catch (const FormatError& error) {
    return std::string(error.id()) + " | " + error.what();
  }
  return "no FormatError";
}

std::string parse_error(const std::string& text, const solo::JsonLimits& limits = {}) {
  return format_error([&] { (void)solo::parse_json(text, "f.json", limits); });
}

}  // namespace

TEST_CASE("json: values arrive with their types", "[json]") {
  const Json json = solo::parse_json(
      R"({"b": true, "a": [1, -2, 2.5, null], "s": "h\u00e9\ud83d\ude00", "o": {}})", "f.json");
  CHECK(json.at("b") == true);
  CHECK(json.at("a").at(0).is_number_unsigned());
  CHECK(json.at("a").at(1).get<int>() == -2);
  CHECK(json.at("a").at(2).get<double>() == 2.5);
  CHECK(json.at("a").at(3).is_null());
  CHECK(json.at("s") == "h\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(json.at("o").is_object());
  CHECK(json.begin().key() == "b");  // the order of the text
  CHECK(solo::parse_json(" 3 ", "f") == 3);
}

TEST_CASE("json: malformed text is refused with its place", "[json]") {
  struct Case {
    std::string text;
    std::string id;
    std::string part;
  };
  const std::vector<Case> cases = {
      {"", "json.syntax", "f.json: column 1: "},
      {"{\"a\":1,}", "json.syntax", "column 8"},
      {"[1,2", "json.syntax", "unexpected end of input"},
      {"{} {}", "json.syntax", "expected end of input"},
      {"{}x", "json.syntax", "column 3"},
      {"{\n\"a\": tru}\n", "json.syntax", "line 2, column 9"},
      {"[01]", "json.syntax", "column 4"},
      {"[1.]", "json.syntax", "column 4"},
      {"[.5]", "json.syntax", "invalid literal"},
      {"[+1]", "json.syntax", "invalid literal"},
      {"[NaN]", "json.syntax", "invalid literal"},
      {"[Infinity]", "json.syntax", "invalid literal"},
      {"[1e999]", "json.syntax", "number overflow"},
      {"// c\n{}", "json.syntax", "line 1, column 1"},
      {"{'a':1}", "json.syntax", "column 2"},
      {"[\"\xFF\"]", "json.syntax", "ill-formed UTF-8"},
      {"[\"\xC0\xAF\"]", "json.syntax", "ill-formed UTF-8"},
      {"[\"\xED\xA0\x80\"]", "json.syntax", "ill-formed UTF-8"},
      {"[\"\\ud800\"]", "json.syntax", "surrogate"},
      {"[\"a\tb\"]", "json.syntax", "control character"},
      {"[\"a\nb\"]", "json.syntax", "control character"},
      {std::string("{}\0", 3), "json.syntax", "column 3: expected JSON, found a NUL"},
      {std::string("[\"a\0b\"]", 7), "json.syntax", "NUL"},
      {"\xEF\xBB\xBF{}", "json.bom", "byte order mark"},
      {"{\"a\":1,\"a\":1}", "json.duplicate_key", "column 10: duplicate key 'a'"},
      {"{\"a\":1,\n\"\\u0061\":2}", "json.duplicate_key", "line 2, column 8: duplicate key 'a'"},
      {"{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "json.duplicate_key", "'a'"},
      {"[{\"a\":{}},{\"\":1,\"\":1}]", "json.duplicate_key", "duplicate key ''"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const std::string error = parse_error(c.text);
    CHECK(error.find(c.id + " | f.json: ") == 0);
    CHECK(error.find(c.part) != std::string::npos);
    CHECK(error.size() < 1000);
  }
}

TEST_CASE("json: the same key in different objects is fine", "[json]") {
  const Json json = solo::parse_json(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})", "f");
  CHECK(json.at("a").at("a").at("a") == 1);
}

TEST_CASE("json: limits", "[json]") {
  CHECK_NOTHROW(solo::parse_json(std::string(64, '[') + std::string(64, ']'), "f"));
  CHECK(parse_error(std::string(65, '[') + std::string(65, ']')).find("json.depth |") == 0);
  CHECK(parse_error(std::string(1'000'000, '[')).find("at most 64") != std::string::npos);
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  CHECK(parse_error(objects).find("json.depth |") == 0);

  CHECK_NOTHROW(solo::parse_json("[1,2]", "f", {.max_values = 3}));
  CHECK(parse_error("[1,2,3]", {.max_values = 3}).find("json.too_many |") == 0);
  CHECK_NOTHROW(solo::parse_json("[\"12345\"]", "f", {.max_token_bytes = 6}));
  CHECK(parse_error("[\"1234567\"]", {.max_token_bytes = 6}).find("json.token |") == 0);
  CHECK(parse_error("[12345678]", {.max_token_bytes = 6}).find("json.token |") == 0);
  CHECK(parse_error("[\"" + std::string(5000, 'x') + "\"]", {.max_tree_bytes = 4096})
            .find("json.too_large |") == 0);
}

TEST_CASE("json: one byte order mark can be skipped", "[json]") {
  CHECK(solo::parse_json("\xEF\xBB\xBF[1]", "f", {.skip_bom = true}).size() == 1);
  CHECK(parse_error("\xEF\xBB\xBF\xEF\xBB\xBF[1]", {.skip_bom = true}).find("json.bom |") == 0);
}

TEST_CASE("json: messages are one line whatever the text is", "[json]") {
  const std::string error = parse_error("{\"" + std::string(3000, '\x01') + "\"}");
  CHECK(error.size() < 1000);
  const std::string key = "\\u0000\\n\\u001b" + std::string(5000, 'k');
  const std::string twice = parse_error("{\"" + key + "\":1,\"" + key + "\":2}");
  CHECK(twice.find("json.duplicate_key |") == 0);
  CHECK(twice.size() < 1000);
  CHECK(twice.find('\n') == std::string::npos);
  CHECK(twice.find("\\x00\\x0a\\x1b") != std::string::npos);
}

TEST_CASE("json: messages stay short when every byte is escaped", "[json]") {
  CHECK(parse_error("{\"" + std::string(400, '\x7f')).size() < 700);
}

TEST_CASE("json: tokens that cross the pieces of a file", "[json]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "big.json";
  for (std::size_t pad = 65536 - 12; pad < 65536 + 3; ++pad) {
    const std::string text =
        std::string(pad, ' ') + "{\"k\\u00e9y\":-12345678901,\"x\":\"\xF0\x9F\x98\x80\"}";
    solo::write_file_atomically(path, text);
    const Json json = solo::read_json_file(path);
    CHECK(json.at("k\xC3\xA9y") == -12345678901);
    CHECK(json.at("x") == "\xF0\x9F\x98\x80");
  }
  solo::write_file_atomically(path, "{}" + std::string(100000, ' ') + "x");
  CHECK(format_error([&] { (void)solo::read_json_file(path); }).find("big.json: column 100003") !=
        std::string::npos);
  CHECK(format_error([&] {
          (void)solo::read_json_file(path, {.max_file_bytes = 100});
        }).find("io.too_large |") == 0);
}

TEST_CASE("json: fields check types and ranges", "[json]") {
  const Json json = solo::parse_json(
      R"({"i":3,"neg":-3,"f":1.0,"e":1e0,"z":-0,"huge":18446744073709551616,"u":18446744073709551615,
          "b":true,"s":"x","n":null,"l":["a","b"],"il":[1,2],"o":{"k":1},"mixed":["a",1]})",
      "c.json");
  const solo::JsonFields fields(json, "c.json");
  CHECK(fields.integer("i") == 3);
  CHECK(fields.integer("i", {.min = 3, .max = 3}) == 3);
  CHECK(fields.integer("neg") == -3);
  CHECK(fields.integer_or("i", 9) == 3);
  CHECK(fields.integer_or("absent", 9) == 9);
  CHECK(fields.number("f") == 1.0);
  CHECK(fields.number("i") == 3.0);
  CHECK(fields.number_or("absent", 2.5) == 2.5);
  CHECK(fields.boolean("b"));
  CHECK(fields.boolean_or("absent", true));
  CHECK(fields.string("s") == "x");
  CHECK(fields.string_or("absent", "y") == "y");
  CHECK(fields.strings("l") == std::vector<std::string>{"a", "b"});
  CHECK(fields.integers("il") == std::vector<std::int64_t>{1, 2});
  CHECK(fields.object("o").integer("k") == 1);
  CHECK(fields.absent("n"));
  CHECK(fields.absent("absent"));
  CHECK(fields.has("n"));

  const auto error = [&](const auto& call) { return format_error([&] { (void)call(); }); };
  CHECK(error([&] { return fields.integer("nope"); }) ==
        "json.missing | c.json: nope: expected a value, found none");
  CHECK(error([&] { return fields.integer("f"); }) ==
        "json.type | c.json: f: expected an integer, found 1.0");
  CHECK(error([&] { return fields.integer("e"); }).find("json.type |") == 0);
  CHECK(error([&] { return fields.integer("z"); }) ==
        "json.type | c.json: z: expected an integer, found -0.0");
  CHECK(error([&] { return fields.integer("huge"); }).find("json.type |") == 0);
  CHECK(error([&] { return fields.integer("u"); }) ==
        "json.range | c.json: u: expected -2^63 to 2^63 - 1, found 18446744073709551615");
  CHECK(error([&] { return fields.integer("b"); }).find("found true") != std::string::npos);
  CHECK(error([&] { return fields.integer_or("n", 1); }).find("found null") != std::string::npos);
  CHECK(error([&] { return fields.integer("i", {.min = 4, .max = 9}); }) ==
        "json.range | c.json: i: expected 4 to 9, found 3");
  CHECK(error([&] { return fields.number("s"); }) ==
        "json.type | c.json: s: expected a number, found the string 'x'");
  CHECK(error([&] { return fields.boolean("i"); }).find("true or false, found 3") !=
        std::string::npos);
  CHECK(error([&] { return fields.string("l"); }).find("a string, found a list") !=
        std::string::npos);
  CHECK(error([&] { return fields.strings("mixed"); }) ==
        "json.type | c.json: mixed[1]: expected a string, found 1");
  CHECK(error([&] { return fields.strings("s"); }).find("a list of strings") != std::string::npos);
  CHECK(error([&] { return fields.integers("mixed"); }).find("mixed[0]") != std::string::npos);
  CHECK(error([&] { return fields.integers("il", {.min = 2}); }).find("il[0]: expected 2 to") !=
        std::string::npos);
  CHECK(error([&] { return fields.object("o").integer("j"); }).find("c.json: o.j: ") !=
        std::string::npos);
  CHECK(error([&] { return fields.object("l").has("j"); }) ==
        "json.type | c.json: l: expected an object, found a list");
  CHECK(error([&] {
          fields.object("o").reject_unknown_keys({"a", "b"});
          return 0;
        }) == "json.unknown_key | c.json: o: unknown key 'k'");
  CHECK_NOTHROW(fields.object("o").reject_unknown_keys({"k", "b"}));
}

TEST_CASE("json: repr() of doubles", "[json]") {
  const std::vector<std::pair<double, std::string>> cases = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {0.1, "0.1"},
      {1e-5, "1e-05"},
      {1e-4, "0.0001"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {1.5e300, "1.5e+300"},
      {2.5e-10, "2.5e-10"},
      {123456.789, "123456.789"},
      {-2e-7, "-2e-07"},
      {5e-324, "5e-324"},
      {0.30000000000000004, "0.30000000000000004"},
      {100.0, "100.0"},
      {9007199254740993.0, "9007199254740992.0"}};
  for (const auto& [value, text] : cases) {
    CHECK(solo::python_repr(value) == text);
  }
  CHECK(solo::python_repr(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(solo::python_repr(-std::numeric_limits<double>::infinity()) == "-inf");
  CHECK(solo::python_repr(std::nan("")) == "nan");
}

TEST_CASE("json: writing as Python does", "[json]") {
  Json json;
  json["z"] = {1, -2, 2.5, true, nullptr};
  json["a"] = {{"k\n\"\\/", "\x01\x7F\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\t"}};
  json["empty"] = Json::array();
  json["none"] = Json::object();
  CHECK(solo::dump_sorted(json) == R"({
  "a": {
    "k\n\"\\/": "\u0001)"
                                   "\x7F"
                                   R"(\u00e9\u20ac\ud83d\ude00\t"
  },
  "empty": [],
  "none": {},
  "z": [
    1,
    -2,
    2.5,
    true,
    null
  ]
})");
  CHECK(solo::dump_line(json) ==
        "{\"z\":[1,-2,2.5,true,null],\"a\":{\"k\\n\\\"\\\\/\":\"\\u0001\x7F\xC3\xA9\xE2\x82\xAC"
        "\xF0\x9F\x98\x80\\t\"},\"empty\":[],\"none\":{}}");
}

TEST_CASE("json: what cannot be written exactly does not throw", "[json]") {
  const Json json = {{"s", "a\xFF\xC3"}, {"x", std::nan("")}};
  CHECK(solo::dump_line(json) == "{\"s\":\"a\xEF\xBF\xBD\xEF\xBF\xBD\",\"x\":null}");
  CHECK(solo::dump_sorted(json) == "{\n  \"s\": \"a\\ufffd\\ufffd\",\n  \"x\": null\n}");
  Json deep = 1;
  for (int i = 0; i < 300; ++i) deep = Json::array({std::move(deep)});
  CHECK_THROWS_AS(solo::dump_line(deep), solo::ConfigError);
}

TEST_CASE("json: text, value and text again are equal", "[json]") {
  const std::string text =
      R"({"b":[1,-7,0.1,1e-300,18446744073709551615,"é\u0000\ud83d\ude00"],"a":{"x":{},"y":[]}})";
  const Json json = solo::parse_json(text, "f");
  CHECK(solo::parse_json(solo::dump_line(json), "f") == json);
  CHECK(solo::dump_line(solo::parse_json(solo::dump_line(json), "f")) == solo::dump_line(json));
  CHECK(solo::dump_sorted(solo::parse_json(solo::dump_sorted(json), "f")) ==
        solo::dump_sorted(json));
}

TEST_CASE("json: endless white space is refused", "[json]") {
  CHECK_NOTHROW(solo::parse_json("{   }", "f", {.max_token_bytes = 3}));
  CHECK(parse_error("{       }", {.max_token_bytes = 3}).find("json.token |") == 0);
}
