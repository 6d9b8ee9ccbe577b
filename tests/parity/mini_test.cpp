// SPDX-License-Identifier: MIT
// A pretrained model on real data (both outside the repository) against figures of transformers and
// peft.

#include <solo/adapters/adapters.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/data/dataset.hpp>
#include <solo/generate/generate.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/train/trainer.hpp>

#include "parity/cases.hpp"

#include <nlohmann/json.hpp>

namespace {

using solo::Index;
using solo::test::GoldenCase;
using solo::test::Margin;

/// The model, its tokenizer and the E2E development rows.
struct Mini {
  std::filesystem::path model;
  solo::Tokenizer tokenizer;
  solo::Dataset rows;

  explicit Mini(const std::filesystem::path& shared)
      : model(shared / "models" / "gpt2-mini"),
        tokenizer(solo::Tokenizer::from_pretrained(model)),
        rows(solo::Dataset::from_file(shared / "data" / "e2e" / "devset.csv", tokenizer)) {}
};

GoldenCase mini_case(std::string_view kind, std::string_view name) {
  for (GoldenCase& c : solo::test::golden_cases(kind)) {
    if (c.name == name) return std::move(c);
  }
  FAIL("no golden " << kind << ' ' << name);
  return {};
}

/// zlib's CRC-32 of the ids, written as decimals with single spaces between.
std::uint32_t crc32_of(const std::vector<int>& ids) {
  std::string text;
  for (const int id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

std::vector<int> prompt_of(const solo::Example& e) {
  const auto first = std::find_if(e.labels.begin(), e.labels.end(), [](int l) { return l >= 0; });
  return {e.ids.begin(), e.ids.begin() + (first - e.labels.begin())};
}

/// The first `count` different prompts.
std::vector<std::vector<int>> different_prompts(const Mini& mini, std::size_t count) {
  std::vector<std::vector<int>> prompts;
  for (Index i = 0; prompts.size() < count; ++i) {
    std::vector<int> prompt = prompt_of(mini.rows[i]);
    if (std::find(prompts.begin(), prompts.end(), prompt) == prompts.end()) {
      prompts.push_back(std::move(prompt));
    }
  }
  return prompts;
}

/// ((7919 i) mod 1009 - 504) / 504 / 16: a start that Python and C++ write alike.
void fill_pattern(solo::Parameter<float>& p) {
  Index i = 0;
  for (float& x : p.value().span()) {
    x = static_cast<float>(static_cast<double>(7919 * i++ % 1009 - 504) / 504 / 16);
  }
}

void check_trace(const Mini& mini, std::string_view name) {
  const GoldenCase c = mini_case("mini-trace", name);
  Margin losses("gpt2-mini trace float");
  auto model = solo::GPT2<float>::from_pretrained(mini.model, {.threads = 2});
  if (name == "lora") {
    model.add_adapter("a", solo::LoraConfig{.r = 4, .lora_alpha = 8});
  } else if (name == "solo") {
    model.add_adapter(
        "a",
        solo::SoloConfig{.r = 36, .stride = 2, .gate_init = 1.0, .init = solo::SoloInit::identity});
  }
  for (solo::Parameter<float>* p : model.trainable_parameters()) {
    const bool down = p->name().ends_with("lora_A.weight") || p->name().ends_with("down.weight");
    if (down) fill_pattern(*p);
  }
  std::vector<Index> first;
  for (Index i = 0; i < c.json.at("rows").get<Index>(); ++i) first.push_back(i);
  solo::Trainer<float> trainer(model, {.max_steps = c.json.at("max_steps").get<std::int64_t>(),
                                       .batch_size = c.json.at("batch_size").get<Index>(),
                                       .learning_rate = c.json.at("learning_rate").get<double>(),
                                       .shuffle = false});
  const auto expected = c.json.at("float64").get<std::vector<double>>();
  std::size_t step = 0;
  trainer.on_step([&](const solo::StepInfo& info) {
    REQUIRE(step < expected.size());
    losses.add(std::abs(info.loss - expected[step]) / expected[step], 1e-5,
               c.name + ", step " + std::to_string(step + 1));
    ++step;
  });
  trainer.train(mini.rows.subset(first));
  CHECK(step == expected.size());
}

}  // namespace

TEST_CASE("gpt2-mini: ids, logits, loss and gradient norms on E2E", "[parity][shared]") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const Mini mini(*shared);
  const GoldenCase c = mini_case("mini", "base");
  const auto crcs = c.json.at("ids_crc32").get<std::vector<std::uint32_t>>();
  for (std::size_t i = 0; i < crcs.size(); ++i) {
    INFO("row " << i);
    CHECK(crc32_of(mini.rows[static_cast<Index>(i)].ids) == crcs[i]);
  }

  auto model = solo::GPT2<float>::from_pretrained(mini.model, {.threads = 2});
  Margin margin("gpt2-mini logits float");
  const auto columns = c.json.at("columns").get<std::vector<Index>>();
  Index row = 0;
  for (const solo::Json& s : c.json.at("sequences")) {
    const std::vector<int> ids = mini.rows[row++].ids;
    REQUIRE(static_cast<Index>(ids.size()) == s.at("length").get<Index>());
    const auto logits = model.logits(ids);
    const double rms = s.at("rms").get<double>();
    for (std::size_t i = 0; i < s.at("rows").size(); ++i) {
      for (std::size_t j = 0; j < columns.size(); ++j) {
        const double want = s.at("logits").at(i).at(j).get<double>();
        const auto got = static_cast<double>(logits(s.at("rows").at(i).get<Index>(), columns[j]));
        margin.add(std::abs(got - want), 1e-4 * rms, "row " + std::to_string(row - 1));
      }
    }
  }

  std::vector<Index> first(16);
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = static_cast<Index>(i);
  const solo::Batch batch = mini.rows.batch_of(first);
  const solo::Json& loss = c.json.at("loss");
  CHECK(batch.scored_tokens == loss.at("tokens").get<Index>());
  Margin losses("gpt2-mini loss float");
  Margin norms("gpt2-mini gradient norms float");
  solo::Tape<float> tape;
  double sum = 0.0;
  tape.backward(model.loss(tape, batch, {.loss_sum = &sum}));
  const double want = loss.at("loss").get<double>();
  losses.add(std::abs(sum / static_cast<double>(batch.scored_tokens) - want) / want, 1e-6, "loss");
  for (solo::Parameter<float>* p : model.trainable_parameters()) {
    double squares = 0.0;
    for (const float g : p->grad().span())
      squares += static_cast<double>(g) * static_cast<double>(g);
    const double norm = loss.at("gradient_norms").at("transformer." + p->name()).get<double>();
    norms.add(std::abs(std::sqrt(squares) - norm) / norm, 1e-4, p->name());
  }
}

TEST_CASE("gpt2-mini: greedy ids on E2E", "[parity][shared]") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const Mini mini(*shared);
  const GoldenCase c = mini_case("mini", "greedy");
  const std::vector<std::vector<int>> prompts = different_prompts(mini, c.json.at("runs").size());
  const auto model = solo::GPT2<float>::from_pretrained(mini.model, {.threads = 2});
  const auto out = solo::generate_ids(model, prompts,
                                      {.max_new_tokens = c.json.at("max_new_tokens").get<Index>()});
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const solo::Json& run = c.json.at("runs").at(i);
    INFO("prompt " << i);
    CHECK(crc32_of(prompts[i]) == run.at("prompt_crc32").get<std::uint32_t>());
    CHECK(out[i] == run.at("output_ids").get<std::vector<int>>());
  }
}

TEST_CASE("gpt2-mini: ids of beam search on E2E", "[parity][shared]") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const Mini mini(*shared);
  const GoldenCase c = mini_case("mini", "beams");
  const std::vector<std::vector<int>> prompts = different_prompts(mini, 5);
  const auto model = solo::GPT2<float>::from_pretrained(mini.model, {.threads = 2});
  for (const solo::Json& run : c.json.at("runs")) {
    const std::vector<int>& prompt = prompts[run.at("prompt").get<std::size_t>()];
    const solo::Json& options = run.at("options");
    INFO("prompt " << run.at("prompt") << ", options " << options.dump());
    CHECK(crc32_of(prompt) == run.at("prompt_crc32").get<std::uint32_t>());
    CHECK(solo::generate_ids(
              model, std::span(&prompt, 1),
              {.max_new_tokens = c.json.at("max_new_tokens").get<Index>(),
               .num_beams = options.at("num_beams").get<Index>(),
               .length_penalty = options.value("length_penalty", 1.0),
               .no_repeat_ngram_size = options.value("no_repeat_ngram_size", Index{0}),
               .num_return_sequences = options.value("num_return_sequences", Index{1})}) ==
          run.at("output_ids").get<std::vector<std::vector<int>>>());
  }
}

TEST_CASE("gpt2-mini: fifty steps on E2E", "[parity][shared]") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const Mini mini(*shared);
  for (const std::string_view name : {"lora", "solo", "full"}) check_trace(mini, name);
}
