// SPDX-License-Identifier: MIT
// What `solo params` forecasts is what `solo train` takes.
#include <solo/nn/nn.hpp>

#include "cli/program.hpp"
#include "support/catch.hpp"

#include <fstream>

using namespace solo;
using namespace solo::test;

#ifndef SOLO_SANITIZED  // their runtimes take memory of their own

namespace {

/// A random model of 18 million parameters, and sequences of one length for it.
void write_inputs(const TempDir& dir, Index length) {
  const std::filesystem::path model = dir.path() / "model";
  if (!std::filesystem::exists(model)) {
    GPT2<float>({.vocab_size = 8000, .n_embd = 384, .n_layer = 8, .n_head = 6})
        .save_pretrained(model);
  }
  std::ofstream out(dir.path() / "rows.jsonl");
  for (int i = 0; i < 4; ++i) {
    out << R"({"input_ids": [)" << i;
    for (Index j = 1; j < length; ++j) out << ", " << (j * 37 + i) % 8000;
    out << "]}\n";
  }
}

struct Case {
  std::vector<std::string> method;
  Index batch = 2;
  Index length = 512;
};

}  // namespace

TEST_CASE("the forecast of memory is what training takes", "[memory]") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::vector<std::string> lora = {"--method", "lora", "--rank", "4"};
  const std::vector<std::string> wide = {"--method",           "lora",           "--target-modules",
                                         "c_attn,c_proj,c_fc", "--lora-dropout", "0.1"};
  const std::vector<std::string> connection = {"--method", "solo", "--stride", "1"};
  const std::vector<std::string> short_links = {"--method", "solo", "--links", "6-8"};
  const std::vector<std::string> full = {"--method", "full"};
  const auto with = [](std::vector<std::string> list, const std::vector<std::string>& more) {
    list.insert(list.end(), more.begin(), more.end());
    return list;
  };
  const std::vector<std::string> again = {"--gradient-checkpointing"};
  const std::vector<std::string> half = {"--dtype", "bfloat16"};
  const std::vector<Case> cases = {{lora},
                                   {lora, 4, 128},
                                   {with(lora, again)},
                                   {with(with(lora, again), half), 1, 1024},
                                   {with(lora, half)},
                                   {wide},
                                   {connection},
                                   {with(connection, again)},
                                   {short_links},
                                   {full, 4, 64},
                                   {full},
                                   {with(full, again)}};
  for (const Case& c : cases) {
    write_inputs(dir, c.length);
    const std::string model = dir.path() / "model";
    std::vector<std::string> forecast = {"params", "--model", model, "--json"};
    forecast = with(with(forecast, c.method), {"--batch-size", std::to_string(c.batch),
                                               "--sequence-length", std::to_string(c.length)});
    const double expected =
        solo_program(dir, forecast).json().at("forecast").at("peak_bytes").get<double>();
    std::vector<std::string> run = {
        "train",    "--model",          model,    "--train", dir.path() / "rows.jsonl",
        "--output", dir.path() / "out", "--json", "--quiet"};
    run = with(with(run, c.method), {"--batch-size", std::to_string(c.batch), "--max-steps", "2"});
    std::filesystem::remove_all(dir.path() / "out");  // a model is not saved beside an adapter
    const double found = solo_program(dir, run).json().at("peak_rss_bytes").get<double>();
    CAPTURE(forecast, expected, found, found / expected);
    CHECK(std::abs(found - expected) < 0.1 * expected + 8e6);
  }
}

#endif
