// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/foreign_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

inline constexpr std::string_view kLfsPointer = "version https://git-lfs.github.com/spec/";

SOLO_INLINE bool is_lfs_pointer(std::string_view beginning) noexcept {
  return beginning.starts_with(kLfsPointer);
}

SOLO_INLINE std::string_view foreign_format(std::string_view beginning) noexcept {
  struct Signature {
    std::string_view bytes;
    std::string_view what;
  };
  static constexpr std::array kSignatures = {
      Signature{kLfsPointer, "a Git LFS pointer, not the file itself: fetch it with git lfs pull"},
      Signature{"PK\x03\x04", "a zip archive, as PyTorch's own files are: save it as safetensors"},
      Signature{"\x80\x02", "a Python pickle, as old PyTorch files are: save it as safetensors"},
      Signature{"\x89HDF", "an HDF5 file, as TensorFlow's are: save it as safetensors"},
      Signature{"GGUF", "a GGUF file: give the Hugging Face folder that it was made from"},
      Signature{"\x1F\x8B", "a gzip file: unpack it"},
  };
  for (const Signature& signature : kSignatures) {
    if (beginning.starts_with(signature.bytes)) return signature.what;
  }
  const std::size_t text = beginning.find_first_not_of("\xEF\xBB\xBF \t\r\n");
  if (text == std::string_view::npos) return {};
  beginning.remove_prefix(text);
  const auto begins = [&](std::string_view word) {
    return beginning.size() >= word.size() &&
           std::equal(word.begin(), word.end(), beginning.begin(), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
  };
  if (begins("<!doctype") || begins("<html") || begins("<?xml")) {
    return "a web page, not the file itself: download the file (on the hub: resolve, not blob)";
  }
  return {};
}

/// The file's first bytes.
[[nodiscard]] SOLO_INLINE std::string beginning_of(const InputFile& file) {
  constexpr std::uint64_t kBytes = 64;
  std::string bytes(static_cast<std::size_t>(std::min(kBytes, file.size())), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

SOLO_INLINE void refuse_foreign(const InputFile& file) {
  const std::string_view what = foreign_format(beginning_of(file));
  if (!what.empty()) fail<FormatError>("io.foreign", file.name(), ": is ", what);
}

SOLO_INLINE void refuse_lfs_pointer(const InputFile& file) {
  const std::string beginning = beginning_of(file);
  if (!is_lfs_pointer(beginning)) return;
  fail<FormatError>("io.foreign", file.name(), ": is ", foreign_format(beginning));
}

/// What the Trainer of transformers leaves beside weights.
[[nodiscard]] SOLO_INLINE bool belongs_to_a_trainer(std::string_view name) {
  return name.starts_with("training_args") || name.starts_with("optimizer") ||
         name.starts_with("scheduler") || name.starts_with("scaler") ||
         name.starts_with("rng_state");
}

SOLO_INLINE std::string found_instead(const std::filesystem::path& folder, FolderKind expected) {
  std::error_code error;
  const auto holds = [&](std::string_view name) {
    return std::filesystem::exists(folder / name, error);
  };
  if (!std::filesystem::is_directory(folder, error)) return {};
  const bool adapter = holds("adapter_config.json");
  const bool model = holds("config.json");
  if (expected == FolderKind::model && adapter && !model) {
    return "; found adapter_config.json: the folder is an adapter's; give it as the adapter, and "
           "its base as the model";
  }
  if (expected == FolderKind::adapter && model && !adapter) {
    return "; found config.json: the folder is a model's, not an adapter's";
  }
  constexpr std::size_t kMostEntries = 10'000;
  std::vector<std::string> weights;
  std::filesystem::directory_iterator entry(folder, error);
  for (std::size_t i = 0;
       !error && entry != std::filesystem::directory_iterator() && i < kMostEntries;
       ++i, entry.increment(error)) {
    for (const std::string_view end :
         {".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf", ".onnx", ".npz"}) {
      const std::string name = entry->path().filename().string();
      if (name.ends_with(end) && !belongs_to_a_trainer(name)) weights.push_back(name);
    }
  }
  if (!weights.empty()) {
    std::sort(weights.begin(), weights.end());
    return concat("; found ", name_list(weights),
                  ", which is not read: load it with transformers or peft and save it again with "
                  "save_pretrained, as safetensors");
  }
  return {};
}

SOLO_INLINE std::string name_list(std::span<const std::string> names) {
  constexpr std::size_t kMost = 240;
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string next = quoted(std::string_view(names[i]));
    if (i > 0 && text.size() + next.size() > kMost) {
      return concat(text, " and ", names.size() - i, " more");
    }
    text += concat(i == 0 ? "" : ", ", next);
  }
  return text;
}

}  // namespace solo::inline SOLO_ABI::detail
