// SPDX-License-Identifier: MIT
/// @file
/// What the fuzz targets share. A target turns bytes into files, reads them, and uses every value
/// it was given; a typed error is an answer, anything else is a finding: another exception, a
/// crash, a leak, a hang, much memory, or a property that does not hold.
#pragma once

#include <solo/core/error.hpp>
#include <solo/text/byte_symbols.hpp>
#include <solo/text/utf8.hpp>

#include "support/temp_dir.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

/// The target. libFuzzer or run_seeds.cpp calls it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace solo::fuzz {

/// Ends the program, which libFuzzer reports with the input, unless a property holds.
inline void require(bool holds, std::string_view property, std::string_view detail = {}) {
  if (holds) return;
  std::cerr << "does not hold: " << property << ' ' << detail << std::endl;
  std::abort();
}

/// Whether f() returns. A typed error whose message is fit for one line makes it false; every other
/// exception ends the program.
template <class F>
bool accepted(const F& f) {
  try {
    f();
    return true;
  } catch (const Error& error) {
    const std::string_view message = error.what();
    const bool one_line = std::none_of(message.begin(), message.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20U || c == 0x7F;
    });
    require(!error.id().empty() && !message.empty() && message.size() < 1000 && one_line &&
                is_utf8(message),
            "a message is one line of UTF-8 below 1000 bytes:", message);
    return false;
  }
}

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Parts of an input that stand for several files, "\n%%\n" between them: at most `most`, the last
/// one takes the rest.
[[nodiscard]] inline std::vector<std::string_view> parts_of(std::string_view input,
                                                            std::size_t most) {
  constexpr std::string_view kMark = "\n%%\n";
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < most) {
    const std::size_t mark = input.find(kMark);
    if (mark == std::string_view::npos) break;
    parts.push_back(input.substr(0, mark));
    input.remove_prefix(mark + kMark.size());
  }
  parts.push_back(input);
  return parts;
}

/// A vocab.json of the 256 bytes, `more` tokens after them (as JSON strings) and <|endoftext|>.
[[nodiscard]] inline std::string byte_vocabulary(const std::vector<std::string>& more = {}) {
  std::string json = "{";
  std::size_t id = 0;
  for (const char32_t symbol : kByteSymbols) {
    std::string text;
    if (symbol == '"' || symbol == '\\') text = '\\';
    append_utf8(text, symbol);
    json += concat('"', text, "\":", id++, ',');
  }
  for (const std::string& token : more) json += concat('"', token, "\":", id++, ',');
  return concat(json, "\"<|endoftext|>\":", id, '}');
}

/// A folder in $TMPDIR (best in memory), removed when the program ends.
class Folder {
 public:
  [[nodiscard]] std::filesystem::path path(std::string_view name = {}) const {
    return name.empty() ? dir_.path() : dir_.path() / name;
  }
  /// Replaces a file.
  void write(std::string_view name, std::string_view bytes) const {
    const int file =
        ::open(path(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const ::ssize_t count = ::write(file, bytes.data(), bytes.size());
    require(file >= 0 && ::close(file) == 0 && count == static_cast<::ssize_t>(bytes.size()),
            "the folder can be written");
  }
  void remove(std::string_view name) const { ::unlink(path(name).c_str()); }

 private:
  test::TempDir dir_;
};

}  // namespace solo::fuzz
