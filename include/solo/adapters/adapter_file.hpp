// SPDX-License-Identifier: MIT
/// @file
/// Adapter folders: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <solo/adapters/adapter_tensor.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/hooks.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// The folder's peft_type. Throws IoError, FormatError ("json.…") and, if there is none as in the
/// files of the adapters library, FormatError ("adapter.format").
[[nodiscard]] std::string read_peft_type(const std::filesystem::path& folder);

/// The adapter that a folder holds. The tensors must be exactly those that the configuration means
/// for this model. Throws IoError; FormatError ("json.…", "safetensors.…", "adapter.format",
/// "adapter.tensors" for missing or unexpected ones); ShapeError ("adapter.shape"); NumericError
/// ("numeric.nonfinite"); ConfigError for a configuration that is no good, or not on this model.
/// Nothing of a tensor's size is allocated before the shapes were checked.
template <Scalar T>
[[nodiscard]] std::unique_ptr<Adapter<T>> read_adapter(const std::filesystem::path& folder,
                                                       const GPT2<T>& model);

/// How many tokens `base` must have for the adapter in a folder: more than it has when the adapter
/// was made for a resized base and holds every row beyond (tables, or rows of
/// trainable_token_indices).
[[nodiscard]] Index adapter_vocab_size(const std::filesystem::path& folder, const GPT2Config& base);

/// The names of an adapter file's tensors, `prefix` taken away where they have it.
[[nodiscard]] std::vector<std::string> adapter_tensor_names(const std::filesystem::path& folder,
                                                            std::string_view prefix);

/// Reads the tensors of a folder into an adapter of one's own kind, whose parameters they must be.
/// Throws as read_adapter.
template <Scalar T>
void read_adapter_tensors(const std::filesystem::path& folder, Adapter<T>& adapter);

/// Adds the folder's two files; `base_model` is where the base is from (empty: null in the file).
/// The tensors' metadata say what configuration they were saved with, so that another one is
/// refused, and `metadata`. Throws IoError, or NumericError naming a tensor that is not finite.
template <Scalar T>
void write_adapter(AtomicFolder& files, Adapter<T>& adapter, std::string_view base_model,
                   const std::map<std::string, std::string>& metadata = {});

/// The metadata of a folder's tensors. Throws as SafetensorsFile::open.
[[nodiscard]] std::map<std::string, std::string> read_adapter_metadata(
    const std::filesystem::path& folder);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/adapter_file.ipp>  // IWYU pragma: keep
#endif
