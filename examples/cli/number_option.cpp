// SPDX-License-Identifier: MIT
#include "number_option.hpp"

#include <solo/core/error.hpp>

#include "option_info.hpp"
#include "program.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace solo::cli {
namespace {

[[noreturn]] void refuse_number(const std::string& option, std::string_view expected,
                                std::string_view found) {
  const std::string where = option.empty() ? std::string() : option + ": ";
  throw UsageError(concat(where, "expected ", expected, ", found ", quoted(found)));
}

template <class N>
std::optional<N> converted(std::string_view text) {
  N value{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

bool lies_in(const WholeRange& range, std::string_view text) {
  if (!text.starts_with('-')) {
    const auto value = converted<std::uint64_t>(text);
    const std::uint64_t min = range.min > 0 ? static_cast<std::uint64_t>(range.min) : 0;
    return value && *value >= min && *value <= range.max;
  }
  const auto value = converted<std::int64_t>(text);
  return value && *value >= range.min;
}

std::string expected_whole(const WholeRange& range) {
  return concat("a whole number from ", range.min, " to ", range.max);
}

/// The range in the checks of an option of whole numbers: CLI11's descriptions of them say it.
WholeRange range_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  WholeRange range;
  if (type.starts_with("UINT")) range = WholeRange::of<std::uint64_t>();
  if (type.find(":POSITIVE") != std::string::npos) range.min = 1;
  if (type.find(":NONNEGATIVE") != std::string::npos) range.min = 0;
  constexpr std::string_view kIn = " in [";
  constexpr std::string_view kTo = " - ";
  const std::size_t open = type.find(kIn);
  const std::size_t to = type.find(kTo, open);
  const std::size_t close = type.find(']', to);
  if (open == std::string::npos || to == std::string::npos || close == std::string::npos) {
    return range;
  }
  const std::string_view all = type;
  const std::size_t first = open + kIn.size();
  const auto min = converted<std::int64_t>(all.substr(first, to - first));
  const auto max = converted<std::uint64_t>(all.substr(to + kTo.size(), close - to - kTo.size()));
  return min && max ? WholeRange{*min, *max} : range;
}

/// What the text of a number's option becomes before CLI11 reads it.
std::string checked(const CLI::Option& option, const std::string& text) {
  try {
    if (type_of(option) != "FLOAT") return whole_number("", text, range_of(option));
    const std::string type = option.get_type_name();
    const bool positive = type.find(":POSITIVE") != std::string::npos;
    const bool not_negative = type.find(":NONNEGATIVE") != std::string::npos;
    const std::string_view expected = positive       ? "a number above 0"
                                      : not_negative ? "a number of at least 0"
                                                     : "a number";
    const double value = parse_real("", text, expected);
    if ((positive && value <= 0.0) || (not_negative && value < 0.0))
      refuse_number("", expected, text);
    return concat(value);  // to the bit
  } catch (const UsageError& e) {
    throw CLI::ValidationError(e.what());
  }
}

}  // namespace

std::string whole_number(const std::string& option, std::string_view text,
                         const WholeRange& range) {
  if (!lies_in(range, text)) refuse_number(option, expected_whole(range), text);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
  return (negative && text != "0" ? "-" : "") + std::string(text);
}

double parse_real(const std::string& option, std::string_view text, std::string_view expected) {
  const auto value = converted<double>(text);
  if (!value || !std::isfinite(*value)) refuse_number(option, expected, text);
  return *value;
}

void check_values(CLI::App& command) {
  for (CLI::Option* const option : command.get_options()) {
    const std::string type = type_of(*option);
    if (type == "INT" || type == "UINT" || type == "FLOAT") {
      option->transform([option](const std::string& text) { return checked(*option, text); });
    }
    if (type == "LIST") {
      option->check([](const std::string& text) {
        if (text.empty()) return std::string("the list is empty");
        return has_empty_item(text) ? concat("an empty item in ", quoted(std::string_view(text)))
                                    : std::string();
      });
    }
  }
}

}  // namespace solo::cli
