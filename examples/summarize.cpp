// SPDX-License-Identifier: MIT
// Learns summaries as prompt/completion pairs. A document that is too long for the model is cut at
// its end, so that the summary always fits.
#include <solo/solo.hpp>

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

constexpr std::size_t kSummaryTokens = 16;  // of the longest summary, cue and separators included

/// The document, cut after a word to the tokens there is room for, and the cue for a summary.
std::string prompt_of(const solo::GPT2Config& config, const solo::Tokenizer& tokenizer,
                      std::string document) {
  const std::size_t room = static_cast<std::size_t>(config.n_positions) - kSummaryTokens;
  std::vector<int> ids = tokenizer.encode(document);
  if (ids.size() > room) {
    ids.resize(room);
    document = tokenizer.decode(ids);
    document.resize(document.find_last_of(' '));
  }
  return document + "\nTL;DR:";
}

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::cerr << "usage: summarize MODEL SUMMARIES.jsonl DOCUMENT\n";
    return 2;
  }
  auto model = solo::GPT2<float>::from_pretrained(argv[1]);
  const auto tokenizer = solo::Tokenizer::from_pretrained(argv[1]);

  std::vector<std::pair<std::string, std::string>> pairs;
  std::ifstream file(argv[2]);  // {"document": …, "summary": …} a line
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json row = nlohmann::json::parse(line);
    pairs.emplace_back(prompt_of(model.config(), tokenizer, row.at("document")), row.at("summary"));
  }
  const auto data = solo::Dataset::from_pairs(pairs, tokenizer);

  const solo::SoloConfig config{.r = 16,
                                .stride = 1,
                                .share = solo::SoloShare::none,
                                .gate_init = 1.0,
                                .init = solo::SoloInit::identity};
  model.add_adapter("summaries", config);
  solo::Trainer trainer(model, {.max_steps = 500, .learning_rate = 1e-2, .eval_on_start = true});
  const solo::TrainResult result = trainer.train(data, data);
  std::cout << "loss " << *result.initial_eval_loss << " -> " << *result.eval_loss << '\n'
            << argv[3] << "\nTL;DR:"
            << solo::generate(model, tokenizer, prompt_of(model.config(), tokenizer, argv[3]),
                              {.max_new_tokens = kSummaryTokens, .append_separator = true})
            << '\n';
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
