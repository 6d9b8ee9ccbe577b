// SPDX-License-Identifier: MIT
// The `solo` program: fine-tune, generate, score and look at GPT-2 models and adapters.
#include <solo/io/file.hpp>

#include "help.hpp"
#include "process.hpp"
#include "program.hpp"
#include "stop_signals.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>

namespace solo::cli {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

/// One line on stderr, whatever the message holds.
void report(std::string_view message) {
  std::string line = "error: ";
  for (const char c : message.substr(0, 990)) line += c == '\n' || c == '\r' ? ' ' : c;
  std::cerr << line << '\n';
}

/// A message about a value that an option gave, under the option's name: the library's begin with
/// the name of the field.
std::string with_option_name(const CLI::App& command, const Error& error) {
  std::string message = error.what();
  const std::size_t end = message.find(": ");
  if (error.id() != "config.range" || end == std::string::npos) return message;
  std::string option = "--" + message.substr(0, end);
  std::replace(option.begin(), option.end(), '_', '-');
  constexpr std::array<std::array<std::string_view, 2>, 3> kOtherNames = {
      {{"--r", "--rank"}, {"--lora-alpha", "--alpha"}, {"--lora-dropout", "--dropout"}}};
  for (const auto& [field, name] : kOtherNames) {
    if (option == field) option = name;
  }
  const CLI::Option* given = command.get_option_no_throw(option);
  return given != nullptr && given->count() > 0 ? option + message.substr(end) : message;
}

int run_command(const std::vector<Command>& commands) {
  const CLI::App* running = nullptr;
  try {
    for (const Command& command : commands) {
      if (!command.app->parsed()) continue;
      running = command.app;
      command.run();
      std::cout.flush();
      if (!std::cout) fail<IoError>("io.write", "stdout: cannot write");
      return 0;
    }
    return kUsage;  // CLI11 requires a command
  } catch (const Stopped& stopped) {
    std::cout.flush();
    return 128 + stopped.signal;
  } catch (const UsageError& e) {
    report(e.what());
    return kUsage;
  } catch (const std::bad_alloc&) {
    report("out of memory");
  } catch (const Error& e) {
    report(with_option_name(*running, e));
  } catch (const std::exception& e) {
    report(e.what());
  }
  return kFailure;
}

/// What is wrong with the command line. CLI11 looks for missing options before unknown ones, but it
/// is the unknown one that tells what went wrong.
std::string usage_message(const CLI::App& program, const CLI::ParseError& e) {
  const std::vector<std::string> unknown = program.remaining(true);
  if (dynamic_cast<const CLI::RequiredError*>(&e) == nullptr || unknown.empty()) {
    return printable(e.what(), 900);
  }
  return concat("unknown command, option or argument ", quoted(unknown.front()));
}

int run_program(int argc, char** argv) {
  CLI::App program{"Fine-tunes GPT-2 on a CPU with SoloConnection, LoRA and other adapters",
                   "solo"};
  program.formatter(std::make_shared<HelpFormatter>());
  program.get_help_ptr()->description("print this help");
  program.footer(examples_of(""));
  program.require_subcommand(1);
  program.set_version_flag("--version", SOLO_VERSION_STRING, "print the version");
  Common common;
  common.command.assign(argv, argv + argc);
  std::vector<Command> commands;
  for (const auto add : {add_train, add_pretrain, add_generate, add_score, add_tokenize,
                         add_tokenizer_train, add_evaluate, add_compare, add_merge, add_params,
                         add_inspect, add_doctor, add_completion}) {
    commands.push_back(add(program, common));
    finish_options(*commands.back().app);
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    program.exit(e);
    std::cout.flush();
    if (std::cout) return 0;
    report("stdout: cannot write");
    return kFailure;
  } catch (const CLI::ParseError& e) {
    report(usage_message(program, e));
    return kUsage;
  } catch (const Error& e) {  // in the file of --config
    report(e.what());
    return kFailure;
  }
  return run_command(commands);
}

}  // namespace
}  // namespace solo::cli

int main(int argc, char** argv) {
  if (!solo::cli::prepare_process()) return solo::cli::kFailure;
  std::ios::sync_with_stdio(false);
  return solo::cli::run_program(argc, argv);
}
