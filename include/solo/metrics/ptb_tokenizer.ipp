// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/ptb_tokenizer.hpp>
#include <solo/text/lower_case.hpp>
#include <solo/text/pretokenizer.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <algorithm>
#include <array>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Scans one piece between white space, as code points.
class PtbScanner {
 public:
  PtbScanner(std::string_view chunk, std::vector<std::string>& tokens) : tokens_(tokens) {
    for (std::size_t pos = 0; pos < chunk.size();) {
      const CodePoint c = code_point_at(chunk, pos);
      text_ += c.valid() ? (c.value == U'’' ? U'\'' : c.value) : 0xFFFDU;
      pos += c.length;
    }
  }

  void scan() {
    while (at_ < text_.size()) {
      if (!clitic() && !letters_and_period() && !word() && !signed_number() && !marks()) single();
    }
  }

 private:
  [[nodiscard]] char32_t look(std::size_t i) const { return i < text_.size() ? text_[i] : 0; }
  [[nodiscard]] bool letter(std::size_t i) const {
    return i < text_.size() && char_class(text_[i]) == CharClass::letter;
  }
  [[nodiscard]] bool digit(std::size_t i) const {
    return i < text_.size() && char_class(text_[i]) == CharClass::number;
  }
  [[nodiscard]] bool alnum(std::size_t i) const { return letter(i) || digit(i); }
  [[nodiscard]] bool a_to_z(std::size_t i) const { return look(i) >= U'a' && look(i) <= U'z'; }
  [[nodiscard]] bool here(std::size_t i, std::u32string_view part) const {
    return std::u32string_view(text_).substr(std::min(i, text_.size()), part.size()) == part;
  }
  [[nodiscard]] bool ends_here(std::size_t i, std::u32string_view part) const {
    return here(i, part) && !a_to_z(i + part.size());
  }
  /// Length of 's, 'm, 'd, 'll, 're or 've at i; 0: none.
  [[nodiscard]] std::size_t clitic_at(std::size_t i) const {
    for (const std::u32string_view part : {U"'s", U"'m", U"'d", U"'ll", U"'re", U"'ve"}) {
      if (ends_here(i, part)) return part.size();
    }
    return 0;
  }
  [[nodiscard]] std::size_t run(std::size_t i, bool (PtbScanner::*is)(std::size_t) const) const {
    while ((this->*is)(i)) ++i;
    return i;
  }

  void emit(std::size_t begin, std::size_t end) {
    std::string token;
    for (std::size_t i = begin; i < end; ++i) append_utf8(token, text_[i]);
    put(std::move(token));
    at_ = std::max(at_, end);
  }
  /// Keeps a token unless it is punctuation that coco-caption drops.
  void put(std::string token) {
    constexpr std::array<std::string_view, 13> kDropped = {"''", "'", "``", "`",  ".",   "?", "!",
                                                           ",",  ":", "-",  "--", "...", ";"};
    if (std::find(kDropped.begin(), kDropped.end(), token) == kDropped.end()) {
      tokens_.push_back(std::move(token));
    }
  }

  bool clitic() {
    if (ends_here(at_, U"n't")) {
      emit(at_, at_ + 3);
      return true;
    }
    const std::size_t length = clitic_at(at_);
    if (length == 0) return false;
    emit(at_, at_ + length);
    return true;
  }

  bool letters_and_period() {
    const std::size_t end = run(at_, &PtbScanner::letter);
    const char32_t after = look(end + 1);
    if (end == at_ || look(end) != U'.') return false;
    if (after != U',' && after != U';' && after != U':') return false;
    emit(at_, end + 1);
    return true;
  }

  /// The end of an alphanumeric run with what holds further ones to it; `begin` if there is none.
  [[nodiscard]] std::size_t word_end(std::size_t begin) const {
    std::size_t end = run(begin, &PtbScanner::alnum);
    while (end > begin && alnum(end + 1)) {
      const char32_t c = look(end);
      const bool number =
          (c == U'.' || c == U',' || c == U'/' || c == U':') && digit(end - 1) && digit(end + 1);
      const bool letters = c == U'.' && letter(end - 1) && letter(end + 1);
      const bool apostrophe =
          c == U'\'' && letter(end + 1) && clitic_at(end) == 0 && !ends_here(end, U"'t");
      if (!number && !letters && !apostrophe) break;
      end = run(end + 1, &PtbScanner::alnum);
    }
    return end;
  }

  bool word() {
    std::size_t end = word_end(at_);
    if (end == at_) return false;
    while (look(end) == U'-' && word_end(end + 1) > end + 1) end = word_end(end + 1);
    if (look(end - 1) == U'n' && ends_here(end, U"'t")) {
      if (end - 1 > at_) emit(at_, end - 1);
      emit(end - 1, end + 2);
    } else if (end - at_ == 6 && here(at_, U"cannot")) {
      emit(at_, at_ + 3);
      emit(at_, at_ + 3);
    } else {
      emit(at_, end);
    }
    return true;
  }

  bool signed_number() {
    if ((look(at_) != U'-' && look(at_) != U'+') || !digit(at_ + 1)) return false;
    std::size_t end = run(at_ + 1, &PtbScanner::digit);
    while ((look(end) == U'.' || look(end) == U',') && digit(end + 1)) {
      end = run(end + 1, &PtbScanner::digit);
    }
    emit(at_, end);
    return true;
  }

  /// Dots, dashes, exclamation and question marks that make one token.
  bool marks() {
    if (here(at_, U"...") || look(at_) == U'…') {
      at_ += look(at_) == U'…' ? 1 : 3;
      return true;
    }
    if (here(at_, U"--") || look(at_) == U'–' || look(at_) == U'—') {
      if (look(at_) != U'-') ++at_;
      while (look(at_) == U'-') ++at_;
      return true;
    }
    std::size_t end = at_;
    while (look(end) == U'!' || look(end) == U'?') ++end;
    if (end < at_ + 2) return false;
    emit(at_, end);
    return true;
  }

  void single() {
    const char32_t c = look(at_++);
    switch (c) {
      case U'£':
        return put("#");
      case U'€':
        return put("$");
      case U'(':
        return put("-lrb-");
      case U')':
        return put("-rrb-");
      case U'[':
        return put("-lsb-");
      case U']':
        return put("-rsb-");
      case U'{':
        return put("-lcb-");
      case U'}':
        return put("-rcb-");
      case U'"':
      case U'‘':
      case U'“':
      case U'”':
      case U'«':
      case U'»':
        return;
      default:
        std::string token;
        append_utf8(token, c);
        put(std::move(token));
    }
  }

  std::u32string text_;
  std::size_t at_ = 0;
  std::vector<std::string>& tokens_;
};

}  // namespace detail

SOLO_INLINE std::vector<std::string> ptb_tokens(std::string_view text) {
  std::vector<std::string> tokens;
  for (const std::string& chunk : split_white_space(lower_case(text))) {
    detail::PtbScanner(chunk, tokens).scan();
  }
  return tokens;
}

}  // namespace solo::inline SOLO_ABI
