// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/system_calls.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/train/result_files.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <unistd.h>

namespace solo::inline SOLO_ABI {

SOLO_INLINE bool is_result_name(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 11> kNames = {
      "adapter_config.json", "adapter_model.safetensors",
      "config.json",         "generation_config.json",
      "links.jsonl",         "log.jsonl",
      "model.safetensors",   "report.md",
      "trainer_state.json",  "training_args.json",
      ".solo-lock"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || is_tokenizer_file(name) ||
         (name.starts_with("checkpoint-") && name.ends_with(".safetensors"));
}

SOLO_INLINE void require_replaceable(const std::filesystem::path& folder,
                                     const std::function<bool(std::string_view)>& writes) {
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    const int code = errno;
    fail<IoError>("io.create", display_name(folder),
                  ": cannot make files in the folder: ", detail::system_message(code));
  }
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    const std::filesystem::file_status status = at->status(ignored);
    if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) continue;
    if (!writes(at->path().filename().native())) continue;
    fail<IoError>("io.not_regular", display_name(at->path()), ": expected a file or none, found ",
                  std::filesystem::is_directory(status) ? "a directory" : "something else",
                  ": the result could not be saved; move it away or take another output folder");
  }
}

namespace detail {

/// Empty when that fails too: it is the first error that tells what is wrong.
[[nodiscard]] SOLO_INLINE std::filesystem::path try_to_keep(
    const std::function<std::filesystem::path()>& keep) {
  try {
    return keep();
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace detail

SOLO_INLINE void save_or_keep(const std::function<void()>& save,
                              const std::function<std::filesystem::path()>& keep) {
  try {
    save();
  } catch (const IoError& error) {
    const std::filesystem::path kept = detail::try_to_keep(keep);
    if (kept.empty()) throw;
    throw IoError(error.id(), concat(error.what(), "; what was trained is in ", display_name(kept),
                                     ": mend that and resume, which saves the result"));
  } catch (...) {
    static_cast<void>(detail::try_to_keep(keep));
    throw;
  }
}

}  // namespace solo::inline SOLO_ABI
