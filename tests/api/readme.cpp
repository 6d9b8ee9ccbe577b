// SPDX-License-Identifier: MIT
// The program of README.md, letter by letter, in a folder that has what it names.
#include "support.hpp"
#include "support/temp_dir.hpp"

#include <fstream>

namespace {

/// Made before main begins: the folder "gpt2", two data files, and all of it the current folder.
struct Folder {
  solo::test::TempDir temp;

  Folder() {
    namespace fs = std::filesystem;
    fs::create_directory(temp.path() / "gpt2");
    for (const std::string& from : {solo::test::model_dir(), solo::test::tokenizer_dir()}) {
      for (const auto& entry : fs::directory_iterator(from)) {
        fs::copy_file(entry.path(), temp.path() / "gpt2" / entry.path().filename());
      }
    }
    for (const char* name : {"train.jsonl", "valid.jsonl"}) {
      std::ofstream(temp.path() / name)
          << R"({"prompt": "name : Blue Spice", "completion": "Blue Spice is a pub."})" << '\n';
    }
    fs::current_path(temp.path());
  }
  /// After main: what the program must have left.
  ~Folder() {
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors", "log.jsonl"}) {
      if (std::filesystem::exists(temp.path() / "out" / name)) continue;
      std::cerr << "failed: the program wrote no " << name << '\n';
      std::_Exit(1);
    }
    std::filesystem::current_path(std::filesystem::temp_directory_path());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

const Folder kFolder;

}  // namespace

// README.md does not use its `result`.
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"

// clang-format off
#include <solo/solo.hpp>
#include <iostream>

int main() {
  auto model = solo::GPT2<float>::from_pretrained("gpt2");  // a Hugging Face folder
  auto tokenizer = solo::Tokenizer::from_pretrained("gpt2");
  model.add_adapter("e2e", solo::SoloConfig{.r = 64, .stride = 2});  // the base is frozen from here on

  auto train = solo::Dataset::from_file("train.jsonl", tokenizer);
  auto valid = solo::Dataset::from_file("valid.jsonl", tokenizer);
  solo::Trainer trainer(model, {.output_dir = "out", .epochs = 3, .learning_rate = 2e-4});
  trainer.on_step([](const solo::StepInfo& s) { std::cerr << s.step << ' ' << s.loss << '\n'; });
  solo::TrainResult result = trainer.train(train, valid);

  model.save_adapter("e2e", "out");
  std::cout << solo::generate(model, tokenizer, "name : Blue Spice | area : riverside",
                              {.max_new_tokens = 64, .append_separator = true}) << '\n';
}
