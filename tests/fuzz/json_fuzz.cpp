// SPDX-License-Identifier: MIT
// JSON text: what is accepted is JSON to a lenient parser too, and survives both ways of writing.

#include <solo/io/json.hpp>

#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace solo;
  const std::string_view text = fuzz::text_of(data, size);
  Json value;
  if (!fuzz::accepted([&] { value = parse_json(text, "input"); })) return 0;
  const Json lenient = Json::parse(text, nullptr, false);
  fuzz::require(!lenient.is_discarded() && lenient == value, "a lenient parser agrees");

  const std::string line = dump_line(value);
  const Json again = parse_json(line, "line");
  fuzz::require(again == value && dump_line(again) == line,
                "one line is read as it was written:", line);
  const std::string sorted = dump_sorted(value);
  const Json ordered = parse_json(sorted, "sorted");
  fuzz::require(dump_sorted(ordered) == sorted, "sorted text is read as it was written:", sorted);
  fuzz::require(nlohmann::json(ordered) == nlohmann::json(value), "sorting changes no value");
  return 0;
}
