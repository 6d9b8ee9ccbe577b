// SPDX-License-Identifier: MIT
/// @file
/// The 64-bit checksum of checkpoints and fingerprints.
#pragma once

#include <solo/core/config.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// XXH64 with seed 0 (Collet, "xxHash fast digest algorithm", doc/xxhash_spec.md) of bytes that
/// come in pieces; how they are cut changes nothing. It detects damage, not malice.
class Checksum {
 public:
  void update(std::span<const std::byte> bytes) noexcept {
    size_ += bytes.size();
    if (held_ > 0) {
      const std::size_t take = bytes.size() < kStripe - held_ ? bytes.size() : kStripe - held_;
      if (take > 0) std::memcpy(buffer_.data() + held_, bytes.data(), take);
      held_ += take;
      bytes = bytes.subspan(take);
      if (held_ < kStripe) return;
      stripe(buffer_.data());
      held_ = 0;
    }
    for (; bytes.size() >= kStripe; bytes = bytes.subspan(kStripe)) stripe(bytes.data());
    if (!bytes.empty()) std::memcpy(buffer_.data(), bytes.data(), bytes.size());
    held_ = bytes.size();
  }
  void update(std::string_view text) noexcept { update(std::as_bytes(std::span(text))); }

  [[nodiscard]] std::uint64_t value() const noexcept {
    std::uint64_t h = kPrime5;
    if (size_ >= kStripe) {
      h = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
          std::rotl(lanes_[3], 18);
      for (const std::uint64_t lane : lanes_) h = (h ^ round(0, lane)) * kPrime1 + kPrime4;
    }
    h += size_;
    std::size_t i = 0;
    for (; i + 8 <= held_; i += 8) {
      h = std::rotl(h ^ round(0, load<std::uint64_t>(buffer_.data() + i)), 27) * kPrime1 + kPrime4;
    }
    if (i + 4 <= held_) {
      h ^= load<std::uint32_t>(buffer_.data() + i) * kPrime1;
      h = std::rotl(h, 23) * kPrime2 + kPrime3;
      i += 4;
    }
    for (; i < held_; ++i) {
      h = std::rotl(h ^ std::to_integer<std::uint64_t>(buffer_[i]) * kPrime5, 11) * kPrime1;
    }
    h = (h ^ h >> 33U) * kPrime2;
    h = (h ^ h >> 29U) * kPrime3;
    return h ^ h >> 32U;
  }
  /// value() as 16 lower-case hexadecimal digits.
  [[nodiscard]] std::string digits() const {
    constexpr std::string_view kHex = "0123456789abcdef";
    const std::uint64_t h = value();
    std::string text(16, '0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = kHex[h >> (60 - 4 * i) & 15U];
    return text;
  }

 private:
  static constexpr std::size_t kStripe = 32;
  static constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87U;
  static constexpr std::uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FU;
  static constexpr std::uint64_t kPrime3 = 0x165667B19E3779F9U;
  static constexpr std::uint64_t kPrime4 = 0x85EBCA77C2B2AE63U;
  static constexpr std::uint64_t kPrime5 = 0x27D4EB2F165667C5U;

  template <class Word>
  [[nodiscard]] static std::uint64_t load(const std::byte* from) noexcept {
    Word word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
  }
  [[nodiscard]] static constexpr std::uint64_t round(std::uint64_t lane,
                                                     std::uint64_t word) noexcept {
    return std::rotl(lane + word * kPrime2, 31) * kPrime1;
  }
  void stripe(const std::byte* from) noexcept {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      lanes_[i] = round(lanes_[i], load<std::uint64_t>(from + 8 * i));
    }
  }

  std::array<std::uint64_t, 4> lanes_ = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  std::array<std::byte, kStripe> buffer_ = {};
  std::size_t held_ = 0;    // bytes in buffer_
  std::uint64_t size_ = 0;  // bytes so far
};

namespace detail {

/// Where the digits of the header checksum are in a safetensors file's beginning (length and
/// header); npos if nowhere. A key inside a string would have its quotes escaped.
[[nodiscard]] inline std::size_t header_checksum_at(std::string_view beginning,
                                                    std::string_view key) {
  std::string entry = "\"";
  entry += key;
  entry += "\":\"";
  const std::size_t at = beginning.find(entry);
  return at == std::string_view::npos ? at : at + entry.size();
}

/// The checksum of a beginning whose 16 digits at `at` count as zeros.
[[nodiscard]] inline std::string header_checksum(std::string_view beginning, std::size_t at) {
  constexpr std::string_view kZeros = "0000000000000000";
  Checksum checksum;
  checksum.update(beginning.substr(0, at));
  checksum.update(kZeros);
  checksum.update(beginning.substr(at + kZeros.size()));
  return checksum.digits();
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
