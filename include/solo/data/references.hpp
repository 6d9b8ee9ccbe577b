// SPDX-License-Identifier: MIT
/// @file
/// What generated texts are compared with: the references of each context, and how a text is
/// cleaned before that.
#pragma once

#include <solo/data/dataset_options.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A context and all texts that are right for it.
struct ReferenceGroup {
  std::string context;                       ///< as a model is given it, without the separator
  std::vector<std::string> references = {};  ///< without white space at both ends
};

/// The groups of equal contexts of a data file, in order of first appearance; references in the
/// order of the file. A file of meanings alone (E2E's testset.csv, one column "MR") gives groups
/// without references. Throws as Dataset's readers, FormatError "data.row" for a row of text or ids
/// without a prompt and for a file without rows.
[[nodiscard]] std::vector<ReferenceGroup> read_reference_groups(
    const std::filesystem::path& path, DataFormat format = DataFormat::automatic);

/// A generated text as it is scored (e2e.md 3.3): what stands before the first `<|endoftext|>`, of
/// that what stands before the first empty line ("\n\n"), without white space at both ends.
[[nodiscard]] std::string clean_prediction(std::string_view text);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/references.ipp>  // IWYU pragma: keep
#endif
