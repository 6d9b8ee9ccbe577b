// SPDX-License-Identifier: MIT
// Learns dialogues as prompt/completion pairs: each answer is a completion, and all that was said
// before it is the prompt. Only the answers are learnt, since prompts have no labels.
#include <solo/solo.hpp>

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using Dialogue = std::vector<std::string>;  // the user's turns and the answers, one after the other

/// The first `turns` turns, one a line, and the cue that an answer follows.
std::string prompt_of(const Dialogue& dialogue, std::size_t turns) {
  std::string text;
  for (std::size_t i = 0; i < turns; ++i) text += (i % 2 == 0 ? "U: " : "B: ") + dialogue[i] + '\n';
  return text + "B:";
}

/// The pairs of a file with a dialogue a line: {"turns": ["Hi.", "Hello.", …]}.
std::vector<std::pair<std::string, std::string>> read_pairs(const char* path) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto dialogue = nlohmann::json::parse(line).at("turns").get<Dialogue>();
    for (std::size_t i = 1; i < dialogue.size(); i += 2) {
      pairs.emplace_back(prompt_of(dialogue, i), dialogue[i]);
    }
  }
  return pairs;
}

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::cerr << "usage: dialogue MODEL DIALOGUES.jsonl QUESTION...\n";
    return 2;
  }
  auto model = solo::GPT2<float>::from_pretrained(argv[1]);
  const auto tokenizer = solo::Tokenizer::from_pretrained(argv[1]);
  const auto data = solo::Dataset::from_pairs(read_pairs(argv[2]), tokenizer);

  const solo::LoraConfig config{.r = 8, .target_modules = {"c_attn", "c_proj", "c_fc"}};
  model.add_adapter("dialogue", config);
  solo::Trainer trainer(model, {.max_steps = 200, .learning_rate = 1e-2, .eval_on_start = true});
  const solo::TrainResult result = trainer.train(data, data);
  std::cout << "loss " << *result.initial_eval_loss << " -> " << *result.eval_loss << '\n';

  Dialogue dialogue;
  for (int i = 3; i < argc; ++i) {  // every answer becomes part of the next prompt
    dialogue.emplace_back(argv[i]);
    std::string answer = solo::generate(model, tokenizer, prompt_of(dialogue, dialogue.size()),
                                        {.max_new_tokens = 16, .append_separator = true});
    if (answer.starts_with(' ')) answer.erase(0, 1);
    std::cout << "U: " << argv[i] << "\nB: " << answer << '\n';
    dialogue.push_back(std::move(answer));
  }
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
