// SPDX-License-Identifier: MIT
/// @file
/// Who may include whom.
#include "architecture/source_tree.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using solo::test::includes_of;
using solo::test::library_sources;
using solo::test::SourceFile;

namespace {

/// For each folder, the other folders it may include.
const std::map<std::string, std::set<std::string>>& allowed_folders() {
  static const std::set<std::string> before_nn = {"core", "kernels", "ops", "autograd",
                                                  "io",   "text",    "data"};
  const auto with = [](std::set<std::string> folders, std::initializer_list<std::string> more) {
    folders.insert(more);
    return folders;
  };
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"core", {}},
      {"kernels", {"core"}},
      {"ops", {"core", "kernels"}},
      {"autograd", {"core", "kernels", "ops"}},
      {"optim", {"core", "kernels", "autograd"}},
      {"io", {"core"}},
      {"text", {"core", "io"}},
      {"data", {"core", "io", "text"}},
      {"metrics", {"core", "io", "text", "data"}},
      {"nn", before_nn},
      {"adapters", with(before_nn, {"nn"})},
      {"generate", with(before_nn, {"nn"})},
      {"train", with(before_nn, {"nn", "adapters", "optim", "metrics", "generate"})},
  };
  return allowed;
}

bool exists(const std::string& path) {
  return std::filesystem::exists(solo::test::source_dir() / "include" / path);
}

/// Reads a header as the preprocessor does when the library is header-only, and finds what is
/// included before it has declared anything: X.hpp -> X.ipp -> Y.hpp -> X.hpp is harmless, for X
/// has declared what it has before its body begins; Y.hpp -> X.hpp -> X.ipp -> Y.hpp is not.
class IncludeWalk {
 public:
  void enter(const std::string& path, const std::string& from) {
    const auto found = declared_.find(path);
    if (found != declared_.end()) {
      const bool builds_on_it = !declared_[from];
      if (!found->second && builds_on_it)
        early_.push_back(from + " includes " + path + " too early");
      return;
    }
    const auto file = std::find_if(library_sources().begin(), library_sources().end(),
                                   [&](const SourceFile& f) { return f.path == path; });
    if (file == library_sources().end()) return;
    if (file->ends_with(".inl.hpp")) return;  // included several times, without #pragma once
    declared_[path] = false;
    std::istringstream lines(file->code);
    for (std::string line; std::getline(lines, line);) {
      if (line == "#if SOLO_HEADER_ONLY") declared_[path] = true;
      if (line.rfind("#include <solo/", 0) == 0) {
        enter(line.substr(10, line.find('>') - 10), path);
      }
    }
    declared_[path] = true;
  }
  [[nodiscard]] const std::vector<std::string>& early() const { return early_; }

 private:
  std::map<std::string, bool> declared_;  // false while the declarations are not complete
  std::vector<std::string> early_;
};

}  // namespace

TEST_CASE("includes point to earlier folders only", "[architecture]") {
  REQUIRE(library_sources().size() > 20);
  for (const SourceFile& file : library_sources()) {
    if (file.folder.empty()) continue;
    INFO(file.path);
    const auto allowed = allowed_folders().find(file.folder);
    REQUIRE(allowed != allowed_folders().end());
    for (const std::string& include : includes_of(file)) {
      if (include.rfind("solo/", 0) != 0) continue;
      INFO("includes " << include);
      CHECK(exists(include));
      const std::string folder = include.substr(5, include.find('/', 5) - 5);
      CHECK((folder == file.folder || allowed->second.count(folder) == 1));
    }
  }
}

TEST_CASE("the library needs Eigen, nlohmann_json and the standard library only",
          "[architecture]") {
  for (const SourceFile& file : library_sources()) {
    INFO(file.path);
    for (const std::string& include : includes_of(file)) {
      INFO("includes " << include);
      const std::string folder = include.substr(0, include.find('/'));
      if (folder == "nlohmann") {
        const bool body = file.ends_with(".ipp");
        CHECK((body || file.ends_with("json.hpp") || include == "nlohmann/json_fwd.hpp"));
      } else if (folder == "Eigen") {
        // A decomposition, which takes long to compile, for one file.
        CHECK((include == "Eigen/Core" ||
               (include == "Eigen/Eigenvalues" && file.ends_with("lora/start.ipp"))));
      } else if (folder != include) {
        CHECK((folder == "solo" || folder == "sys"));
      }
      for (const char* slow_or_printing : {"regex", "iostream", "cassert", "assert.h"}) {
        CHECK(include != slow_or_printing);
      }
    }
    CHECK(file.code.find("#include \"") == std::string::npos);
  }
}

TEST_CASE("every folder's umbrella lists every header of the folder", "[architecture]") {
  std::map<std::string, std::set<std::string>> listed;  // by folder, subfolders' umbrellas followed
  for (const auto& [folder, allowed] : allowed_folders()) {
    for (const SourceFile& file : library_sources()) {
      if (file.folder != folder) continue;
      const std::filesystem::path path = file.path;
      if (path.stem() != path.parent_path().filename()) continue;
      for (const std::string& include : includes_of(file)) listed[folder].insert(include);
    }
  }
  for (const SourceFile& file : library_sources()) {
    const std::string umbrella = "solo/" + file.folder + "/" + file.folder + ".hpp";
    if (file.folder.empty() || file.path == umbrella || !file.is_header()) continue;
    INFO(umbrella << " does not lead to " << file.path);
    CHECK(exists(umbrella));
    CHECK(listed[file.folder].count(file.path) == 1);
  }
}

TEST_CASE("solo.hpp lists every folder's umbrella", "[architecture]") {
  std::set<std::string> umbrellas;
  std::set<std::string> listed;
  for (const SourceFile& file : library_sources()) {
    if (!file.folder.empty()) umbrellas.insert("solo/" + file.folder + "/" + file.folder + ".hpp");
    if (file.path != "solo/solo.hpp") continue;
    for (const std::string& include : includes_of(file)) listed.insert(include);
  }
  CHECK(listed == umbrellas);
}

TEST_CASE("every .ipp is reached when the library is header-only", "[architecture]") {
  std::set<std::string> included;
  for (const SourceFile& file : library_sources()) {
    for (const std::string& include : includes_of(file)) included.insert(include);
  }
  for (const SourceFile& file : library_sources()) {
    if (!file.ends_with(".ipp")) continue;
    INFO(file.path << " is included by nobody");
    CHECK(included.count(file.path) == 1);
  }
}

TEST_CASE("every header works alone when the library is header-only", "[architecture]") {
  for (const SourceFile& file : library_sources()) {
    if (!file.is_header()) continue;
    IncludeWalk walk;
    walk.enter(file.path, "the user");
    for (const std::string& early : walk.early()) {
      INFO("alone: " << file.path);
      FAIL_CHECK(early);
    }
  }
}
