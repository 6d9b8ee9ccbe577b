// SPDX-License-Identifier: MIT
/// @file
/// How text and ids become a data set.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>
#include <solo/data/chat_template.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// What a data file holds.
enum class DataFormat {
  automatic,  ///< by the extension: .jsonl, .json, .csv, .tsv or .txt
  jsonl,      ///< an object a line: a row
  csv,        ///< a header, then rows; E2E's has the columns mr and ref
  txt,        ///< the LoRA paper's context||completion lines
  tsv,        ///< as csv, with tabs
  json,       ///< one list of objects; also what jsonl is
  text,       ///< plain text as one example, in windows of n_positions tokens if that is not 0
};

/// Which columns of a file are read, as {"prompt", "question"}: the name here, the name in the
/// file. All others are then ignored. The names are prompt and completion; text; messages;
/// instruction, input and output; input_ids and labels; mr and ref (E2E's).
using DataColumns = std::map<std::string, std::string, std::less<>>;

/// What stands between prompt and completion.
enum class Separator {
  /// BPE(prompt) + eos + BPE(completion, a space in front if it has none) + eos; the space is not
  /// put in front of nothing: an empty completion is the last eos alone.
  eos,
  none,  ///< BPE(prompt) + BPE(completion) + eos, TRL's way
};

/// The name of a DataFormat; ConfigError "data.options" for anything else.
[[nodiscard]] inline DataFormat parse_data_format(std::string_view name) {
  if (name == "automatic") return DataFormat::automatic;
  if (name == "jsonl") return DataFormat::jsonl;
  if (name == "csv") return DataFormat::csv;
  if (name == "txt") return DataFormat::txt;
  if (name == "tsv") return DataFormat::tsv;
  if (name == "json") return DataFormat::json;
  if (name == "text") return DataFormat::text;
  fail<ConfigError>("data.options",
                    "format: expected jsonl, json, csv, tsv, txt, text or automatic, found ",
                    quoted(name));
}

/// "eos" or "none"; ConfigError "data.options" for anything else.
[[nodiscard]] inline Separator parse_separator(std::string_view name) {
  if (name == "eos") return Separator::eos;
  if (name == "none") return Separator::none;
  fail<ConfigError>("data.options", "separator: expected eos or none, found ", quoted(name));
}

/// How a Dataset is made.
struct DatasetOptions {
  DataFormat format = DataFormat::automatic;
  Separator separator = Separator::eos;
  /// The eos of texts and of Separator, as EndTokens::write has it; -1: the tokenizer's own.
  int eos_token_id = -1;
  /// Whether special and added tokens written in a text are these tokens, as tokenizer(text) of
  /// transformers has it, or ordinary text.
  bool special_tokens = true;
  bool completion_only = true;      ///< no label on prompt and separator
  Index max_length = 0;             ///< if not 0: longer sequences are cut to it (see truncated())
  Index n_positions = 0;            ///< if not 0: longer sequences (after cutting) are errors
  Index vocab_size = 0;             ///< if not 0: ids and labels that are not below it are errors
  bool allow_fifo = false;          ///< for a command's --input only
  DataColumns columns = {};         ///< if not empty: the columns that are read
  ChatTemplate chat_template = {};  ///< how messages become a text
  /// How instruction and input become a prompt: "alpaca", or a text with {instruction} and {input}.
  std::string instruction_template = "alpaca";
};

}  // namespace solo::inline SOLO_ABI
