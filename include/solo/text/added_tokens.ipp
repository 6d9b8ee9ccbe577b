// SPDX-License-Identifier: MIT
#pragma once

#include <solo/text/added_tokens.hpp>
#include <solo/text/pretokenizer.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <algorithm>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

/// The property White_Space, without the controls that Python adds to it.
[[nodiscard]] inline bool is_stripped(const CodePoint& c) {
  return c.valid() && char_class(c.value) == CharClass::white_space;
}

[[nodiscard]] SOLO_INLINE std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = code_point_at(text, 0);
    if (!is_stripped(c)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

[[nodiscard]] SOLO_INLINE std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = last_code_point(text);
    if (!is_stripped(c)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

/// The id of a token that is found, so that no other one is in its place, and read as letters.
inline constexpr int kReadAsLetters = -2;

/// Whether a word goes on across the border between these texts' ends and a token.
[[nodiscard]] SOLO_INLINE bool touches_word(std::string_view before, std::string_view behind) {
  return (!before.empty() && is_word_character(last_code_point(before).value)) ||
         (!behind.empty() && is_word_character(code_point_at(behind, 0).value));
}

SOLO_INLINE AddedTokenPass::AddedTokenPass(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  for (const AddedToken& token : tokens_) {
    is_first_[static_cast<unsigned char>(token.content.front())] = true;
  }
}

SOLO_INLINE const AddedToken* AddedTokenPass::longest_at(std::string_view text) const {
  const AddedToken* longest = nullptr;
  auto first = tokens_.begin();
  auto last = tokens_.end();
  // All of [first, last) begin with the first `depth` bytes of the text and are longer.
  for (std::size_t depth = 0; depth < text.size() && first != last; ++depth) {
    const auto byte_of = [depth](const AddedToken& token) {
      return static_cast<unsigned char>(token.content[depth]);
    };
    const auto byte = static_cast<unsigned char>(text[depth]);
    first = std::lower_bound(first, last, byte, [&](const AddedToken& token, unsigned char value) {
      return byte_of(token) < value;
    });
    last = std::upper_bound(first, last, byte, [&](unsigned char value, const AddedToken& token) {
      return value < byte_of(token);
    });
    if (first != last && first->content.size() == depth + 1) longest = &*first++;
  }
  return longest;
}

SOLO_INLINE AddedTokenPass::Match AddedTokenPass::next(std::string_view text,
                                                       std::size_t pos) const {
  for (; pos < text.size(); ++pos) {
    if (!is_first_[static_cast<unsigned char>(text[pos])]) continue;
    const AddedToken* token = longest_at(text.substr(pos));
    if (token != nullptr) return {token, pos};
  }
  return {};
}

SOLO_INLINE void AddedTokenPass::split(std::string_view text,
                                       const std::function<void(std::string_view)>& on_text,
                                       const std::function<void(int)>& on_token) const {
  std::size_t done = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const auto [token, found] = next(text, pos);
    if (token == nullptr) break;
    std::size_t end = found + token->content.size();
    pos = end;  // what a token refuses or strips is not looked at again
    if (token->id == kReadAsLetters) continue;
    if (token->single_word && touches_word(text.substr(0, found), text.substr(end))) continue;
    std::size_t begin = found;
    if (token->lstrip) begin = std::max(strip_right(text.substr(0, begin)).size(), done);
    if (token->rstrip) end = text.size() - strip_left(text.substr(end)).size();
    if (done < begin) on_text(text.substr(done, begin - done));
    // White space that the token before has taken is none of this one's.
    if (begin < end) on_token(token->id);
    done = end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

SOLO_INLINE AddedTokenFinder::AddedTokenFinder(std::span<const AddedToken> tokens,
                                               bool split_special_tokens) {
  std::array<std::vector<AddedToken>, 2> passes;
  for (AddedToken token : tokens) {
    if (token.special && split_special_tokens) token.id = kReadAsLetters;
    passes[token.normalized ? 1 : 0].push_back(std::move(token));
  }
  // What does not tell two tokenizers apart is set alike.
  if (passes[0].empty()) std::swap(passes[0], passes[1]);
  for (std::size_t i = 0; i < passes.size(); ++i) {
    for (AddedToken& token : passes[i]) token.special = token.normalized = false;
    passes_[i] = AddedTokenPass(std::move(passes[i]));
  }
}

SOLO_INLINE void AddedTokenFinder::split(std::string_view text,
                                         const std::function<void(std::string_view)>& on_text,
                                         const std::function<void(int)>& on_token) const {
  passes_[0].split(
      text, [&](std::string_view piece) { passes_[1].split(piece, on_text, on_token); }, on_token);
}

}  // namespace solo::inline SOLO_ABI::detail
