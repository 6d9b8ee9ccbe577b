// SPDX-License-Identifier: MIT
/// @file
/// Training of byte-level byte-pair encoding.
#pragma once

#include <solo/text/tokenizer.hpp>
#include <solo/text/word_counts.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace solo::inline SOLO_ABI {

/// What train_tokenizer makes.
struct TokenizerTrainOptions {
  int vocab_size = 50257;          ///< 256 bytes, the merges' results, and `<|endoftext|>`
  std::int64_t min_frequency = 2;  ///< a pair that occurs less often is not merged
};

/// A tokenizer with GPT-2's order of ids: the 256 bytes, then the merges' results, `<|endoftext|>`
/// last. It has fewer than vocab_size tokens when the text has no more pairs of min_frequency.
///
/// Again and again the pair of tokens that occurs most often within words is merged; of equally
/// frequent ones that with the lowest ids. These are the merges of Hugging Face's BpeTrainer
/// (tokenizers 0.23) with ByteLevel.alphabet() as initial alphabet, which gives `<|endoftext|>` the
/// id 0 and so shifts all others; its counts overflow at 2^31, ours at 2^63. The result depends on
/// the counts only. Throws ConfigError "tokenizer.train" for options out of range.
[[nodiscard]] Tokenizer train_tokenizer(const WordCounts& words,
                                        const TokenizerTrainOptions& options = {});
/// Trains on texts; no word reaches from one into the next.
[[nodiscard]] Tokenizer train_tokenizer(std::span<const std::string> texts,
                                        const TokenizerTrainOptions& options = {});

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/bpe_trainer.ipp>  // IWYU pragma: keep
#endif
