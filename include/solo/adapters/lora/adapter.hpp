// SPDX-License-Identifier: MIT
/// @file
/// LoRA on a model (arXiv 2106.09685): low-rank updates of linear layers, embedding and head.
#pragma once

#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/dora_update.hpp>
#include <solo/adapters/lora/low_rank_update.hpp>
#include <solo/adapters/lora/plan.hpp>
#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/hooks.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// y += s · drop(x) AᵀBᵀ in the layers and tables that the configuration chooses, and what peft
/// adds to it: DoRA, biases, modules trained in full.
template <Scalar T>
class LoraAdapter final : public LinearAdapter<T> {
 public:
  /// Initial values by config.seed. Throws as LoraConfig::validate.
  LoraAdapter(const LoraConfig& config, const GPT2<T>& model);

  /// As it was made or loaded.
  [[nodiscard]] const LoraConfig& config() const noexcept { return config_; }
  /// Another dropout for training. Throws ConfigError ("config.range").
  void set_dropout(double p);

  /// Makes a loaded adapter one of parts of c_attn: `target_modules` are those it was made with,
  /// "c_attn.q" and the like among them. From here on only the blocks of B that belong to them
  /// train, everything else in B stays zero. Throws ConfigError ("lora.parts") when B is not zero
  /// there, or its rank does not divide. Call it before an optimizer sees the parameters.
  void keep_parts(const std::vector<std::string>& target_modules);

  [[nodiscard]] std::vector<LinearSite> sites() const override;
  [[nodiscard]] std::vector<Parameter<T>*> parameters() override;
  [[nodiscard]] std::vector<Replacement<T>> replacements() override;
  [[nodiscard]] std::vector<const TableUpdate<T>*> table_updates() const override;
  [[nodiscard]] Var<T> apply(Tape<T>& tape, const LinearCall<T>& call) override;
  [[nodiscard]] bool merge(ThreadPool& pool, const MergeTarget<T>& target) override;

  [[nodiscard]] std::string peft_type() const override { return "LORA"; }
  [[nodiscard]] std::string file_prefix() const override {
    return std::string(LoraConfig::kFilePrefix);
  }
  [[nodiscard]] std::string config_json(std::string_view base_model) const override {
    return file_config_.to_json(base_model);
  }
  [[nodiscard]] bool ignores(std::string_view name) const override { return config_.ignores(name); }
  /// The parts of c_attn it is of, which the configuration of a file cannot say.
  [[nodiscard]] std::map<std::string, std::string> metadata() const override;
  void import_metadata(const std::map<std::string, std::string>& metadata) override;
  [[nodiscard]] std::vector<FileTensor<T>> export_tensors(FileContent content) override;
  void import_tensors(std::vector<FileTensor<T>> tensors) override;

 private:
  struct Layer {
    detail::LoraSite plan;
    Parameter<T> a;  ///< (parts · rank, in)
    Parameter<T> b;  ///< (columns of the parts, rank): the blocks, one after the other
    std::unique_ptr<Parameter<T>> bias;
    std::unique_ptr<Parameter<T>> magnitude;
    TableUpdate<T> table_update;  ///< of a table, and the place of the dropout mask

    Layer(const detail::LoraSite& site, const LoraConfig& config);
    void initialise(const LoraConfig& config, const GPT2<T>& model);
    /// Sets parts and blocks of the update.
    [[nodiscard]] LowRankArgs<T> args() const;
    /// B as the file has it, (out, parts · rank) with zeros outside the blocks, and back.
    [[nodiscard]] Tensor<T> expanded(const Tensor<T>& blocks) const;
    [[nodiscard]] Tensor<T> compact(const Tensor<T>& full) const;
    void keep_parts(const std::array<bool, 3>& parts, bool rslora);
  };
  struct Copy {
    std::string base;
    Parameter<T> parameter;
  };
  struct Rows {
    detail::LoraRows plan;
    Parameter<T> parameter;
  };
  struct Table {
    detail::LoraTable plan;
    Parameter<T> parameter;  ///< named as plan.names.front()
  };

  void add_tables(const detail::LoraPlan& plan, const GPT2<T>& model);
  /// Takes the tables' tensors, the names beyond the first one's checked and dropped.
  void take_tables(std::vector<FileTensor<T>>& tensors) const;
  [[nodiscard]] Layer& layer(const LinearSite& site) const;
  /// f(parameter, layer of it or null) in file order.
  template <class F>
  void for_parameters(const F& f);

  LoraConfig config_;
  LoraConfig file_config_;
  std::vector<std::string> parts_;  // the target modules, if parts of c_attn are among them
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<Layer*> by_site_;
  std::vector<std::unique_ptr<Copy>> copies_;
  std::vector<std::unique_ptr<Rows>> rows_;
  std::vector<std::unique_ptr<Table>> tables_;
};

/// For GPT2::add_adapter.
template <Scalar T>
[[nodiscard]] std::unique_ptr<Adapter<T>> make_adapter(const LoraConfig& config,
                                                       const GPT2<T>& model);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/adapter.ipp>         // IWYU pragma: keep
#include <solo/adapters/lora/adapter_tables.ipp>  // IWYU pragma: keep
#endif
