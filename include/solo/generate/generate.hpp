// SPDX-License-Identifier: MIT
/// @file
/// Text generation with a key/value cache: greedy decoding, sampling, beams. Semantics and names
/// are those of transformers' generate, or of the LoRA paper's beam search.
#pragma once

#include <solo/generate/beam_ranking.hpp>
#include <solo/generate/beam_search.hpp>
#include <solo/generate/generated_sequence.hpp>
#include <solo/generate/logits_processors.hpp>
#include <solo/generate/logits_warpers.hpp>
#include <solo/generate/lora_beam_search.hpp>
#include <solo/generate/options.hpp>
#include <solo/generate/sampling.hpp>
#include <solo/generate/search.hpp>
#include <solo/generate/stop_rule.hpp>
#include <solo/generate/text_stream.hpp>
#include <solo/generate/token_scores.hpp>
#include <solo/generate/token_search.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What follows every prompt, and why it ends there: num_return_sequences results a prompt, one
/// prompt after the other, the best first. Throws ShapeError ("sequence.empty", "sequence.length",
/// "ids.range") for a prompt that is empty, too long or has ids beyond the vocabulary, ConfigError
/// for options out of range or that exclude each other (see detail::decoding_rules),
/// "generate.length" if max_length leaves a prompt no new token, NumericError ("numeric.logits") if
/// a logit is NaN. While it runs the model's adapters are held (GPT2::hold_adapters).
template <Scalar T>
[[nodiscard]] std::vector<GeneratedSequence> generate_sequences(
    const GPT2<T>& model, std::span<const std::vector<int>> prompts,
    const GenerateOptions& options = {});

/// The ids of generate_sequences().
template <Scalar T>
[[nodiscard]] std::vector<std::vector<int>> generate_ids(const GPT2<T>& model,
                                                         std::span<const std::vector<int>> prompts,
                                                         const GenerateOptions& options = {});

/// New tokens as text: without a final eos token, and with U+FFFD for bytes that are no UTF-8.
template <Scalar T>
[[nodiscard]] std::string output_text(const GPT2<T>& model, const Tokenizer& tokenizer,
                                      std::vector<int> ids, const GenerateOptions& options = {});

/// The text that follows `prompt`, as output_text has it; the best one if the options ask for
/// several sequences.
template <Scalar T>
[[nodiscard]] std::string generate(const GPT2<T>& model, const Tokenizer& tokenizer,
                                   std::string_view prompt, const GenerateOptions& options = {});

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/generate/generate.ipp>  // IWYU pragma: keep
#endif
