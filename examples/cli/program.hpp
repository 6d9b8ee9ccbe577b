// SPDX-License-Identifier: MIT
/// @file
/// What the commands of the `solo` program share: options, results, errors.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>
#include <solo/io/json.hpp>
#include <solo/text/tokenizer.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::cli {

/// Options of every command.
struct Common {
  bool json = false;
  bool quiet = false;
  int threads = 0;
  std::vector<std::string> command = {};  ///< the program and its arguments
  std::filesystem::path config = {};      ///< the file of --config
};

/// A wrong command line that CLI11 cannot see; exit status 2.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A command of the program: its options in CLI11, and what it does.
struct Command {
  CLI::App* app = nullptr;
  std::function<void()> run = {};
  /// Throws what run() would say about the parsed options alone; for commands that others run.
  std::function<void()> check = {};
};

/// Adds a subcommand with the common options and --config. Every option may be given once.
CLI::App& add_subcommand(CLI::App& program, Common& common, const std::string& name,
                         const std::string& description);
/// To be called once the command has all its options: a flag is given once, and numbers are plain
/// ones (check_values).
void finish_options(CLI::App& command);
/// A check that refuses the empty path as value of the option `name`.
std::function<std::string(const std::string&)> not_empty(const std::string& name);
/// A path option; the empty path is a usage error.
CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& value,
                      const std::string& description);
/// An option that takes one or more paths; an empty one is a usage error.
CLI::Option* add_paths(CLI::App& app, const std::string& name,
                       std::vector<std::filesystem::path>& values, const std::string& description);
/// IoError "io.directory" when something else than a folder has this path.
void require_folder(const std::filesystem::path& path);
/// What a command writes.
enum class FolderContent { model, adapter };
/// ConfigError "model.adapter" when --output holds the other: transformers applies an adapter that
/// lies beside a model, so that the two may not share a folder.
void require_folder_for(FolderContent content, const std::filesystem::path& output);

/// --seed.
CLI::Option* add_seed(CLI::App& app, std::uint64_t& value, const std::string& description);

/// Writes to stdout; IoError if that fails.
void print(std::string_view text);
/// One line of JSON on stdout.
void print_line(const Json& value);
/// The number, or null.
inline Json or_null(const std::optional<double>& x) {
  return x ? Json(*x) : Json(nullptr);
}
/// A line on stderr that begins with "warning: ".
void warn(std::string_view text);
/// Warns of what a tokenizer's folder says that a user should know of.
void warn_of(const Tokenizer& tokenizer);
void warn_of(const std::optional<Tokenizer>& tokenizer);
/// Warns of empty texts among those that are scored: they count as e2e-metrics counts them, which
/// can raise a score.
void warn_of_empty_texts(const std::filesystem::path& file,
                         const std::vector<std::string>& hypotheses);
/// Words as a shell reads them, quoted where need be.
std::string shell_words(const std::vector<std::string>& words);

/// A JSON list of token ids below vocab_size; FormatError, beginning with `where`, for another
/// value.
std::vector<int> read_ids(const std::string& where, const Json& value, Index vocab_size);

/// Whether a list "a,b,c" has an empty item, as an empty text has.
bool has_empty_item(std::string_view text);
/// Splits "a,b,c"; UsageError for an empty item.
std::vector<std::string> split_list(const std::string& option, std::string_view text);

Command add_train(CLI::App& program, Common& common);
Command add_pretrain(CLI::App& program, Common& common);
Command add_generate(CLI::App& program, Common& common);
Command add_score(CLI::App& program, Common& common);
Command add_tokenize(CLI::App& program, Common& common);
Command add_tokenizer_train(CLI::App& program, Common& common);
Command add_merge(CLI::App& program, Common& common);
Command add_params(CLI::App& program, Common& common);
Command add_inspect(CLI::App& program, Common& common);
Command add_compare(CLI::App& program, Common& common);
Command add_evaluate(CLI::App& program, Common& common);
Command add_doctor(CLI::App& program, Common& common);
Command add_completion(CLI::App& program, Common& common);

}  // namespace solo::cli
