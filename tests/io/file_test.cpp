// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/temporary_file.hpp>

#include "io/io_test_support.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using solo::test::error_of;
using solo::test::read_raw;
using solo::test::write_raw;

namespace {

namespace fs = std::filesystem;

std::size_t count_entries(const fs::path& dir) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(dir)) {
    (void)entry;
    ++count;
  }
  return count;
}

unsigned mode_of(const fs::path& path) {
  return static_cast<unsigned>(fs::status(path).permissions());
}

/// Makes writes beyond `bytes` into a file fail, as a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit old_{};
};

}  // namespace

TEST_CASE("file: reads parts of a regular file", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "a.bin";
  write_raw(path, "0123456789");
  const solo::InputFile file(path);
  CHECK(file.size() == 10);
  CHECK(file.path() == path);
  std::array<std::byte, 3> out{};
  file.read_at(4, out);
  CHECK(static_cast<char>(out[0]) == '4');
  CHECK(static_cast<char>(out[2]) == '6');
  CHECK_NOTHROW(file.read_at(10, {}));

  const std::string beyond = error_of([&] { file.read_at(8, out); });
  CHECK(beyond.find("IoError io.read | ") == 0);
  CHECK(beyond.find("a.bin: expected 3 bytes at 8, found a file of 10 bytes") != std::string::npos);
  CHECK(error_of([&] { file.read_at(~std::uint64_t{0}, out); }).find("IoError io.read") == 0);

  fs::resize_file(path, 5);
  CHECK(error_of([&] { file.read_at(4, out); }).find("the file became shorter") !=
        std::string::npos);
}

TEST_CASE("file: whatever is no regular file is refused at once", "[file]") {
  const solo::test::TempDir dir;
  const auto fifo = dir.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto socket_path = dir.path() / "s";
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);

  const auto open = [](const fs::path& path) { return error_of([&] { solo::InputFile f(path); }); };
  CHECK(open(fifo).find("IoError io.not_regular | ") == 0);
  CHECK(open(fifo).find("expected a regular file, found a FIFO") != std::string::npos);
  CHECK(open(dir.path()).find("found a directory") != std::string::npos);
  CHECK(open("/dev/null").find("/dev/null: expected a regular file, found a device") !=
        std::string::npos);
  CHECK(open("/dev/zero").find("IoError io.not_regular") == 0);
  CHECK(open(socket_path).find("found a socket") != std::string::npos);
  fs::create_symlink(fifo, dir.path() / "link");
  CHECK(open(dir.path() / "link").find("found a FIFO") != std::string::npos);
  CHECK(open(dir.path() / "none").find("IoError io.open | ") == 0);
  CHECK(open(dir.path() / "none").find("No such file") != std::string::npos);
  CHECK(open("").find("IoError io.open | ") == 0);
  CHECK(open(std::string("/dev/nu\0ll", 10)).find("IoError io.open | ") == 0);

  // Options that accept a FIFO accept nothing else.
  const auto read = [](const fs::path& path) {
    return error_of([&] { (void)solo::read_text_file(path, {.allow_fifo = true}); });
  };
  CHECK(read("/dev/zero").find("IoError io.not_regular") == 0);
  CHECK(read(dir.path()).find("IoError io.not_regular") == 0);
  CHECK(error_of([&] { (void)solo::read_text_file(fifo); }).find("IoError io.not_regular") == 0);
  for (const auto& path : {fs::path("/dev/null"), dir.path(), fifo}) {
    CHECK(error_of([&] { solo::AtomicFile f(path); }).find("IoError io.not_regular") == 0);
    CHECK(error_of([&] { solo::AppendFile f(path); }).find("IoError io.not_regular") == 0);
  }
  ::close(socket);
}

TEST_CASE("file: whole texts, up to a cap", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "a.txt";
  write_raw(path, "hello");
  CHECK(solo::read_text_file(path) == "hello");
  CHECK(solo::read_text_file(path, {.max_bytes = 5}) == "hello");
  const std::string error = error_of([&] { (void)solo::read_text_file(path, {.max_bytes = 4}); });
  CHECK(error.find("FormatError io.too_large | ") == 0);
  CHECK(error.find("a.txt: expected at most 4 bytes, found 5") != std::string::npos);

  const auto fifo = dir.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const std::string long_text(100000, 'x');
  std::thread writer([&] { write_raw(fifo, long_text); });
  CHECK(solo::read_text_file(fifo, {.allow_fifo = true}) == long_text);
  writer.join();
  std::thread second([&] { write_raw(fifo, "12345"); });
  CHECK(error_of([&] {
          (void)solo::read_text_file(fifo, {.max_bytes = 4, .allow_fifo = true});
        }).find("FormatError io.too_large | ") == 0);
  second.join();
}

TEST_CASE("file: an atomic file replaces the old one on commit only", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "out.bin";
  solo::write_file_atomically(path, "first");
  CHECK(read_raw(path) == "first");
  {
    solo::AtomicFile file(path);
    file.write("sec");
    CHECK(read_raw(path) == "first");
    CHECK(count_entries(dir.path()) == 2);
  }
  CHECK(read_raw(path) == "first");
  CHECK(count_entries(dir.path()) == 1);
  {
    solo::AtomicFile file(path);
    file.write("sec");
    file.write("ond");
    file.commit();
    CHECK(read_raw(path) == "second");
    CHECK(error_of([&] { file.write("x"); }).find("IoError io.write | ") == 0);
    CHECK(error_of([&] { file.commit(); }).find("IoError io.write | ") == 0);
  }
  CHECK(read_raw(path) == "second");
  CHECK(count_entries(dir.path()) == 1);
  CHECK(error_of([&] { solo::AtomicFile f(dir.path() / "no" / "x"); }).find("IoError io.create") ==
        0);
}

TEST_CASE("file: a failed write leaves the old file and nothing else", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "out.bin";
  solo::write_file_atomically(path, "old");
  const std::string big(100000, 'x');
  std::string error;
  {
    const FileSizeLimit limit(4096);
    error = error_of([&] { solo::write_file_atomically(path, big); });
  }
  CHECK(error.find("IoError io.write | ") == 0);
  CHECK(error.find("out.bin: cannot write: File too large") != std::string::npos);
  CHECK(read_raw(path) == "old");
  CHECK(count_entries(dir.path()) == 1);
}

TEST_CASE("file: bytes are replaced in place, within the file", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "out.bin";
  {
    solo::AtomicFile file(path);
    file.write("header");
    file.extend(1 << 20);
    file.commit();
    CHECK(error_of([&] { file.extend(2); }).find("IoError io.write | ") == 0);
  }
  CHECK(std::filesystem::file_size(path) == 1 << 20);
  const std::array<std::byte, 3> bytes = {std::byte{'a'}, std::byte{0}, std::byte{'c'}};
  {
    const solo::UpdateFile file(path);
    CHECK(file.size() == 1 << 20);
    file.write_at(2, bytes);
    file.write_at((1 << 20) - 3, bytes);
    std::array<std::byte, 3> found = {};
    file.read_at((1 << 20) - 3, found);
    CHECK(found == bytes);
    for (const std::uint64_t at : {std::uint64_t{1 << 20}, ~std::uint64_t{0}}) {
      const std::string error = error_of([&] { file.write_at(at, bytes); });
      CHECK(error.find("IoError io.write | ") == 0);
      CHECK(error.find("out.bin: expected room for 3 bytes at ") != std::string::npos);
    }
  }
  const std::string found = read_raw(path);
  CHECK(found.size() == 1 << 20);
  CHECK(found.substr(0, 7) == std::string("hea\0cr\0", 7));
  {
    const FileSizeLimit limit(4096);
    solo::AtomicFile file(dir.path() / "large");
    file.write("x");
    const std::string error = error_of([&] { file.extend(1 << 20); });
    CHECK(error.find("IoError io.write | ") == 0);
    CHECK(error.find("large: cannot make it 1048576 bytes long: ") != std::string::npos);
    const solo::UpdateFile full(path);
    CHECK(error_of([&] { full.write_at(8192, bytes); }).find("IoError io.write | ") == 0);
  }
  CHECK(count_entries(dir.path()) == 1);
  CHECK(error_of([&] { solo::UpdateFile f(dir.path()); }).find("IoError io.not_regular") == 0);
  CHECK(error_of([&] { solo::UpdateFile f(dir.path() / "no"); }).find("IoError io.open") == 0);
  ::chmod(path.c_str(), 0444);
  if (::access(path.c_str(), W_OK) != 0) {  // who may do everything can write to it
    CHECK(error_of([&] { solo::UpdateFile f(path); }).find("IoError io.open") == 0);
  }
}

TEST_CASE("file: what cannot be replaced stays, and nothing else is left", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "out.bin";
  solo::AtomicFile file(path);
  file.write("new");
  std::filesystem::create_directory(path);
  write_raw(path / "kept", "old");
  const std::string error = error_of([&] { file.commit(); });
  CHECK(error.find("IoError io.rename | ") == 0);
  CHECK(error.find("out.bin: cannot replace: ") != std::string::npos);
  CHECK(read_raw(path / "kept") == "old");
  CHECK(count_entries(dir.path()) == 1);
}

TEST_CASE("file: what a killed process left is removed, and nothing else", "[file]") {
  const solo::test::TempDir dir;
  // Killed while it writes.
  const pid_t child = ::fork();
  if (child == 0) {
    const auto left = std::make_unique<solo::AtomicFile>(dir.path() / "left");
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto temporaries = [&] {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir.path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".solo-tmp-")) names.insert(name);
    }
    return names;
  };
  REQUIRE(temporaries().size() == 1);
  const std::string stale = *temporaries().begin();
  // The same process's name on another host; one of a living process; files of other names.
  const std::string foreign =
      solo::concat(".solo-tmp-1", std::string_view(stale).substr(std::strlen(".solo-tmp-")));
  write_raw(dir.path() / foreign, "x");
  const auto other = dir.path() / "solo-tmp-1-2";
  write_raw(other, "x");
  {
    solo::AtomicFile alive(dir.path() / "alive");
    CHECK(temporaries().size() == 3);
    solo::remove_stale_temporaries(dir.path());
    CHECK(temporaries().size() == 2);
    CHECK(temporaries().count(stale) == 0);
    CHECK(temporaries().count(foreign) == 1);
    CHECK(fs::exists(other));
    alive.write("all");
    alive.commit();
  }
  CHECK(read_raw(dir.path() / "alive") == "all");
  solo::remove_stale_temporaries(dir.path() / "none");
}

TEST_CASE("file: modes and links", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "out.bin";
  const ::mode_t old_mask = ::umask(022);
  solo::write_file_atomically(path, "a");
  CHECK(mode_of(path) == 0644U);
  ::umask(027);
  solo::write_file_atomically(dir.path() / "other", "a");
  CHECK(mode_of(dir.path() / "other") == 0640U);
  fs::permissions(path, fs::perms(0600));
  solo::write_file_atomically(path, "b");
  CHECK(mode_of(path) == 0600U);
  ::umask(old_mask);

  // A link is replaced: what it points to may be shared with other folders.
  fs::create_symlink(path, dir.path() / "link");
  solo::write_file_atomically(dir.path() / "link", "c");
  CHECK(read_raw(path) == "b");
  CHECK(read_raw(dir.path() / "link") == "c");
  CHECK(!fs::is_symlink(dir.path() / "link"));
}

TEST_CASE("file: an append file writes whole lines", "[file]") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "log.jsonl";
  {
    solo::AppendFile log(path);
    log.write_line("{\"step\":1}");
    CHECK(read_raw(path) == "{\"step\":1}\n");
    log.write_line("");
  }
  write_raw(path, "{\"step\":1}\n{\"st");
  {
    solo::AppendFile log(path);
    log.write_line("x");
  }
  CHECK(read_raw(path) == "{\"step\":1}\n{\"st\nx\n");
  solo::AppendFile(path, {.truncate = true}).write_line("new");
  CHECK(read_raw(path) == "new\n");
  CHECK(error_of([&] { solo::AppendFile f(dir.path() / "no" / "x"); }).find("IoError io.create") ==
        0);
  {
    const FileSizeLimit limit(8);
    solo::AppendFile log(path);
    CHECK(error_of([&] { log.write_line("0123456789"); }).find("IoError io.write | ") == 0);
  }
}

TEST_CASE("file: directories", "[file]") {
  const solo::test::TempDir dir;
  solo::make_directories(dir.path() / "a" / "b");
  CHECK(fs::is_directory(dir.path() / "a" / "b"));
  CHECK_NOTHROW(solo::make_directories(dir.path() / "a" / "b"));
  write_raw(dir.path() / "file", "x");
  CHECK(error_of([&] {
          solo::make_directories(dir.path() / "file");
        }).find("IoError io.directory | ") == 0);
  CHECK(error_of([&] {
          solo::make_directories(dir.path() / "file" / "x");
        }).find("IoError io.directory | ") == 0);
}

TEST_CASE("file: names in messages are short and printable", "[file]") {
  CHECK(solo::display_name("models/gpt2/config.json") == "models/gpt2/config.json");
  CHECK(solo::display_name("a\nb\x1B[31m") == "a\\x0ab\\x1b[31m");
  const std::string name = solo::display_name("/" + std::string(3000, 'd') + "/x.json");
  CHECK(name.size() < 200);
  CHECK(name.find("/x.json") == name.size() - 7);
  CHECK(solo::printable("\xFFok", 10) == "\\xffok");
}
