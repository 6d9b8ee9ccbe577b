// SPDX-License-Identifier: MIT
// Several files replaced as one, and one run a folder.
#include <solo/core/error.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/io/folder_lock.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace solo;
using test::TempDir;

namespace {

std::set<std::string> names(const std::filesystem::path& folder) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    found.insert(entry.path().filename().string());
  }
  return found;
}

void save(const std::filesystem::path& folder, const std::string& text, bool more) {
  AtomicFolder files(folder);
  files.add_essential("tensors").write(text);
  files.write("config", text);
  if (more) {
    files.write("extra", text);
  } else {
    files.remove("extra");
  }
  files.commit();
}

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return concat(error.id(), ": ", std::string_view(error.what()));
  }
  return "no error";
}

}  // namespace

TEST_CASE("a name of a file is not a way out of the folder", "[file]") {
  const TempDir temp;
  AtomicFolder files(temp.path() / "result");
  for (const char* name : {"../config", "a/b", "/config", "", ".", "..", "a/"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(files.add(name), ConfigError);
    CHECK_THROWS_AS(files.add_essential(name), ConfigError);
    CHECK_THROWS_AS(files.write(name, "text"), ConfigError);
    CHECK_THROWS_AS(files.remove(name), ConfigError);
  }
  files.write("config", "text");
  files.commit();
  CHECK(names(files.path()) == std::set<std::string>{"config"});
}

TEST_CASE("the files of a result are replaced together", "[file]") {
  const TempDir dir;
  const std::filesystem::path folder = dir.path() / "new" / "folder";
  save(folder, "old", true);
  CHECK(names(folder) == std::set<std::string>{"tensors", "config", "extra"});
  save(folder, "new", false);
  CHECK(names(folder) == std::set<std::string>{"tensors", "config"});
  CHECK(read_text_file(folder / "tensors") == "new");
  CHECK(read_text_file(folder / "config") == "new");
}

TEST_CASE("files are removed from a folder without essential ones too", "[file]") {
  const TempDir dir;
  save(dir.path(), "old", true);
  AtomicFolder files(dir.path());
  files.write("config", "new");
  files.remove("extra");
  files.remove("never there");
  files.commit();
  CHECK(names(dir.path()) == std::set<std::string>{"tensors", "config"});
  CHECK(read_text_file(dir.path() / "config") == "new");
}

TEST_CASE("files that are never committed, or cannot be, leave the old ones", "[file]") {
  const TempDir dir;
  save(dir.path(), "old", true);
  const std::set<std::string> before = names(dir.path());
  {
    AtomicFolder files(dir.path());
    files.add_essential("tensors").write("new");
    files.write("config", "new");
  }
  CHECK(names(dir.path()) == before);
  AtomicFolder files(dir.path());
  files.add_essential("tensors").write("new");
  files.write("config", "new");
  files.write("other", "new");
  std::filesystem::create_directory(dir.path() / "other");  // the last rename fails
  std::filesystem::create_directory(dir.path() / "other" / "inside");
  CHECK(error_of([&] { files.commit(); }) != "no error");
  for (const char* const name : {"tensors", "config", "extra"}) {
    CHECK(read_text_file(dir.path() / name) == "old");
  }
}

TEST_CASE("a folder is of one run, and the second is told whose", "[file]") {
  const TempDir dir;
  const std::filesystem::path folder = dir.path() / "a" / "b";
  {
    const FolderLock lock(folder);
    CHECK(lock.held());
    CHECK(names(folder) == std::set<std::string>{".solo-lock"});
    std::filesystem::create_directory_symlink(folder, dir.path() / "link");
    for (const auto& path : {folder, folder / ".", dir.path() / "link"}) {
      const std::string error = error_of([&] { const FolderLock second(path); });
      CHECK(error.starts_with("io.busy: "));
      CHECK(error.find(concat("process ", ::getpid(), " on ")) != std::string::npos);
    }
    std::filesystem::remove(dir.path() / "link");
  }
  CHECK_FALSE(std::filesystem::exists(dir.path() / "a"));  // made for the lock, and empty

  // Nothing is opened through a link, and nothing that is no file.
  std::filesystem::create_directories(folder);
  write_file_atomically(dir.path() / "other", "text");
  std::filesystem::create_symlink(dir.path() / "other", folder / ".solo-lock");
  CHECK(error_of([&] { const FolderLock lock(folder); }).starts_with("io.create: "));
  CHECK(read_text_file(dir.path() / "other") == "text");
  std::filesystem::remove(folder / ".solo-lock");
  REQUIRE(::mkfifo((folder / ".solo-lock").c_str(), 0600) == 0);
  CHECK(error_of([&] { const FolderLock lock(folder); }).starts_with("io.create: "));
  std::filesystem::remove_all(dir.path() / "a");

  // What a killed process leaves is no lock, and a folder with files stays.
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(folder);
    ::_exit(0);  // no destructor, as when it is killed
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(names(folder) == std::set<std::string>{".solo-lock"});
  {
    const FolderLock lock(folder);
    write_file_atomically(folder / "file", "text");
  }
  CHECK(names(folder) == std::set<std::string>{"file"});
}
