// SPDX-License-Identifier: MIT
/// @file
/// Runs the solo program as its users do, and looks at exit status, streams and files.
#pragma once

#include <solo/io/json.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/shared.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace solo::test {

/// What a run left.
struct Outcome {
  int status = -1;
  long peak_kib = 0;  ///< of its resident memory
  std::string out;
  std::string err;
  [[nodiscard]] Json json() const { return parse_json(out, "stdout"); }
};

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Bounds of a run: what the contract on bad input allows, and an end to one that hangs. Sanitizers
/// need more address space, and so does Java.
inline bool limit_resources(bool address_space) {
  const auto limit = [](auto resource, rlim_t most) {
    const rlimit bound = {most, most};
    return ::setrlimit(resource, &bound) == 0;
  };
#ifdef SOLO_SANITIZED
  address_space = false;
#endif
  if (address_space && !limit(RLIMIT_AS, rlim_t{4} << 30U)) return false;
  return limit(RLIMIT_STACK, rlim_t{8} << 20U) && limit(RLIMIT_CPU, 120);
}

/// Starts arguments[0], with `input` on stdin; its streams are kept in `folder`.
inline pid_t start_program(const TempDir& folder, std::vector<std::string> arguments,
                           const std::string& input = {}, bool limit_address_space = true) {
  const std::filesystem::path in = folder.path() / "stdin";
  std::ofstream(in) << input;
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto redirect = [](const std::filesystem::path& path, int flags, int target) {
      const int fd = ::open(path.c_str(), flags, 0644);
      return fd >= 0 && ::dup2(fd, target) >= 0;
    };
    const bool ready = limit_resources(limit_address_space) && redirect(in, O_RDONLY, 0) &&
                       redirect(folder.path() / "stdout", O_WRONLY | O_CREAT | O_TRUNC, 1) &&
                       redirect(folder.path() / "stderr", O_WRONLY | O_CREAT | O_TRUNC, 2);
    if (ready) ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return child;
}

/// What the started program has left, at its end.
inline Outcome wait_for_program(const TempDir& folder, pid_t child) {
  int status = 0;
  rusage usage = {};
  ::wait4(child, &status, 0, &usage);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), usage.ru_maxrss,
          slurp(folder.path() / "stdout"), slurp(folder.path() / "stderr")};
}

/// Runs arguments[0] to its end.
inline Outcome run_program(const TempDir& folder, std::vector<std::string> arguments,
                           const std::string& input = {}) {
  return wait_for_program(folder, start_program(folder, std::move(arguments), input));
}

/// Whether the shell finds a program of this name.
inline bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " > /dev/null 2>&1").c_str()) == 0;
}

/// Runs the solo program.
inline Outcome solo_program(const TempDir& folder, std::vector<std::string> arguments,
                            const std::string& input = {}) {
  arguments.insert(arguments.begin(), program()->string());
  return run_program(folder, std::move(arguments), input);
}

/// One `error: …` line on stderr and nothing on stdout.
inline void check_error(const Outcome& o, int status, const std::string& part) {
  INFO("stdout: " << o.out << "\nstderr: " << o.err);
  CHECK(o.status == status);
  CHECK(o.out.empty());
  CHECK(o.err.starts_with("error: "));
  CHECK(std::count(o.err.begin(), o.err.end(), '\n') == 1);
  CHECK(o.err.size() <= 1000);
  CHECK(o.err.find(part) != std::string::npos);
}

inline const std::string kModel = (golden_dir() / "tiny-gpt2").string();
inline const std::string kTokenizer = (golden_dir() / "text" / "tiny-bpe").string();

/// A model folder with tokenizer files.
inline std::string model_with_tokenizer(const TempDir& dir) {
  const std::filesystem::path folder = dir.path() / "model";
  std::filesystem::create_directories(folder);
  for (const std::string& from : {kModel, kTokenizer}) {
    for (const auto& entry : std::filesystem::directory_iterator(from)) {
      std::filesystem::copy(entry.path(), folder / entry.path().filename(),
                            std::filesystem::copy_options::overwrite_existing);
    }
  }
  return folder.string();
}

inline std::string train_file(const TempDir& dir) {
  const std::filesystem::path file = dir.path() / "train.jsonl";
  std::ofstream out(file);
  for (int i = 0; i < 6; ++i) {
    out << R"({"prompt": "name : )" << i << R"(", "completion": "It is )" << i << R"(."})" << '\n';
  }
  return file.string();
}

}  // namespace solo::test

#define SOLO_NEEDS_PROGRAM \
  if (!::solo::test::program()) SOLO_SKIP("this build has no solo program")
