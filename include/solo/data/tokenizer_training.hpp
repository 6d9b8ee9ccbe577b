// SPDX-License-Identifier: MIT
/// @file
/// Training of a tokenizer on data files.
#pragma once

#include <solo/data/dataset_options.hpp>
#include <solo/text/bpe_trainer.hpp>

#include <filesystem>
#include <span>

namespace solo::inline SOLO_ABI {

/// Counts the words of a data file as Dataset would encode them: the prompts, completions (with a
/// space in front if they have none), texts and conversations of a .jsonl, .json, .csv or .tsv
/// file. Every other file is plain text, read as WordCounts::add_file does. Of the options those
/// count that say how rows become text. Throws as Dataset's readers, and FormatError "data.row" for
/// a row of ids.
void count_words(const std::filesystem::path& path, WordCounts& words, DatasetOptions options = {});

/// train_tokenizer on the words of all these files.
[[nodiscard]] Tokenizer train_tokenizer_on_files(std::span<const std::filesystem::path> paths,
                                                 const TokenizerTrainOptions& options = {},
                                                 const DatasetOptions& reading = {});

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/tokenizer_training.ipp>  // IWYU pragma: keep
#endif
