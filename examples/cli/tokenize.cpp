// SPDX-License-Identifier: MIT
// solo tokenize: text to ids and back, JSON lines.
#include <solo/text/lines.hpp>
#include <solo/text/tokenizer.hpp>

#include "program.hpp"

#include <memory>

namespace solo::cli {
namespace {

struct Options {
  std::filesystem::path tokenizer;
  bool decode = false;
  bool no_special = false;
};

[[noreturn]] void refuse(const LineReader& lines, std::string_view expected, const Json& found) {
  fail<FormatError>("tokenize.line", lines.where(), ": expected ", expected, ", found a JSON ",
                    found.type_name());
}

std::vector<int> read_ids(const LineReader& lines, const Json& value, int vocab_size) {
  if (!value.is_array()) refuse(lines, "a list of ids", value);
  std::vector<int> ids;
  for (const Json& item : value) {
    if (!item.is_number_unsigned()) refuse(lines, "token ids (non-negative integers)", item);
    const auto id = item.get<std::uint64_t>();
    if (id >= static_cast<std::uint64_t>(vocab_size)) {
      fail<FormatError>("ids.range", lines.where(), ": id ", id,
                        " is not below the vocabulary size ", vocab_size);
    }
    ids.push_back(static_cast<int>(id));
  }
  return ids;
}

void run(const Options& options) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(options.tokenizer);
  LineReader lines = LineReader::standard_input();
  std::string_view line;
  while (lines.next_record(line)) {
    const Json value = parse_json(line, lines.where());
    if (options.decode) {
      const std::vector<int> ids = read_ids(lines, value, tokenizer.vocab_size());
      print_line(Json(to_utf8_lossy(tokenizer.decode(ids))));
    } else {
      if (!value.is_string()) refuse(lines, "a string", value);
      print_line(Json(tokenizer.encode(value.get_ref<const std::string&>(),
                                       {.special_tokens = !options.no_special})));
    }
  }
}

}  // namespace

Command add_tokenize(CLI::App& program, Common& common) {
  const auto options = std::make_shared<Options>();
  CLI::App& app = add_subcommand(program, common, "tokenize",
                                 "text to token ids, JSON lines from stdin to stdout");
  add_path(app, "--tokenizer", options->tokenizer,
           "folder with vocab.json and merges.txt, or tokenizer.json")
      ->required();
  app.add_flag("--decode", options->decode, "ids to text");
  app.add_flag("--no-special", options->no_special, "<|endoftext|> in a text is ordinary text");
  return {&app, [options] { run(*options); }};
}

}  // namespace solo::cli
