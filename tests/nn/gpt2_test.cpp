// SPDX-License-Identifier: MIT
// The model's own properties: ragged = alone, shared contexts, cache, threads, refused input.
#include <solo/adapters/adapters.hpp>
#include <solo/autograd/gradcheck.hpp>
#include <solo/data/dataset.hpp>
#include <solo/nn/gpt2.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace solo;

namespace {

const GPT2Config kTiny = {.vocab_size = 50,
                          .n_positions = 24,
                          .n_embd = 24,
                          .n_layer = 3,
                          .n_head = 3,
                          .bos_token_id = 49,
                          .eos_token_id = 49};

template <Scalar T>
GPT2<T> make_model(int threads = 1) {
  GPT2<T> model(kTiny, {.threads = threads, .seed = 3});
  // Weights large enough that every part matters.
  std::uint64_t stream = 100;
  for (Parameter<T>* p : model.parameters()) {
    const Philox random(9, stream++);
    for (Index i = 0; i < p->size(); ++i) {
      p->value().data()[i] += static_cast<T>(0.2 * random.normal(static_cast<std::uint64_t>(i)));
    }
  }
  return model;
}

Batch sequence(const std::vector<int>& ids) {
  Batch b;
  b.ids = ids;
  b.targets.assign(ids.begin() + 1, ids.end());
  b.targets.push_back(kIgnoreIndex);
  b.segments = {{.length = b.rows()}};
  b.examples = 1;
  return b;
}

Batch join(const std::vector<Batch>& parts) {
  Batch all;
  for (const Batch& p : parts) {
    for (Segment s : p.segments) {
      s.begin += all.rows();
      all.segments.push_back(s);
    }
    all.ids.insert(all.ids.end(), p.ids.begin(), p.ids.end());
    all.targets.insert(all.targets.end(), p.targets.begin(), p.targets.end());
  }
  return all;
}

template <Scalar T>
std::vector<T> all_gradients(GPT2<T>& model, const Batch& batch, const LossOptions& options = {}) {
  Tape<T> tape;
  for (Parameter<T>* p : model.parameters()) p->zero_grad();
  tape.backward(model.loss(tape, batch, options));
  std::vector<T> all;
  for (Parameter<T>* p : model.parameters()) {
    all.insert(all.end(), p->grad().span().begin(), p->grad().span().end());
  }
  return all;
}

const std::vector<int> kA = {5, 6, 7, 8, 9, 10, 11};
const std::vector<int> kB = {12, 40};
const std::vector<int> kC = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

}  // namespace

TEST_CASE("a ragged batch scores each sequence as alone, bit for bit") {
  const GPT2<float> model = make_model<float>();
  double sum = 0.0;
  Index tokens = 0;
  for (const auto& ids : {kA, kB, kC}) {
    const Score s = model.score(sequence(ids));
    sum += s.loss * static_cast<double>(s.tokens);
    tokens += s.tokens;
  }
  const Score together = model.score(join({sequence(kA), sequence(kB), sequence(kC)}));
  CHECK(together.tokens == tokens);
  CHECK(together.loss == test::Approx(sum / static_cast<double>(tokens)).epsilon(1e-15));
}

TEST_CASE("a shared context gives the losses and gradients of the full sequences") {
  GPT2<double> model = make_model<double>();
  const std::vector<int> first = {5, 6, 7, 8, 20, 21, 22};
  const std::vector<int> second = {5, 6, 7, 8, 30};
  Batch full = join({sequence(first), sequence(second)});
  // Only completions are scored: rows that predict tokens 20, 21, 22 and 30.
  for (const Index row : {0, 1, 2, 7, 8, 9})
    full.targets[static_cast<std::size_t>(row)] = kIgnoreIndex;
  Batch shared;
  shared.ids = {5, 6, 7, 8, 20, 21, 22, 8, 30};
  shared.targets = {-100, -100, -100, 20, 21, 22, -100, 30, -100};
  shared.segments = {{.begin = 0, .length = 3},
                     {.begin = 3, .length = 4, .position = 3, .parent = 0},
                     {.begin = 7, .length = 2, .position = 3, .parent = 0}};
  CHECK(model.score(full).loss == test::Approx(model.score(shared).loss).epsilon(1e-13));
  const std::vector<double> a = all_gradients(model, full);
  const std::vector<double> b = all_gradients(model, shared);
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += a[i] * a[i];
  }
  CHECK(norm > 0.0);
  CHECK(std::sqrt(difference / norm) < 1e-12);
}

TEST_CASE("cached decoding gives the bits of the full forward pass") {
  const GPT2<float> model = make_model<float>(2);
  const Matrix<float> full = model.logits(kC);
  KeyValueCache<float> cache(model.config(), 2, 24);
  const std::vector<Index> sequences = {1};
  Batch prompt;
  prompt.ids.assign(kC.begin(), kC.begin() + 4);
  prompt.segments = {{.length = 4}};
  Matrix<float> next = as_eigen(model.next_logits(prompt, cache, sequences));
  CHECK(next.row(0) == full.row(3));
  for (std::size_t i = 4; i < kC.size(); ++i) {
    Batch one;
    one.ids = {kC[i]};
    one.segments = {{.length = 1, .position = static_cast<Index>(i)}};
    next = as_eigen(model.next_logits(one, cache, sequences));
    CHECK(next.row(0) == full.row(static_cast<Eigen::Index>(i)));
  }
  // Another number of sequences, and a place that is not the next one.
  test::check_throws<ShapeError>([&] { (void)model.next_logits(prompt, cache, {}); },
                                 "shape.mismatch", {"1 segments, 0 sequences"});
  test::check_throws<ShapeError>([&] { (void)model.next_logits(prompt, cache, sequences); },
                                 "batch.segments", {"segment 0: position 0", "cached sequence"});
}

TEST_CASE("one thread and many give the same bits") {
  GPT2<float> one = make_model<float>(1);
  const Batch batch = join({sequence(kC), sequence(kA), sequence(kB), sequence(kC)});
  const LossOptions dropout = {.label_smoothing = 0.1, .model_dropout = true};
  const std::vector<float> expected = all_gradients(one, batch, dropout);
  for (const int threads : {2, 3, 5}) {
    GPT2<float> many = make_model<float>(threads);
    CHECK(many.logits(kC) == one.logits(kC));
    CHECK(all_gradients(many, batch, dropout) == expected);
  }
}

TEST_CASE("the model's gradients agree with central differences") {
  GPT2<double> model = make_model<double>();
  const Batch batch = join({sequence(kA), sequence(kB)});
  const std::vector<Parameter<double>*> parameters = model.parameters();
  GradientCheckOptions options;
  options.elements = 40;
  for (const bool dropout : {false, true}) {
    const auto checks = check_gradients<double>(
        [&](Tape<double>& tape) {
          return model.loss(tape, batch, {.label_smoothing = 0.1, .model_dropout = dropout});
        },
        parameters, options);
    for (const GradientCheck& c : checks) {
      INFO(c.name);
      CHECK(c.relative_error <= 1e-6);
    }
  }
}

TEST_CASE("refused input is named and leaves nothing behind") {
  GPT2<float> model = make_model<float>();
  Tape<float> tape;
  const auto failure = [&](const Batch& batch) -> std::string {
    try {
      (void)model.loss(tape, batch);
    } catch (const Error& e) {
      return concat(e.id(), ": ", e.what());
    }
    return "accepted";
  };
  CHECK(failure({}) == "sequence.empty: the batch has no token");
  CHECK(failure(sequence({1, 50})) ==
        "ids.range: token id 50 at row 1 is not below the vocabulary size 50");
  CHECK(failure(sequence({1, -1})).starts_with("ids.range"));
  CHECK(failure(sequence(std::vector<int>(25, 1))) ==
        "sequence.length: a sequence of 25 tokens is longer than n_positions 24");
  Batch unlabelled = sequence(kA);
  unlabelled.targets.assign(unlabelled.ids.size(), kIgnoreIndex);
  CHECK(failure(unlabelled) == "loss.labels: the batch has no label to score");
  Batch label = sequence(kA);
  label.targets[0] = 50;
  CHECK(failure(label) == "ids.range: label 50 is not below the vocabulary size 50");
  Batch uncovered = sequence(kA);
  uncovered.segments[0].length = 3;
  CHECK(failure(uncovered).starts_with("batch.segments"));
  Batch orphan = sequence(kA);
  orphan.segments = {{.length = 3}, {.begin = 3, .length = 4, .position = 2, .parent = 0}};
  CHECK(failure(orphan).starts_with("batch.segments"));
  Batch few = sequence(kA);
  few.targets.pop_back();
  CHECK(failure(few).starts_with("shape.mismatch: batch: "));
  Batch gap = sequence(kA);
  gap.segments[0].begin = 1;
  CHECK(failure(gap).starts_with("batch.segments: segment 0: rows [1, "));
  CHECK_THROWS_AS(model.logits(std::vector<int>{}), ShapeError);
  test::check_throws<ConfigError>(
      [&] { (void)model.loss(tape, sequence(kA), {.label_smoothing = 1.0}); }, "config.range",
      {"label_smoothing", "found 1"});
  test::check_throws<ConfigError>(
      [&] { (void)model.score(Dataset::from_ids({{kA}}), {.batch_size = 0}); }, "config.range",
      {"batch_size", "found 0"});
  test::check_throws<ConfigError>([&] { (void)model.parameter("h.9.ln_1.bias"); },
                                  "model.parameter", {"h.9.ln_1.bias"});
  CHECK_THROWS_AS(GPT2<float>(GPT2Config{.n_embd = 10, .n_head = 3}), ConfigError);
  test::check_throws<ConfigError>(
      [] { (void)GPT2<float>(kTiny, {.frozen_dtype = DType::float16}); }, "config.frozen_dtype",
      {"float32 or bfloat16", "float16"});
}

TEST_CASE("random weights depend on the seed alone") {
  const GPT2<float> a(kTiny, {.threads = 1, .seed = 5});
  const GPT2<float> b(kTiny, {.threads = 3, .seed = 5});
  const GPT2<float> c(kTiny, {.threads = 1, .seed = 6});
  CHECK(a.logits(kA) == b.logits(kA));
  CHECK(a.logits(kA) != c.logits(kA));
}

TEST_CASE("parameters are enumerated once, a tied head too") {
  const GPT2<float> model(kTiny, {.threads = 1});
  CHECK(model.parameters().size() == 2 + 3 * 12 + 2);
  CHECK(model.parameter_count() == 50 * 24 + 24 * 24 + 3 * (12 * 24 * 24 + 13 * 24) + 2 * 24);
}
