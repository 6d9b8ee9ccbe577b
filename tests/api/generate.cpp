// SPDX-License-Identifier: MIT
// Sections 1 and 3: sampling with a stream, beams, several sequences, stop strings.
#include <solo/solo.hpp>

#include "support.hpp"

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

using solo::test::require;

int main() {
  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());

  std::string streamed;
  const std::string sampled = solo::generate(
      model, tokenizer, "Once",
      {.do_sample = true, .top_p = 0.9, .seed = 7, .on_token = [&](std::string_view piece) {
         streamed += piece;
       }});
  require(streamed == sampled, "the pieces are the text");
  require(sampled == solo::generate(model, tokenizer, "Once",
                                    {.do_sample = true, .top_p = 0.9, .seed = 7}),
          "a seed says the text");

  const std::string text =
      solo::generate(model, tokenizer, "name : Blue Spice | area : riverside",
                     {.max_new_tokens = 16, .num_beams = 4, .append_separator = true});
  std::cout << text << '\n';

  std::vector<std::vector<int>> prompts_as_ids = {{5, 6, 7}, {9}};
  std::vector<std::vector<int>> out =
      solo::generate_ids(model, prompts_as_ids, {.num_beams = 10, .no_repeat_ngram_size = 4});
  require(out.size() == 2, "one result a prompt");
  require(out[1] == solo::generate_ids(model, std::vector<std::vector<int>>{{9}},
                                       {.num_beams = 10, .no_repeat_ngram_size = 4})[0],
          "alone and in a batch give the same ids");
  require(solo::generate_ids(model, prompts_as_ids,
                             {.max_new_tokens = 8, .num_beams = 4, .num_return_sequences = 3})
                  .size() == 6,
          "three sequences a prompt");
  const std::string stopped =
      solo::generate(model, tokenizer, "Once", {.stop_strings = {"e", "a", "t"}});
  require(solo::generate(model, tokenizer, "Once").starts_with(stopped), "a text cut short");
}
