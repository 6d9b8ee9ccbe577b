// SPDX-License-Identifier: MIT
// Fifty training steps against torch.optim.AdamW and transformers' schedules: the loop written by
// hand, and the Trainer.

#include <solo/adapters/adapters.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/data/dataset.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/optim/optim.hpp>
#include <solo/train/trainer.hpp>

#include "parity/cases.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <memory>

namespace {

using solo::Index;
using solo::test::GoldenCase;
using solo::test::Margin;
using solo::test::scalar_name;

/// What the oracle logged at each step.
struct Expected {
  std::vector<double> loss;
  std::vector<double> grad_norm;
  std::vector<double> learning_rate;

  explicit Expected(const GoldenCase& c)
      : loss(c.json.at("float64").at("loss").get<std::vector<double>>()),
        grad_norm(c.json.at("float64").at("grad_norm").get<std::vector<double>>()),
        learning_rate(c.json.at("float64").at("learning_rate").get<std::vector<double>>()) {}
};

std::map<std::string, double> multipliers(const GoldenCase& c) {
  return c.json.at("lr_multipliers").get<std::map<std::string, double>>();
}

template <class T>
std::vector<T> converted(const std::vector<double>& values) {
  std::vector<T> result;
  for (const double v : values) result.push_back(static_cast<T>(v));
  return result;
}

// g++ 12 cannot digest such temporaries inside a template ("internal compiler error: in
// check_noexcept_r").
solo::LoraConfig sliced_config() {
  return {.r = 2, .lora_alpha = 4, .target_modules = {"c_attn.q", "c_attn.v"}};
}
solo::LayerNormConfig norms_config() {
  return {};
}

/// LoRA on parts of c_attn starts from the ordinary file of twice the rank.
template <class T>
void add_sliced(solo::GPT2<T>& model, const GoldenCase& c) {
  solo::Adapter<T>& adapter = model.add_adapter("trained", sliced_config());
  const auto file = solo::SafetensorsFile::open(c.folder("adapter") / "adapter_model.safetensors");
  auto tensors = adapter.export_tensors(solo::FileContent::values);
  REQUIRE(tensors.size() == file.tensors().size());
  for (auto& tensor : tensors) {
    const solo::TensorInfo& info = file.at(adapter.file_prefix() + tensor.name);
    REQUIRE(info.shape == tensor.value.shape());
    file.read<T>(info, tensor.value.span());
  }
  adapter.import_tensors(std::move(tensors));
}

template <class T>
solo::GPT2<T> start(const GoldenCase& c) {
  auto model = solo::GPT2<T>::from_pretrained(c.folder("model"), {.threads = 1});
  const auto method = c.json.at("method").get<std::string>();
  if (c.json.contains("slices")) {
    add_sliced(model, c);
  } else if (c.has_adapter()) {
    model.load_adapter("trained", c.folder("adapter"));
  } else if (method == "bitfit") {
    model.add_adapter("trained", solo::BitFitConfig{});
  } else if (method == "ln_tuning") {
    model.add_adapter("trained", norms_config());
  }
  return model;
}

/// Final tensors, under the names of the file (BitFit's are the base's own).
template <class T>
void check_final(solo::GPT2<T>& model, const GoldenCase& c, Margin& margin) {
  if (!c.tensors || c.json.at("method").get<std::string>() == "bitfit") return;
  solo::Adapter<T>& adapter = model.adapter("trained");
  std::size_t compared = 0;
  for (const auto& tensor : adapter.export_tensors(solo::FileContent::values)) {
    const std::string key = "final." + adapter.file_prefix() + tensor.name;
    if (c.tensors->find(key) == nullptr) continue;
    margin.add(solo::test::relative_l2(tensor.value.span(), c.tensor(key)),
               solo::test::limit<T>(1e-3, 1e-8), c.name + ", " + tensor.name);
    ++compared;
  }
  CHECK(compared == c.tensors->tensors().size());
}

/// One step of one's own loop: the loss of the window, its gradients on the parameters.
template <class T>
double window_loss(solo::GPT2<T>& model, solo::Tape<T>& tape, const GoldenCase& c,
                   std::size_t step) {
  const solo::Json& examples = c.json.at("examples");
  std::vector<solo::Batch> batches;
  Index tokens = 0;
  for (const solo::Json& micro : c.json.at("steps").at(step)) {
    std::vector<const solo::Json*> list;
    for (const solo::Json& i : micro) list.push_back(&examples.at(i.get<std::size_t>()));
    batches.push_back(solo::test::ragged_batch(list));
    tokens += batches.back().scored_tokens;
  }
  double homotopy = 1.0;
  if (const std::string name = model.active_adapter(); !name.empty()) {
    homotopy = model.adapter(name).homotopy(static_cast<std::int64_t>(step) + 1);
  }
  double loss = 0.0;
  for (const solo::Batch& batch : batches) {
    double sum = 0.0;
    tape.backward(model.loss(tape, batch,
                             {.label_smoothing = c.json.at("label_smoothing").get<double>(),
                              .normalizer = static_cast<double>(tokens),
                              .homotopy = homotopy,
                              .loss_sum = &sum}));
    loss += sum / static_cast<double>(tokens);
  }
  return loss;
}

template <class T>
void check_loop(const GoldenCase& c, Margin& losses, Margin& norms, Margin& finals) {
  auto model = start<T>(c);
  const Expected expected(c);
  const auto parameters = model.trainable_parameters();
  const double rate = c.json.at("learning_rate").get<double>();
  solo::AdamW<T> optimizer(
      solo::make_param_groups(parameters, {.weight_decay = c.json.at("weight_decay").get<double>(),
                                           .lr_multipliers = multipliers(c)}),
      {.learning_rate = rate});
  const solo::LrSchedule schedule{
      .kind = solo::lr_scheduler_from_name(c.json.at("scheduler").get<std::string>()),
      .warmup_steps = c.json.at("warmup_steps").get<std::int64_t>(),
      .max_steps = c.json.at("max_steps").get<std::int64_t>()};
  const double max_norm = c.json.at("max_grad_norm").get<double>();
  solo::Tape<T> tape;
  for (std::size_t step = 0; step < expected.loss.size(); ++step) {
    const std::string where = c.name + ", step " + std::to_string(step + 1);
    const double loss = window_loss(model, tape, c, step);
    const double norm = max_norm > 0.0 ? solo::clip_grad_norm(parameters, max_norm)
                                       : solo::gradient_norm(parameters);
    const double learning_rate = rate * schedule.factor(static_cast<std::int64_t>(step));
    optimizer.set_learning_rate(learning_rate);
    optimizer.step();
    optimizer.zero_grad();
    losses.add(std::abs(loss - expected.loss[step]) / expected.loss[step],
               solo::test::limit<T>(1e-5, 1e-9), where);
    norms.add(std::abs(norm - expected.grad_norm[step]) / expected.grad_norm[step],
              solo::test::limit<T>(1e-3, 1e-8), where);
    CHECK(learning_rate == Approx(expected.learning_rate[step]).epsilon(1e-12));
  }
  check_final(model, c, finals);
}

template <class T>
void check_trainer(const GoldenCase& c, Margin& losses, Margin& norms, Margin& finals) {
  auto model = start<T>(c);
  const Expected expected(c);
  std::vector<solo::Example> rows;
  for (std::size_t i = 0; i < c.json.at("rows").get<std::size_t>(); ++i) {
    const solo::Json& e = c.json.at("examples").at(i);
    rows.push_back({.ids = e.at("input_ids").get<std::vector<int>>(),
                    .labels = e.at("labels").get<std::vector<int>>()});
  }
  const auto data = solo::Dataset::from_ids(std::move(rows));
  solo::TrainerOptions options;
  options.max_steps = c.json.at("max_steps").get<std::int64_t>();
  options.batch_size = c.json.at("batch_size").get<Index>();
  options.gradient_accumulation_steps = c.json.at("accumulation").get<Index>();
  options.learning_rate = c.json.at("learning_rate").get<double>();
  options.weight_decay = c.json.at("weight_decay").get<double>();
  options.lr_scheduler = solo::lr_scheduler_from_name(c.json.at("scheduler").get<std::string>());
  options.warmup_steps = c.json.at("warmup_steps").get<std::int64_t>();
  options.max_grad_norm = c.json.at("max_grad_norm").get<double>();
  options.label_smoothing = c.json.at("label_smoothing").get<double>();
  options.lr_multipliers = multipliers(c);
  options.shuffle = false;
  solo::Trainer<T> trainer(model, options);
  std::size_t step = 0;
  trainer.on_step([&](const solo::StepInfo& info) {
    REQUIRE(step < expected.loss.size());
    const std::string where = c.name + ", step " + std::to_string(step + 1);
    losses.add(std::abs(info.loss - expected.loss[step]) / expected.loss[step],
               solo::test::limit<T>(1e-5, 1e-9), where);
    norms.add(std::abs(info.grad_norm - expected.grad_norm[step]) / expected.grad_norm[step],
              solo::test::limit<T>(1e-3, 1e-8), where);
    CHECK(info.learning_rate == Approx(expected.learning_rate[step]).epsilon(1e-12));
    ++step;
  });
  trainer.train(data);
  CHECK(step == expected.loss.size());
  check_final(model, c, finals);
}

}  // namespace

TEMPLATE_TEST_CASE("traces: one's own loop equals torch's", "[parity]", float, double) {
  Margin losses("loop losses " + scalar_name<TestType>());
  Margin norms("loop gradient norms " + scalar_name<TestType>());
  Margin finals("loop final tensors " + scalar_name<TestType>());
  for (const GoldenCase& c : solo::test::golden_cases("trace")) {
    INFO("case " << c.name);
    check_loop<TestType>(c, losses, norms, finals);
  }
}

TEMPLATE_TEST_CASE("traces: the Trainer equals torch", "[parity]", float, double) {
  Margin losses("trainer losses " + scalar_name<TestType>());
  Margin norms("trainer gradient norms " + scalar_name<TestType>());
  Margin finals("trainer final tensors " + scalar_name<TestType>());
  for (const GoldenCase& c : solo::test::golden_cases("trace")) {
    INFO("case " << c.name);
    check_trainer<TestType>(c, losses, norms, finals);
  }
}
