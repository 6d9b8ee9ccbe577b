// SPDX-License-Identifier: MIT
/// @file
/// A model and data small enough to train in milliseconds.
#pragma once

#include <solo/data/dataset.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/train/train.hpp>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

inline GPT2Config learner_config() {
  return {.vocab_size = 23,
          .n_positions = 16,
          .n_embd = 8,
          .n_layer = 2,
          .n_head = 2,
          .bos_token_id = -1,
          .eos_token_id = -1};
}

/// `count` sequences of 4 to 12 ids that a model can learn: each id is the one before plus a step
/// that depends on the first. The first two labels of each are ignored.
inline Dataset tiny_data(int count = 11, int offset = 0) {
  std::vector<Example> examples;
  for (int i = 0; i < count; ++i) {
    Example example;
    const int length = 4 + (i * 5) % 9;
    for (int t = 0; t < length; ++t) example.ids.push_back((offset + i + t * (1 + i % 3)) % 23);
    example.labels = example.ids;
    example.labels[0] = kIgnoreIndex;
    example.labels[1] = kIgnoreIndex;
    examples.push_back(std::move(example));
  }
  return Dataset::from_ids(std::move(examples));
}

/// All elements of all parameters, one after another.
template <Scalar T>
std::vector<T> all_values(GPT2<T>& model) {
  std::vector<T> out;
  for (Parameter<T>* p : model.parameters()) {
    out.insert(out.end(), p->value().span().begin(), p->value().span().end());
  }
  return out;
}

inline std::string read(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

inline std::vector<std::string> lines(const std::filesystem::path& path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) out.push_back(line);
  return out;
}

}  // namespace solo::test
