// SPDX-License-Identifier: MIT
// solo score: loss of a file of sequences; logits and gradients as safetensors.
#include <solo/data/dataset.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/io/tensor_store.hpp>

#include "kept_files.hpp"
#include "model_arguments.hpp"

#include <memory>
#include <numeric>
#include <vector>

namespace solo::cli {
namespace {

struct ScoreArguments {
  ModelArguments model;
  std::filesystem::path input;
  std::filesystem::path logits;
  std::filesystem::path grads;
  Index batch_size = 8;
};

/// Tensors "0", "1", …: the logits (T, vocabulary) of every sequence.
template <Scalar T>
void write_logits(const std::filesystem::path& path, const GPT2<T>& model, const Dataset& data) {
  std::vector<Matrix<T>> logits;
  std::vector<TensorRef> refs;
  for (Index i = 0; i < data.size(); ++i) logits.push_back(model.logits(data[i].ids));
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const Matrix<T>& m = logits[i];
    refs.push_back({.name = std::to_string(i),
                    .shape = {m.rows(), m.cols()},
                    .data = std::span<const T>(m.data(), static_cast<std::size_t>(m.size()))});
  }
  write_safetensors(path, refs);
}

/// The gradient of the file's mean loss, batch by batch.
template <Scalar T>
void accumulate_gradients(GPT2<T>& model, const Dataset& data, Index batch_size) {
  Tape<T> tape;
  std::vector<Index> indices;
  for (Index begin = 0; begin < data.size(); begin += batch_size) {
    indices.resize(static_cast<std::size_t>(std::min(batch_size, data.size() - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    const Batch batch = data.batch_of(indices);
    if (batch.scored_tokens == 0) continue;
    const Var<T> loss = model.loss(
        tape, batch, {.normalizer = static_cast<double>(data.scored_tokens()), .training = false});
    tape.backward(loss);
  }
}

template <Scalar T>
void write_gradients(const ScoreArguments& options, GPT2<T>& model, const Dataset& data) {
  accumulate_gradients(model, data, options.batch_size);
  std::vector<FileTensor<T>> gradients;
  std::string prefix;
  if (options.model.adapter.empty()) {
    const TensorStore store = TensorStore::open(options.model.model);
    if (store.find("transformer.wpe.weight") != nullptr) prefix = "transformer.";
    for (Parameter<T>* p : model.parameters()) {
      const bool head = p->name() == "lm_head.weight";
      gradients.push_back({head ? p->name() : prefix + p->name(), p->grad().clone()});
    }
  } else {
    Adapter<T>& adapter = model.adapter(kAdapterName);
    gradients = adapter.export_tensors(FileContent::gradients);
    for (FileTensor<T>& t : gradients) t.name.insert(0, adapter.file_prefix());
  }
  std::vector<TensorRef> refs;
  refs.reserve(gradients.size());
  for (const FileTensor<T>& t : gradients) {
    refs.push_back({.name = t.name, .shape = t.value.shape(), .data = t.value.span()});
  }
  write_safetensors(options.grads, refs);
}

template <Scalar T>
void run_score(const ScoreArguments& options, const Common& common) {
  GPT2<T> model = options.model.load<T>(common);
  const Dataset data =
      Dataset::from_ids_file(options.input, {.n_positions = model.config().n_positions,
                                             .vocab_size = model.config().vocab_size,
                                             .allow_fifo = true});
  const Score score = model.score(data, {.batch_size = options.batch_size});
  if (!options.logits.empty()) write_logits(options.logits, model, data);
  if (!options.grads.empty()) write_gradients(options, model, data);
  if (common.json) {
    print_line({{"loss", score.loss}, {"tokens", score.tokens}});
  } else {
    print(concat("loss ", score.loss, " over ", score.tokens, " tokens\n"));
  }
}

/// --logits and --grads are files of their own.
void require_own_files(const ScoreArguments& options, const Common& common) {
  if (options.logits.empty() && options.grads.empty()) return;
  ReadPaths read = {{"--input", options.input},
                    {"--config", common.config},
                    {"--model", options.model.model},
                    {"--adapter", options.model.adapter}};
  const TensorStore store = TensorStore::open(options.model.model);
  for (const SafetensorsFile& file : store.files()) read.push_back({"--model", file.path()});
  require_kept({"--logits", options.logits}, read);
  read.push_back({"--logits", options.logits});
  require_kept({"--grads", options.grads}, read);
}

void run_score_with_dtype(const ScoreArguments& options, const Common& common) {
  require_own_files(options, common);
  if (options.model.dtype == "bfloat16" && !options.grads.empty() &&
      options.model.adapter.empty()) {
    throw UsageError("score: --grads of the base needs --dtype float32 or float64");
  }
  if (options.model.dtype == "float64") {
    run_score<double>(options, common);
  } else {
    run_score<float>(options, common);
  }
}

}  // namespace

Command add_score(CLI::App& program, Common& common) {
  const auto options = std::make_shared<ScoreArguments>();
  CLI::App& app = add_subcommand(program, common, "score",
                                 "loss of sequences; logits and gradients on request");
  options->model.add_to(app, {"float32", "float64", "bfloat16"});
  add_path(app, "--input", options->input, R"(JSON lines {"input_ids", "labels"})")->required();
  add_path(app, "--logits", options->logits, "write the logits here (safetensors)");
  add_path(app, "--grads", options->grads, "write the gradients here (safetensors)");
  app.add_option("--batch-size", options->batch_size, "sequences computed together")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return {&app, [options, &common] { run_score_with_dtype(*options, common); }};
}

}  // namespace solo::cli
