// SPDX-License-Identifier: MIT
/// @file
/// Where adapters plug into GPT-2: weight deltas of linear layers, long skips between block
/// outputs, and what any adapter may do to the base's tensors. nn knows these contracts and no
/// adapter.
#pragma once

#include <solo/autograd/functions.hpp>
#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/core/segment.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The four linear layers of a block.
enum class LinearKind { attn_c_attn, attn_c_proj, mlp_c_fc, mlp_c_proj };
inline constexpr int kLinearsPerBlock = 4;

/// Hugging Face's name inside the block: "attn.c_attn", …
[[nodiscard]] constexpr std::string_view to_string(LinearKind kind) noexcept {
  switch (kind) {
    case LinearKind::attn_c_attn:
      return "attn.c_attn";
    case LinearKind::attn_c_proj:
      return "attn.c_proj";
    case LinearKind::mlp_c_fc:
      return "mlp.c_fc";
    case LinearKind::mlp_c_proj:
      return "mlp.c_proj";
  }
  return "unknown";
}

/// One linear layer of the model.
struct LinearSite {
  int layer = 0;
  LinearKind kind = LinearKind::attn_c_attn;

  /// Numbers the sites: layer · 4 + kind.
  [[nodiscard]] constexpr int index() const noexcept {
    return layer * kLinearsPerBlock + static_cast<int>(kind);
  }
  /// "h.3.attn.c_attn", as in the parameter names.
  [[nodiscard]] std::string name() const { return concat("h.", layer, ".", to_string(kind)); }
  bool operator==(const LinearSite&) const = default;
};

/// A skip from block output `src` to block output `dst`: h_0 is the embedding output, h_i the
/// output of block i (1-based); 0 ≤ src ≤ dst ≤ n_layer, dst ≥ 1.
struct Link {
  int src = 0;
  int dst = 0;
  bool operator==(const Link&) const = default;
};

/// Sees the links of a pass as they act: h_dst before any correction, and Δ_link.
template <Scalar T>
using LinkObserver =
    std::function<void(const Link& link, ConstMatrixView<T> h, ConstMatrixView<T> delta)>;

/// Numbers for Tape::random: sites of the model itself lie below kAdapterSites, adapters' above.
inline constexpr std::uint32_t kAdapterSites = 1U << 23U;

template <Scalar T>
class BlockAdapter;
template <Scalar T>
class LinearAdapter;

/// A tensor of an adapter's file; the name is what follows file_prefix().
template <Scalar T>
struct FileTensor {
  std::string name;
  Tensor<T> value;
};

/// What Adapter::export_tensors gives.
enum class FileContent {
  values,    ///< every tensor of the file
  gradients  ///< the gradients of those that train, zeros where none was computed
};

/// A tensor of an adapter that stands in for a base parameter, or for some of its rows.
template <Scalar T>
struct Replacement {
  /// "h.0.ln_1.weight". Of a tied embedding "wte.weight" is the embedding alone and
  /// "lm_head.weight" the head.
  std::string base;
  Parameter<T>* tensor = nullptr;
  /// Of "wte.weight" or "lm_head.weight", each once: these rows alone are replaced, row rows[i] by
  /// row i of the tensor. Empty: all of the parameter.
  std::vector<int> rows = {};
};

/// A low-rank change of a table of tokens, which itself stays as it is. Of the embedding: h_0 gets
/// scale · a(:, id)ᵀ bᵀ; of the head, tied or not: the logits get scale · drop(h) aᵀ bᵀ.
template <Scalar T>
struct TableUpdate {
  std::string base;           ///< "wte.weight" (the embedding) or "lm_head.weight"
  Parameter<T>* a = nullptr;  ///< (r, vocabulary) of the embedding, (r, n_embd) of the head
  Parameter<T>* b = nullptr;  ///< (n_embd, r) of the embedding, (vocabulary, r) of the head
  double scale = 1.0;
  double dropout = 0.0;                ///< of the head's h, in training
  std::uint32_t site = kAdapterSites;  ///< of the dropout mask
};

/// What every adapter is: tensors of its own, some of which may stand in for the base's. Most kinds
/// derive from BlockAdapter or LinearAdapter; one that only replaces base tensors derives from
/// this.
template <Scalar T>
class Adapter {
 public:
  Adapter() = default;
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;
  virtual ~Adapter() = default;

  /// The adapter's tensors, frozen ones too, in file order. Names are those of the file, after
  /// file_prefix().
  [[nodiscard]] virtual std::vector<Parameter<T>*> parameters() = 0;

  /// The hook it plugs into, if any; BlockAdapter and LinearAdapter answer for their kinds.
  [[nodiscard]] virtual BlockAdapter<T>* as_block() noexcept { return nullptr; }
  [[nodiscard]] virtual LinearAdapter<T>* as_linear() noexcept { return nullptr; }

  /// Base parameters, whole or some rows of a table of tokens, that the adapter's own tensors
  /// replace while it is active. Never called in a forward pass.
  [[nodiscard]] virtual std::vector<Replacement<T>> replacements() { return {}; }

  /// Changes of the embedding and the head, at most one each; they come on top of replacements.
  /// Passes read them where they are, as long as the adapter lives.
  [[nodiscard]] virtual std::vector<const TableUpdate<T>*> table_updates() const { return {}; }

  /// Continuation parameter τ of a gate schedule at optimizer step 1, 2, …; 1 when there is none.
  [[nodiscard]] virtual double homotopy(std::int64_t /*step*/) const { return 1.0; }

  /// `peft_type` in adapter_config.json.
  [[nodiscard]] virtual std::string peft_type() const { return "CUSTOM"; }
  /// What a file's tensor names begin with.
  [[nodiscard]] virtual std::string file_prefix() const { return "base_model.model.transformer."; }
  /// Text of adapter_config.json, JSON with sorted keys. Default: peft_type and task_type alone.
  [[nodiscard]] virtual std::string config_json(std::string_view base_model) const {
    return concat("{\n  \"base_model_name_or_path\": ", json_string(base_model),
                  ",\n  \"peft_type\": ", json_string(peft_type()),
                  ",\n  \"task_type\": \"CAUSAL_LM\"\n}");
  }

  /// Whether a file may have a tensor of this name, after the prefix, that is passed over.
  [[nodiscard]] virtual bool ignores(std::string_view /*name*/) const { return false; }
  /// What the file's tensors say in their metadata beside the configuration, under names that begin
  /// with "solo_".
  [[nodiscard]] virtual std::map<std::string, std::string> metadata() const { return {}; }
  /// Takes the metadata of a file whose tensors were imported.
  virtual void import_metadata(const std::map<std::string, std::string>& /*metadata*/) {}

  /// The tensors as the file has them. Default: the parameters as they are.
  [[nodiscard]] virtual std::vector<FileTensor<T>> export_tensors(FileContent content) {
    std::vector<FileTensor<T>> tensors;
    for (Parameter<T>* p : parameters()) {
      if (content == FileContent::values) {
        tensors.push_back({p->name(), p->value().clone()});
      } else if (p->requires_grad()) {
        tensors.push_back({p->name(), p->has_grad() ? p->grad().clone() : Tensor<T>(p->shape())});
      }
    }
    return tensors;
  }
  /// Takes the tensors of a file: all that its configuration asks for, in file order, checked.
  /// Default: the values of the parameters, one for one.
  virtual void import_tensors(std::vector<FileTensor<T>> tensors) {
    const std::vector<Parameter<T>*> targets = parameters();
    for (std::size_t i = 0; i < std::max(tensors.size(), targets.size()); ++i) {
      if (i >= tensors.size() || i >= targets.size() || tensors[i].name != targets[i]->name() ||
          tensors[i].value.shape() != targets[i]->shape()) {
        fail<ShapeError>("adapter.tensors", "the file's tensors are not the adapter's parameters: ",
                         i < tensors.size() ? tensors[i].name : "none", " for ",
                         i < targets.size() ? targets[i]->name() : "none");
      }
    }
    for (std::size_t i = 0; i < targets.size(); ++i) {
      targets[i]->value() = std::move(tensors[i].value);
    }
  }

 protected:
  /// `text` as a JSON string.
  [[nodiscard]] static std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20U) {
        constexpr std::string_view kHex = "0123456789abcdef";
        out += "\\u00";
        out += kHex[static_cast<unsigned char>(c) >> 4U];
        out += kHex[static_cast<unsigned char>(c) & 15U];
      } else {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
    }
    return out + '"';
  }
};

/// What a link knows of the tokens before a segment's first row, when these are in no row of the
/// pass: BlockAdapter::history numbers. `after` is to be written: the same of the row that follows
/// the segment.
template <Scalar T>
struct LinkHistory {
  const T* before = nullptr;
  T* after = nullptr;
};

/// One link of a pass.
template <Scalar T>
struct LinkCall {
  Link link;
  Var<T> h;                                        ///< h_src: the rows of all segments
  std::span<const Segment> segments = {};          ///< what the rows are
  std::span<const Index> needed = {};              ///< the rows of the result; empty: all
  std::span<const LinkHistory<T>> histories = {};  ///< by segment, with a cache; or empty
};

/// Adds Δ_link(h_src) to block outputs: h_dst ← h_dst + Σ Δ.
template <Scalar T>
class BlockAdapter : public Adapter<T> {
 public:
  [[nodiscard]] BlockAdapter<T>* as_block() noexcept final { return this; }
  /// The links, all of them valid for the model, without duplicates.
  [[nodiscard]] virtual std::vector<Link> links() const = 0;
  /// Δ of one link, same shape as h (rows, n_embd), row by row. A pure function of h, the
  /// parameters and the tape's pass. For the last block h has those rows only that are read of its
  /// output.
  [[nodiscard]] virtual Var<T> delta(Tape<T>& tape, Link link, Var<T> h) = 0;
  /// How many numbers a link has to know of the tokens before a row to compute its Δ; 0 where Δ is
  /// made row by row. The cache of generation keeps them for each sequence, zeros at its beginning.
  [[nodiscard]] virtual Index history(Link /*link*/) const { return 0; }
  /// Δ of the needed rows (or of all) from the rows of whole segments; passes call this. Default:
  /// delta() of these rows. A pure function as that. For a link with a history, and for no other,
  /// call.histories is set where the pass continues cached sequences.
  [[nodiscard]] virtual Var<T> delta_of(Tape<T>& tape, const LinkCall<T>& call) {
    if (call.needed.empty()) return delta(tape, call.link, call.h);
    const Var<T> taken = rows(tape, call.h, call.needed);
    const Var<T> result = delta(tape, call.link, taken);
    if (!(result == taken)) tape.release(taken);
    return result;
  }
  /// Whether a later link reads a block's output before (true) or after its own correction. A link
  /// from a block to itself always reads the uncorrected output.
  [[nodiscard]] virtual bool raw_source() const { return false; }
};

/// One call of a linear layer: x (rows, in), y = x · W + b (rows, out), and the base's own tensors.
template <Scalar T>
struct LinearCall {
  LinearSite site;
  Var<T> x;
  Var<T> y;
  Parameter<T>* weight = nullptr;  ///< (in, out), frozen or not
  Parameter<T>* bias = nullptr;    ///< (out), the one that was used
};

/// Weight and bias of a linear layer that an adapter's change is to be put into.
template <Scalar T>
struct MergeTarget {
  LinearSite site;
  MatrixView<T> weight;  ///< (in, out)
  std::span<T> bias;     ///< (out)
};

/// Changes the output of linear layers (LoRA and its kin).
template <Scalar T>
class LinearAdapter : public Adapter<T> {
 public:
  [[nodiscard]] LinearAdapter<T>* as_linear() noexcept final { return this; }
  /// The layers it works on; none only where there are table_updates().
  [[nodiscard]] virtual std::vector<LinearSite> sites() const = 0;
  /// The layer's new output: a new Var, or call.y changed in place.
  [[nodiscard]] virtual Var<T> apply(Tape<T>& tape, const LinearCall<T>& call) = 0;
  /// For GPT2::merge_adapter: changes weight and bias so that the layer alone gives the output that
  /// apply() gives when nothing drops out; false if that is not possible.
  [[nodiscard]] virtual bool merge(ThreadPool& /*pool*/, const MergeTarget<T>& /*target*/) {
    return false;
  }
};

}  // namespace solo::inline SOLO_ABI
