// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/text/bpe_trainer.hpp>
#include <solo/text/byte_symbols.hpp>
#include <solo/text/tokenizer_files.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Learns merges from counted words. A pair enters the queue once, right after the merge that made
/// the newer of its tokens; from then on its count only falls, so the queue holds upper bounds,
/// which are looked up again when they come to the top.
///
/// No two merges make the same token: whether two neighbours of a run of bytes were merged depends
/// on that run alone as long as both its ends are ends of tokens (a row of equal tokens is paired
/// from its left), so all such runs become one token by the same merge.
class BpeTrainer {
 public:
  explicit BpeTrainer(const WordCounts& words);
  /// Merges until there are `tokens` tokens, or no pair occurs min_frequency times.
  void run(int tokens, std::int64_t min_frequency);
  /// The tokenizer learned, with `<|endoftext|>` as its last token.
  [[nodiscard]] TokenizerParts take_parts();

 private:
  using Pair = std::uint64_t;  // left id in the upper half: compares as (left, right)

  struct Word {
    std::size_t begin = 0;  // in symbols_
    std::size_t length = 0;
    std::int64_t count = 0;
  };
  struct PairHash {
    std::size_t operator()(Pair pair) const noexcept {
      const std::uint64_t mixed = (pair ^ (pair >> 29U)) * 0x9E3779B97F4A7C15U;
      return static_cast<std::size_t>(mixed ^ (mixed >> 32U));
    }
  };
  struct PairState {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words = {};  // that hold the pair, until enqueue()
  };
  struct Candidate {
    std::int64_t count = 0;
    Pair pair = 0;
    std::vector<std::uint32_t> words = {};
    bool operator<(const Candidate& other) const noexcept {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  static Pair make_pair(int left, int right) {
    return (static_cast<Pair>(left) << 32U) | static_cast<Pair>(right);
  }
  void change(int left, int right, int sign, std::uint32_t word);
  void enqueue();
  void push(Candidate&& candidate);
  [[nodiscard]] Candidate pop();
  void merge_in_word(const Merge& merge, std::uint32_t word);

  std::vector<std::string> tokens_;  // bytes by id
  std::array<int, 256> byte_ids_{};
  std::vector<int> symbols_;  // of all words
  std::vector<Word> words_;
  std::unordered_map<Pair, PairState, PairHash> pairs_;
  std::vector<Pair> changed_;  // pairs with words that are not in the queue
  std::vector<Candidate> queue_;
  std::vector<Merge> merges_;
};

SOLO_INLINE BpeTrainer::BpeTrainer(const WordCounts& words) {
  std::array<int, 256> order{};
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [](int a, int b) {
    return kByteSymbols[static_cast<std::size_t>(a)] < kByteSymbols[static_cast<std::size_t>(b)];
  });
  for (const int byte : order) {
    const auto id = static_cast<int>(tokens_.size());
    byte_ids_[static_cast<std::size_t>(byte)] = id;
    tokens_.emplace_back(1, static_cast<char>(byte));
  }
  if (words.words().size() > std::numeric_limits<std::uint32_t>::max()) {
    fail<ConfigError>("tokenizer.train", "expected fewer than 2^32 distinct words");
  }
  for (const auto& [text, count] : words.words()) {
    const auto word = static_cast<std::uint32_t>(words_.size());
    words_.push_back({symbols_.size(), text.size(), count});
    for (const char byte : text) {
      symbols_.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    }
    for (std::size_t i = words_.back().begin + 1; i < symbols_.size(); ++i) {
      change(symbols_[i - 1], symbols_[i], 1, word);
    }
  }
  enqueue();
}

/// Counts one occurrence of a pair in a word more or less.
SOLO_INLINE void BpeTrainer::change(int left, int right, int sign, std::uint32_t word) {
  const Pair pair = make_pair(left, right);
  PairState& state = pairs_[pair];
  state.count += sign * words_[word].count;
  if (sign < 0) return;
  if (state.words.empty()) changed_.push_back(pair);
  if (state.words.empty() || state.words.back() != word) state.words.push_back(word);
}

SOLO_INLINE void BpeTrainer::enqueue() {
  for (const Pair pair : changed_) {
    PairState& state = pairs_[pair];
    std::vector<std::uint32_t> words = std::exchange(state.words, {});
    if (state.count > 0) push({state.count, pair, std::move(words)});
  }
  changed_.clear();
}

SOLO_INLINE void BpeTrainer::push(Candidate&& candidate) {
  queue_.push_back(std::move(candidate));
  std::push_heap(queue_.begin(), queue_.end());
}

SOLO_INLINE BpeTrainer::Candidate BpeTrainer::pop() {
  std::pop_heap(queue_.begin(), queue_.end());
  Candidate top = std::move(queue_.back());
  queue_.pop_back();
  return top;
}

SOLO_INLINE void BpeTrainer::merge_in_word(const Merge& merge, std::uint32_t word) {
  Word& w = words_[word];
  int* const symbols = symbols_.data() + w.begin;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < w.length;) {
    const bool hit = symbols[i] == merge.left && i + 1 < w.length && symbols[i + 1] == merge.right;
    if (!hit) {
      symbols[kept++] = symbols[i++];
      continue;
    }
    if (kept > 0) {
      change(symbols[kept - 1], merge.left, -1, word);
      change(symbols[kept - 1], merge.result, 1, word);
    }
    if (i + 2 < w.length) {
      change(merge.right, symbols[i + 2], -1, word);
      change(merge.result, symbols[i + 2], 1, word);
    }
    symbols[kept++] = merge.result;
    i += 2;
  }
  w.length = kept;
}

SOLO_INLINE void BpeTrainer::run(int tokens, std::int64_t min_frequency) {
  while (static_cast<int>(tokens_.size()) < tokens && !queue_.empty()) {
    Candidate top = pop();
    const std::int64_t count = pairs_[top.pair].count;
    if (top.count != count) {
      top.count = count;
      push(std::move(top));
      continue;
    }
    if (count < std::max<std::int64_t>(min_frequency, 1)) break;
    const Merge merge{static_cast<int>(top.pair >> 32U), static_cast<int>(top.pair & 0xFFFFFFFFU),
                      static_cast<int>(tokens_.size())};
    merges_.push_back(merge);
    tokens_.push_back(tokens_[static_cast<std::size_t>(merge.left)] +
                      tokens_[static_cast<std::size_t>(merge.right)]);
    for (const std::uint32_t word : top.words) merge_in_word(merge, word);
    pairs_.erase(top.pair);
    enqueue();
  }
}

SOLO_INLINE TokenizerParts BpeTrainer::take_parts() {
  TokenizerParts parts;
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    parts.vocabulary.add(tokens_[id], static_cast<int>(id));
  }
  const auto eos = static_cast<int>(tokens_.size());
  parts.vocabulary.add(kEndOfText, eos);
  parts.vocabulary.finish("the trained vocabulary");
  set_default_tokens(parts);
  parts.byte_ids = byte_ids_;
  parts.merges = std::move(merges_);
  return parts;
}

}  // namespace detail

SOLO_INLINE Tokenizer train_tokenizer(const WordCounts& words,
                                      const TokenizerTrainOptions& options) {
  constexpr int kLeast = 257;
  if (options.vocab_size < kLeast || options.vocab_size > detail::kMaxVocabulary) {
    fail<ConfigError>("tokenizer.train", "vocab_size: expected ", kLeast, " to ",
                      detail::kMaxVocabulary, ", found ", options.vocab_size);
  }
  if (options.min_frequency < 0) {
    fail<ConfigError>("tokenizer.train", "min_frequency: expected at least 0, found ",
                      options.min_frequency);
  }
  detail::BpeTrainer trainer(words);
  trainer.run(options.vocab_size - 1, options.min_frequency);
  return Tokenizer::from_parts(trainer.take_parts());
}

SOLO_INLINE Tokenizer train_tokenizer(std::span<const std::string> texts,
                                      const TokenizerTrainOptions& options) {
  WordCounts words;
  for (const std::string& text : texts) words.add(text);
  return train_tokenizer(words, options);
}

}  // namespace solo::inline SOLO_ABI
