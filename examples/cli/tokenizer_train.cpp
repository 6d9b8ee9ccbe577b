// SPDX-License-Identifier: MIT
// solo tokenizer-train: byte-level BPE learned from data files.
#include <solo/data/tokenizer_training.hpp>
#include <solo/io/folder_lock.hpp>
#include <solo/train/result_files.hpp>

#include "data_options.hpp"
#include "kept_files.hpp"
#include "program.hpp"

#include <memory>

namespace solo::cli {
namespace {

struct TokenizerTrainArguments {
  std::vector<std::filesystem::path> inputs;
  std::filesystem::path output;
  TokenizerTrainOptions training;
  DataOptions data;
};

void run_tokenizer_train(const TokenizerTrainArguments& options, const Common& common) {
  require_folder(options.output);
  ReadPaths read = {{"--chat-template", options.data.chat_template}, {"--config", common.config}};
  add_read(read, "--input", options.inputs);
  require_kept({.path = options.output, .writes = is_tokenizer_file}, read);
  const FolderLock lock(options.output);
  require_replaceable(options.output, is_tokenizer_file);
  const Tokenizer tokenizer =
      train_tokenizer_on_files(options.inputs, options.training, options.data.options());
  if (tokenizer.vocab_size() < options.training.vocab_size) {
    warn(concat("the text has pairs for ", tokenizer.vocab_size(), " tokens only, not ",
                options.training.vocab_size));
  }
  tokenizer.save_pretrained(options.output);
  if (common.json) {
    print_line({{"vocab_size", tokenizer.vocab_size()},
                {"eos_token_id", tokenizer.eos_token_id()},
                {"output", options.output.string()}});
  } else {
    print(concat(tokenizer.vocab_size(), " tokens; saved to ", display_name(options.output), '\n'));
  }
}

}  // namespace

Command add_tokenizer_train(CLI::App& program, Common& common) {
  const auto o = std::make_shared<TokenizerTrainArguments>();
  CLI::App& app = add_subcommand(program, common, "tokenizer-train",
                                 "learns a byte-level BPE tokenizer from text");
  add_paths(app, "--input", o->inputs,
            "data files: .jsonl, .json, .csv and .tsv as train reads them, all others plain text")
      ->required();
  app.add_option("--vocab-size", o->training.vocab_size, "tokens: 256 bytes, merges, <|endoftext|>")
      ->required();
  add_path(app, "--output", o->output, "folder for vocab.json and merges.txt")->required();
  app.add_option("--min-frequency", o->training.min_frequency,
                 "merge no pair that occurs less often")
      ->capture_default_str();
  o->data.add_rows(app);
  return {&app, [o, &common] { run_tokenizer_train(*o, common); }};
}

}  // namespace solo::cli
