// SPDX-License-Identifier: MIT
// Section 3: data in memory, numbers as Eigen matrices, options at load.
#include <solo/solo.hpp>

#include "support.hpp"

#include <cmath>
#include <vector>

using solo::test::require;

int main() {
  const std::string dir = solo::test::model_dir();
  auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  auto model = solo::GPT2<float>::from_pretrained(
      dir, {.threads = 2, .frozen_dtype = solo::DType::bfloat16});
  auto data =
      solo::Dataset::from_pairs({{"prompt", "completion"}, {"name : X", "X is."}}, tokenizer);
  auto by_ids = solo::Dataset::from_ids({{{5, 6, 7}, {-100, 6, 7}}, {{8, 9}, {8, 9}}});
  std::vector<int> ids = tokenizer.encode("Hello");
  require(tokenizer.decode(ids) == "Hello", "decode(encode(x)) = x");
  solo::Matrix<float> logits = model.logits(ids);
  require(logits.rows() == static_cast<Eigen::Index>(ids.size()), "a row a token");
  require(logits.cols() == model.config().vocab_size, "a column a vocabulary entry");
  double loss = model.score(data).loss;
  require(std::isfinite(loss) && loss > 0.0, "a loss");
  require(model.score(by_ids).tokens == 3, "labels are shifted, -100 is ignored");

  std::vector<std::vector<int>> prompts_as_ids = {{5, 6, 7}, {9}};
  std::vector<std::vector<int>> out =
      solo::generate_ids(model, prompts_as_ids, {.max_new_tokens = 8});
  require(out.size() == 2, "one result a prompt");
  require(out[1] == solo::generate_ids(model, std::vector<std::vector<int>>{{9}},
                                       {.max_new_tokens = 8})[0],
          "alone and in a batch give the same ids");
}
