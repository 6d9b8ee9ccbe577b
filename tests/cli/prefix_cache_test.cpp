// SPDX-License-Identifier: MIT
// solo train --prefix-cache.
#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::Outcome;
using test::slurp;
using test::solo_program;
using test::TempDir;

namespace {

struct Setup {
  TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string data = test::train_file(dir);

  [[nodiscard]] Outcome train(const std::string& output, std::vector<std::string> more) const {
    std::vector<std::string> arguments = {
        "train",      "--model",  model, "--method",     "solo", "--links",
        "0-2",        "--rank",   "2",   "--train",      data,   "--output",
        path(output), "--epochs", "3",   "--batch-size", "2",    "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return dir.path() / name; }
  [[nodiscard]] std::string adapter(const std::string& output) const {
    return slurp(dir.path() / output / "adapter_model.safetensors");
  }
};

}  // namespace

TEST_CASE("solo train with a prefix cache writes the adapter that it writes without one") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Outcome plain = setup.train("plain", {});
  INFO(plain.err);
  REQUIRE(plain.status == 0);
  CHECK(plain.json().at("prefix_cache").is_null());
  const std::string file = setup.path("cache");
  for (const std::string& where : {std::string("memory"), file}) {
    INFO(where);
    const Outcome cached = setup.train(where == file ? "file" : where, {"--prefix-cache", where});
    INFO(cached.err);
    REQUIRE(cached.status == 0);
    const Json info = cached.json().at("prefix_cache");
    CHECK(info.at("blocks") == 2);
    CHECK(info.at("rows_left_out") == 0);
    CHECK(info.at("rows_read").get<int>() > info.at("rows_computed").get<int>());
    CHECK(setup.adapter(where == file ? "file" : where) == setup.adapter("plain"));
  }
  const Outcome again = setup.train("again", {"--prefix-cache", file, "--seed", "7"});
  REQUIRE(again.status == 0);
  CHECK(again.json().at("prefix_cache").at("rows_computed") == 0);
  const Outcome grouped =
      setup.train("grouped", {"--prefix-cache", file, "--share-context", "--shuffle-by-context"});
  REQUIRE(grouped.status == 0);
  CHECK(grouped.json().at("prefix_cache").at("rows_computed") == 0);
  check_error(setup.train("x", {"--no-shuffle", "--shuffle-by-context"}), 2, "--no-shuffle");
  const Outcome rounded =
      setup.train("rounded", {"--prefix-cache", "memory", "--prefix-cache-dtype", "bfloat16"});
  REQUIRE(rounded.status == 0);
  CHECK(2 * rounded.json().at("prefix_cache").at("bytes").get<int>() ==
        again.json().at("prefix_cache").at("bytes").get<int>());
  CHECK(solo_program(setup.dir, {"inspect", file, "--json"}).status == 0);
}

TEST_CASE("solo train refuses the prefix cache of something else, or replaces it when asked") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string file = setup.path("cache");
  REQUIRE(setup.train("first", {"--prefix-cache", file}).status == 0);
  const std::string good = slurp(file);
  const std::vector<std::string> other = {"--prefix-cache", file, "--separator", "none"};
  check_error(setup.train("other", other), 1, "other token ids");
  check_error(setup.train("other", {"--prefix-cache", file, "--dtype", "bfloat16"}), 1,
              "another base model");
  check_error(setup.train("other", {"--prefix-cache", file, "--prefix-cache-dtype", "bfloat16"}), 1,
              "another prefix");
  CHECK(!std::filesystem::exists(setup.path("other")));
  CHECK(slurp(file) == good);
  std::ofstream(file) << good.substr(0, good.size() - 100);
  check_error(setup.train("other", {"--prefix-cache", file}), 1, file);
  std::vector<std::string> rebuild = other;
  rebuild.emplace_back("--prefix-cache-rebuild");
  const Outcome rebuilt = setup.train("rebuilt", rebuild);
  INFO(rebuilt.err);
  REQUIRE(rebuilt.status == 0);
  CHECK(rebuilt.json().at("prefix_cache").at("rows_computed").get<int>() > 0);
  CHECK(setup.train("rebuilt-again", other).json().at("prefix_cache").at("rows_computed") == 0);
}

TEST_CASE("a prefix cache that cannot be is an error") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  check_error(setup.train("x", {"--prefix-cache", "memory", "--model-dropout"}), 1,
              "model_dropout");
  check_error(setup.train("x", {"--prefix-cache", ""}), 2, "--prefix-cache");
  check_error(setup.train("x", {"--prefix-cache", "memory", "--prefix-cache-max-mb", "0"}), 2,
              "--prefix-cache-max-mb");
  check_error(setup.train("x", {"--prefix-cache-dtype", "bfloat16"}), 2, "--prefix-cache");
  check_error(setup.train("x", {"--prefix-cache", "memory", "--prefix-cache-dtype", "float16"}), 2,
              "float16");
  check_error(solo_program(setup.dir, {"train", "--model", setup.model, "--method", "lora",
                                       "--train", setup.data, "--output", setup.path("x"),
                                       "--prefix-cache", setup.path("cache")}),
              1, "first block");
  CHECK(!std::filesystem::exists(setup.path("x")));
  CHECK(!std::filesystem::exists(setup.path("cache")));
}
