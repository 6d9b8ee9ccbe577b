// SPDX-License-Identifier: MIT
#include <solo/text/lines.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <sys/stat.h>
#include <thread>
#include <vector>

using solo::LineReader;
using solo::test::check_throws;
using solo::test::TempDir;
using Lines = std::vector<std::string>;

namespace {

Lines read_all(const std::filesystem::path& path, const solo::LineReaderOptions& options = {}) {
  LineReader reader(path, options);
  Lines lines;
  for (std::string_view line; reader.next(line);) lines.emplace_back(line);
  CHECK(reader.line_number() == static_cast<solo::Index>(lines.size()));
  return lines;
}

Lines records(const std::filesystem::path& path) {
  LineReader reader(path);
  Lines lines;
  for (std::string_view line; reader.next_record(line);) lines.emplace_back(line);
  return lines;
}

}  // namespace

TEST_CASE("lines end in LF, CRLF or with the file") {
  const TempDir dir;
  const auto path = dir.path() / "f";
  const auto lines_of = [&](std::string_view text) {
    solo::write_file_atomically(path, text);
    return read_all(path);
  };
  CHECK(lines_of("") == Lines{});
  CHECK(lines_of("\n") == Lines{""});
  CHECK(lines_of("a") == Lines{"a"});
  CHECK(lines_of("a\n") == Lines{"a"});
  CHECK(lines_of("a\r\nb\r\n") == Lines{"a", "b"});
  CHECK(lines_of("a\n\nb") == Lines{"a", "", "b"});
  CHECK(lines_of("a\rb\n\r\n") == Lines{"a\rb", ""});
  CHECK(lines_of("a\r") == Lines{"a\r"});
  CHECK(lines_of("a\r\r\n") == Lines{"a\r"});
}

TEST_CASE("how a line ended is told") {
  const TempDir dir;
  const auto path = dir.path() / "f";
  solo::write_file_atomically(path, "a\nb\r\nc");
  LineReader reader(path);
  std::string_view line;
  REQUIRE(reader.next(line));
  CHECK(reader.line_end() == "\n");
  REQUIRE(reader.next(line));
  CHECK(reader.line_end() == "\r\n");
  REQUIRE(reader.next(line));
  CHECK(reader.line_end() == "");
  CHECK(reader.where() == path.string() + ": line 3");
  CHECK_FALSE(reader.next(line));
}

TEST_CASE("a byte order mark is skipped once, or kept when asked") {
  const TempDir dir;
  const auto path = dir.path() / "f";
  solo::write_file_atomically(path,
                              "\xEF\xBB\xBF"
                              "a\n\xEF\xBB\xBF"
                              "b\n");
  CHECK(read_all(path) == Lines{"a",
                                "\xEF\xBB\xBF"
                                "b"});
  CHECK(read_all(path, {.skip_bom = false}) == Lines{"\xEF\xBB\xBF"
                                                     "a",
                                                     "\xEF\xBB\xBF"
                                                     "b"});
}

TEST_CASE("files and lines longer than a read are put together") {
  const TempDir dir;
  const auto path = dir.path() / "f";
  Lines expected;
  std::string text;
  for (std::size_t i = 0; i < 300; ++i) {
    expected.emplace_back(i * i * 31 % 9973, static_cast<char>('a' + i % 26));
    text += expected.back() + (i % 2 == 0 ? "\n" : "\r\n");
  }
  expected.emplace_back(3'000'000, 'x');
  text += expected.back();
  solo::write_file_atomically(path, text);
  CHECK(read_all(path) == expected);
}

TEST_CASE("blank lines are fine at the end only") {
  const TempDir dir;
  const auto path = dir.path() / "f";
  solo::write_file_atomically(path, "a\nb\n\n \t\r\n");
  CHECK(records(path) == Lines{"a", "b"});
  solo::write_file_atomically(path, "a\n\n\nb\n");
  check_throws<solo::FormatError>([&] { return records(path); }, "text.blank_line",
                                  {path.string() + ": line 2"});
  solo::write_file_atomically(path, "\na\n");
  check_throws<solo::FormatError>([&] { return records(path); }, "text.blank_line", {"line 1"});
}

TEST_CASE("a line beyond the limit is an error that names it") {
  const TempDir dir;
  const auto path = dir.path() / "f";
  for (const std::string tail : {"", "\n", "\nrest\n"}) {
    solo::write_file_atomically(path, "1234567890\n12345678901" + tail);
    check_throws<solo::FormatError>([&] { return read_all(path, {.max_line_bytes = 10}); },
                                    "text.line_length", {"line 2", "at most 10 bytes"});
  }
  solo::write_file_atomically(path, "1234567890\n1234567890");
  CHECK(read_all(path, {.max_line_bytes = 10}).size() == 2);
}

TEST_CASE("directories and FIFOs are refused without blocking, FIFOs taken when allowed") {
  const TempDir dir;
  check_throws<solo::IoError>([&] { return read_all(dir.path()); }, "io.not_regular",
                              {"a directory"});
  check_throws<solo::IoError>([&] { return read_all(dir.path(), {.allow_fifo = true}); },
                              "io.not_regular", {"a directory"});
  check_throws<solo::IoError>([&] { return read_all(dir.path() / "none"); }, "io.open", {"none"});
  const auto fifo = dir.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  check_throws<solo::IoError>([&] { return read_all(fifo); }, "io.not_regular", {"a FIFO"});
  std::thread writer([&] {
    std::FILE* out = std::fopen(fifo.c_str(), "w");
    std::fputs("one\ntwo", out);
    std::fclose(out);
  });
  CHECK(read_all(fifo, {.allow_fifo = true}) == Lines{"one", "two"});
  writer.join();
}
