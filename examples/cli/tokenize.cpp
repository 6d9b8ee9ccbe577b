// SPDX-License-Identifier: MIT
// solo tokenize: text to ids and back, JSON lines.
#include <solo/text/lines.hpp>
#include <solo/text/tokenizer.hpp>

#include "program.hpp"

#include <limits>
#include <memory>

namespace solo::cli {
namespace {

struct TokenizeArguments {
  std::filesystem::path tokenizer;
  bool decode = false;
  bool no_special = false;
  bool no_added = false;
};

/// Any id that fits is taken: those that are no token's have no text.
constexpr Index kIdsEnd = std::numeric_limits<int>::max();

void run_tokenize(const TokenizeArguments& options) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(options.tokenizer);
  warn_of(tokenizer);
  LineReader lines = LineReader::standard_input();
  std::string_view line;
  while (lines.next_record(line)) {
    const Json value = parse_json(line, lines.where());
    if (options.decode) {
      const std::vector<int> ids = read_ids(lines.where(), value, kIdsEnd);
      print_line(Json(to_utf8_lossy(tokenizer.decode(ids))));
    } else {
      if (!value.is_string()) {
        fail<FormatError>("json.type", lines.where(), ": expected a string, found a JSON ",
                          value.type_name());
      }
      print_line(Json(tokenizer.encode(
          value.get_ref<const std::string&>(),
          {.special_tokens = !options.no_special, .add_special_tokens = !options.no_added})));
    }
  }
}

}  // namespace

Command add_tokenize(CLI::App& program, Common& common) {
  const auto options = std::make_shared<TokenizeArguments>();
  CLI::App& app = add_subcommand(program, common, "tokenize",
                                 "text to token ids, JSON lines from stdin to stdout");
  add_path(app, "--tokenizer", options->tokenizer,
           "folder with tokenizer.json, or vocab.json and merges.txt")
      ->required();
  app.add_flag("--decode", options->decode, "ids to text");
  app.add_flag("--no-special", options->no_special,
               "special and added tokens in a text are ordinary text");
  app.add_flag("--no-add-special-tokens", options->no_added,
               "without what the folder puts around a text (add_bos_token, a template)");
  return {&app, [options] { run_tokenize(*options); }};
}

}  // namespace solo::cli
