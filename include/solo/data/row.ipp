// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/e2e.hpp>
#include <solo/data/row.hpp>
#include <solo/io/file.hpp>
#include <solo/text/white_space.hpp>

#include <algorithm>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

/// The forms of rows, as sets of keys.
[[nodiscard]] constexpr unsigned row_bit(RowKey key) noexcept {
  return 1U << static_cast<unsigned>(key);
}
inline constexpr unsigned kPairRow = row_bit(RowKey::prompt) | row_bit(RowKey::completion);
inline constexpr unsigned kTextRow = row_bit(RowKey::text);
inline constexpr unsigned kMessagesRow = row_bit(RowKey::messages);
inline constexpr unsigned kInstructionRow = row_bit(RowKey::instruction) | row_bit(RowKey::output);
inline constexpr unsigned kIdsRow = row_bit(RowKey::input_ids);
inline constexpr unsigned kMeaningRow = row_bit(RowKey::mr);
inline constexpr unsigned kE2eRow = kMeaningRow | row_bit(RowKey::ref);

/// The form without the keys that may be missing; 0 when it is none.
[[nodiscard]] constexpr unsigned row_form(unsigned keys) noexcept {
  if (keys == (kInstructionRow | row_bit(RowKey::input))) return kInstructionRow;
  if (keys == (kIdsRow | row_bit(RowKey::labels))) return kIdsRow;
  const bool good = keys == kPairRow || keys == kTextRow || keys == kMessagesRow ||
                    keys == kInstructionRow || keys == kIdsRow || keys == kMeaningRow ||
                    keys == kE2eRow;
  return good ? keys : 0;
}

inline constexpr std::string_view kRowForms =
    "prompt and completion; text; messages; instruction, output and maybe input; or input_ids and "
    "maybe labels";

SOLO_INLINE RowColumns::RowColumns(const DataColumns& columns) : columns_(columns) {
  unsigned keys = 0;
  for (const auto& [key, name] : columns) {
    const auto* const found = std::find(kRowKeys.begin(), kRowKeys.end(), key);
    if (found == kRowKeys.end()) {
      fail<ConfigError>("data.options", "columns: expected one of prompt, completion, text, ",
                        "messages, instruction, input, output, input_ids, labels, mr and ref, ",
                        "found ", quoted(std::string_view(key), 40));
    }
    keys |= 1U << static_cast<unsigned>(found - kRowKeys.begin());
    // clang 14 captures no structured binding.
    const auto same = [&column = name](const auto& other) { return other.second == column; };
    if (std::count_if(columns.begin(), columns.end(), same) > 1) {
      fail<ConfigError>("data.options", "columns: ", quoted(std::string_view(name), 40),
                        " is named twice");
    }
  }
  if (!columns.empty() && row_form(keys) == 0) {
    fail<ConfigError>("data.options", "columns: expected ", kRowForms, "; or mr and ref; found ",
                      names());
  }
}

SOLO_INLINE std::optional<RowKey> RowColumns::find(std::string_view name) const {
  if (!chosen()) {
    const auto* const found = std::find(kRowKeys.begin(), kRowKeys.end(), name);
    if (found == kRowKeys.end()) return {};
    return static_cast<RowKey>(found - kRowKeys.begin());
  }
  for (const auto& [key, column] : columns_) {
    if (column != name) continue;
    return static_cast<RowKey>(std::find(kRowKeys.begin(), kRowKeys.end(), key) - kRowKeys.begin());
  }
  return {};
}

SOLO_INLINE std::string RowColumns::names() const {
  std::string all;
  for (const auto& [key, column] : columns_) {
    all += concat(all.empty() ? "" : ",", key, '=', printable(column, 40));
  }
  return all;
}

SOLO_INLINE RowMaker::RowMaker(const DatasetOptions& options)
    : options_(options), columns_(options.columns) {
  const std::string& text = options.instruction_template;
  if (text != "alpaca" && text.find("{instruction}") == std::string::npos) {
    fail<ConfigError>("data.options",
                      "instruction_template: expected alpaca or a text with {instruction}, found ",
                      quoted(std::string_view(text), 60));
  }
}

/// The prompt as Stanford Alpaca writes it, or as the options say.
SOLO_INLINE std::string RowMaker::instruction_prompt(DataRow& row, const std::string& where) const {
  constexpr std::string_view kWithInput =
      "Below is an instruction that describes a task, paired with an input that provides further "
      "context. Write a response that appropriately completes the request.\n\n"
      "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:";
  constexpr std::string_view kAlone =
      "Below is an instruction that describes a task. Write a response that appropriately "
      "completes the request.\n\n### Instruction:\n{instruction}\n\n### Response:";
  const std::string input = row[RowKey::input].value_or("");
  std::string_view form = options_.instruction_template;
  if (form == "alpaca") form = input.empty() ? kAlone : kWithInput;
  if (!input.empty() && form.find("{input}") == std::string_view::npos) {
    fail<FormatError>("data.row", where, ": input: the instruction template has no {input}, found ",
                      quoted(std::string_view(input), 40));
  }
  // One pass: braces in the values are text.
  std::string prompt;
  while (!form.empty()) {
    if (form.starts_with("{instruction}")) {
      prompt += *row[RowKey::instruction];
      form.remove_prefix(std::string_view("{instruction}").size());
    } else if (form.starts_with("{input}")) {
      prompt += input;
      form.remove_prefix(std::string_view("{input}").size());
    } else {
      prompt += form.front();
      form.remove_prefix(1);
    }
  }
  return prompt;
}

SOLO_INLINE void RowMaker::add(DataRow&& row, const std::string& where, RowSink& sink) const {
  unsigned keys = 0;
  for (std::size_t i = 0; i < kRowKeys.size(); ++i) keys |= row.texts[i] ? 1U << i : 0U;
  if (row.messages) keys |= kMessagesRow;
  if (row.ids) keys |= kIdsRow;
  if (row.labels) keys |= row_bit(RowKey::labels);
  const unsigned form = row_form(keys);
  if (form == kPairRow) {
    sink.add_pair(*row[RowKey::prompt], *row[RowKey::completion], where);
  } else if (form == kTextRow) {
    sink.add_text(*row[RowKey::text], where);
  } else if (form == kInstructionRow) {
    sink.add_pair(instruction_prompt(row, where), *row[RowKey::output], where);
  } else if (form == kMessagesRow) {
    sink.add_pieces(options_.chat_template.pieces(*row.messages, where), where);
  } else if (form == kE2eRow) {
    sink.add_pair(e2e_context(*row[RowKey::mr], where), strip_white_space(*row[RowKey::ref]),
                  where);
  } else if (form == kMeaningRow && sink.takes_prompts()) {
    sink.add_prompt(e2e_context(*row[RowKey::mr], where), where);
  } else if (form == kIdsRow) {
    if (row.labels && row.labels->size() != row.ids->size()) {
      fail<FormatError>("data.labels", where, ": expected as many labels as ids, ", row.ids->size(),
                        ", found ", row.labels->size());
    }
    sink.add({.ids = *std::move(row.ids),
              .labels = row.labels ? *std::move(row.labels) : std::vector<int>(),
              .context_length = 0},
             where);
  } else {
    std::string found;
    for (std::size_t i = 0; i < kRowKeys.size(); ++i) {
      if ((keys >> i & 1U) != 0) found += concat(found.empty() ? "" : ", ", kRowKeys[i]);
    }
    fail<FormatError>("data.row", where, ": expected the keys ",
                      columns_.chosen() ? columns_.names() : std::string(kRowForms), "; found ",
                      found.empty() ? "none of them" : found);
  }
}

}  // namespace solo::inline SOLO_ABI::detail
