// SPDX-License-Identifier: MIT
// Model and adapter folders as people have them: the loss of transformers and peft, or one clear
// line.
#include "cases/everyday.hpp"

#include <string_view>

using namespace solo;
using test::check_error;
using test::check_number;
using test::Everyday;
using test::kLossWithin;
using test::Outcome;

namespace {

/// solo score --json of a case's ids.jsonl.
Outcome score(const Everyday& e, const std::string& ids, const std::string& model,
              const std::string& adapter = {}) {
  std::vector<std::string> arguments = {
      "score",  "--model", model,       "--input", e.file(ids + "/ids.jsonl"),
      "--json", "--quiet", "--threads", "1"};
  if (!adapter.empty()) {
    arguments.emplace_back("--adapter");
    arguments.push_back(e.model(adapter));
  }
  return e.run(arguments);
}

struct Loss {
  std::string folder;
  std::string model;
  std::string adapter;
  double loss;
  double within = kLossWithin;
};

void check_losses(std::initializer_list<Loss> cases) {
  const Everyday e;
  for (const Loss& c : cases) {
    INFO(c.folder);
    check_number(score(e, c.folder, e.model(c.model), c.adapter), "loss", c.loss, c.within);
  }
}

}  // namespace

TEST_CASE("everyday 01: adapters whose start changed the base") {
  SOLO_NEEDS_EVERYDAY;
  check_losses({{"01-base-changing-adapters-pissa-score", "tiny", "pissa", 1.484432},
                {"01-base-changing-adapters-olora-score", "tiny", "olora", 2.841261},
                {"01-base-changing-adapters-eva-is-plain", "tiny", "init-eva", 7.73509}});
  const Everyday e;
  const Outcome corda =
      score(e, "01-base-changing-adapters-corda-refused", e.model("tiny"), "corda");
  check_error(corda, 1, "init_lora_weights");
  check_error(corda, 1, "path_initial_model_for_weight_conversion");
  const Outcome merged =
      e.run({"merge", "--model", e.model("tiny"), "--adapter", e.model("pissa"), "--output",
             e.output("result"), "--json", "--quiet", "--threads", "1"});
  INFO(merged.err);
  REQUIRE(merged.status == 0);
  check_number(score(e, "01-base-changing-adapters-pissa-merge", e.output("result")), "loss",
               1.484432, kLossWithin);
}

TEST_CASE("everyday 09: an adapter beside the model is used or told") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const auto told = [](const Outcome& o, double loss) {
    INFO("stdout: " << o.out << "\nstderr: " << o.err);
    if (o.status == 0) {
      check_number(o, "loss", loss, kLossWithin);
    } else {
      check_error(o, 1, "adapter");
    }
  };
  told(score(e, "09-adapter-beside-model-score", e.model("both")), 7.73509);

  const std::string ids = e.file("09-adapter-beside-model-output-is-model/ids.jsonl");
  REQUIRE(e.shell("cp -r $E/models/tiny $O/tiny").status == 0);
  const std::string tiny = e.output("tiny");
  const Outcome trained =
      e.run({"train", "--model", tiny, "--method", "lora", "--rank", "2", "--learning-rate", "1e-2",
             "--train", ids, "--output", tiny, "--max-steps", "20", "--quiet", "--threads", "1"});
  if (trained.status != 0) {
    check_error(trained, 1, "--output");
    CHECK_FALSE(std::filesystem::exists(e.output("tiny/adapter_config.json")));
    return;
  }
  const std::string folder = "09-adapter-beside-model-output-is-model";
  const Outcome with = e.run({"score", "--model", tiny, "--adapter", tiny, "--input", ids, "--json",
                              "--quiet", "--threads", "1"});
  told(score(e, folder, tiny), test::number_of(with, "loss"));
}

TEST_CASE("everyday 11: adapters with rows for new tokens") {
  SOLO_NEEDS_EVERYDAY;
  check_losses({{"11-lora-with-new-tokens-resized-adapter", "resized", "resized-adapter", 7.296612},
                {"11-lora-with-new-tokens-tokens-adapter", "resized", "tokens-adapter", 7.296612}});
  const Everyday e;
  const Outcome merged =
      e.run({"merge", "--model", e.model("resized"), "--adapter", e.model("resized-adapter"),
             "--output", e.output("result"), "--json", "--quiet", "--threads", "1"});
  INFO(merged.err);
  REQUIRE(merged.status == 0);
  check_number(score(e, "11-lora-with-new-tokens-resized-adapter-merge", e.output("result")),
               "loss", 7.296612, kLossWithin);
}

TEST_CASE("everyday 13: a tied model whose one matrix is lm_head.weight") {
  SOLO_NEEDS_EVERYDAY;
  check_losses({{"13-head-only-checkpoint-score", "head-only", "", 7.78027},
                {"13-head-only-checkpoint-shards", "head-shards", "", 7.78027}});
}

TEST_CASE("everyday 14: what is no checkpoint is called by its name") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const auto right_or = [](const Outcome& o, double loss, std::vector<std::string> parts) {
    if (o.status == 0) {
      check_number(o, "loss", loss, kLossWithin);
      return;
    }
    for (const std::string& part : parts) check_error(o, 1, part);
  };
  right_or(score(e, "14-messages-lora-without-prefix", e.model("tiny"), "no-prefix"), 7.73509,
           {"transformer.h.0.attn.c_attn.lora_A.weight", "base_model.model."});
  check_error(score(e, "14-messages-lfs-model", e.model("pointer-model")), 1, "Git LFS pointer");
  const Outcome vocab = e.shell(
      "$SOLO tokenize --tokenizer $E/models/pointer-tokenizer < "
      "$E/14-messages-lfs-vocab/text.json");
  check_error(vocab, 1, "vocab.json");
  check_error(vocab, 1, "LFS");
  right_or(score(e, "14-messages-score-head", e.model("score-head")), 7.78027, {"score.weight"});
  right_or(score(e, "14-messages-compiled", e.model("compiled")), 7.78027, {"_orig_mod."});
}

TEST_CASE("everyday 17: keys of older and newer peft that say nothing") {
  SOLO_NEEDS_EVERYDAY;
  check_losses({{"17-old-and-null-keys-peft-0.2", "tiny", "peft-0.2", 7.73509},
                {"17-old-and-null-keys-loftq-null", "tiny", "loftq-null", 7.73509},
                {"17-old-and-null-keys-new-null-key", "tiny", "new-null-key", 7.73509}});
}

TEST_CASE("everyday 18: names of activations") {
  SOLO_NEEDS_EVERYDAY;
  check_losses({{"18-activation-names-swish", "act-swish", "", 7.390527, 1e-5},
                {"18-activation-names-gelu-python", "act-gelu-python", "", 7.396426, 1e-5},
                {"18-activation-names-gelu-fast", "act-gelu-fast", "", 7.39645, 1e-5},
                {"18-activation-names-gelu-accurate", "act-gelu-accurate", "", 7.39645, 1e-5}});
}

TEST_CASE("everyday 25: names of tensors are shown whole") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  check_error(score(e, "25-whole-names-extra-in-model", e.model("extra-tensor")), 1,
              "transformer.h.0.attn.a_module_that_somebody_added_in_their_own_fork_of_the_model."
              "and_a_part_of_it.weight");
  check_error(score(e, "25-whole-names-missing-in-adapter", e.model("tiny"), "missing-lora"), 1,
              "transformer.h.2.attn.c_attn.lora_B.weight");
}
