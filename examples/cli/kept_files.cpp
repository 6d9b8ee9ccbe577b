// SPDX-License-Identifier: MIT
#include "kept_files.hpp"

#include <solo/io/file.hpp>
#include <solo/train/result_files.hpp>

#include <system_error>

namespace solo::cli {
namespace {

namespace fs = std::filesystem;

/// Whether the folder writes a file of this path.
bool writes(const WrittenFolder& folder, const fs::path& path) {
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return same_file(parent, folder.path) && folder.writes(path.filename().native());
}

void refuse(const ReadPath& read, const fs::path& file) {
  throw UsageError(concat(read.option, ": ", display_name(file),
                          " is a file that this command writes in its output folder, and would be "
                          "lost: move it elsewhere, or take another --output"));
}

/// A model's name for its tensors, or a part of them.
bool is_model_name(const std::string& name) {
  return is_result_name(name) || name.ends_with(".safetensors.index.json") ||
         (name.starts_with("model-") && name.ends_with(".safetensors"));
}

}  // namespace

void add_read(ReadPaths& paths, const std::string& option, const std::vector<fs::path>& more) {
  for (const fs::path& path : more) paths.push_back({option, path});
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code error;
  if (fs::equivalent(a, b, error)) return true;
  const auto normal = [&error](const fs::path& path) {
    const fs::path full = fs::weakly_canonical(fs::absolute(path, error), error);
    return full.has_filename() ? full : full.parent_path();  // "out/." of no folder is "out/"
  };
  const fs::path left = normal(a);
  return !error && left == normal(b) && !error;
}

void require_kept(const WrittenFolder& folder, const ReadPaths& read) {
  std::error_code error;
  for (const ReadPath& input : read) {
    if (input.path.empty()) continue;
    if (fs::is_directory(input.path, error)) {
      for (fs::directory_iterator at(input.path, error), end; !error && at != end;
           at.increment(error)) {
        std::error_code ignored;
        const fs::path file = fs::canonical(at->path(), ignored);
        if (!ignored && at->is_symlink(ignored) && writes(folder, file)) refuse(input, at->path());
      }
      continue;
    }
    if (writes(folder, input.path)) refuse(input, input.path);
    const fs::path file = fs::canonical(input.path, error);
    if (!error && writes(folder, file)) refuse(input, input.path);
  }
}

void require_kept(const ReadPath& written, const ReadPaths& read) {
  if (written.path.empty()) return;
  std::error_code error;
  const std::string name = written.path.filename().string();
  if (is_model_name(name) && fs::exists(written.path, error)) {
    throw UsageError(concat(written.option, ": ", display_name(written.path),
                            " is there and named as a file of a model, an adapter or a run, which "
                            "would be lost: take another name"));
  }
  for (const ReadPath& input : read) {
    if (input.path.empty()) continue;
    bool same = same_file(written.path, input.path);
    if (fs::is_directory(input.path, error)) {
      const fs::path inside = input.path / name;
      same = is_model_name(name) && same_file(written.path, inside);
      for (fs::directory_iterator at(input.path, error), end; !error && !same && at != end;
           at.increment(error)) {
        same = is_model_name(at->path().filename().string()) && same_file(written.path, at->path());
      }
    }
    if (!same) continue;
    throw UsageError(concat(written.option, ": ", display_name(written.path), " is what ",
                            input.option,
                            " names or a file of it, which would be lost: take "
                            "another file"));
  }
}

}  // namespace solo::cli
