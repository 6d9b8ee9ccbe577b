// SPDX-License-Identifier: MIT
/// @file
/// The blocks that training leaves alone, and where their outputs may come from instead.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/view.hpp>
#include <solo/data/batch.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The first blocks of a model as far as nothing that trains, and nothing of the adapter, acts in
/// them: what they give depends on the token ids and the base alone. Block outputs are numbered as
/// in Link.
struct FrozenPrefix {
  int blocks = 0;  ///< of this output links change nothing but what later blocks see of it
  /// The outputs that the rest of the model reads, ascending: sources of links, and `blocks` last.
  std::vector<int> outputs = {};
  bool operator==(const FrozenPrefix&) const = default;
};

/// "4 blocks, outputs 2 4"
[[nodiscard]] inline std::string to_string(const FrozenPrefix& prefix) {
  std::string text = concat(prefix.blocks, " blocks, outputs");
  for (const int output : prefix.outputs) text += concat(' ', output);
  return text;
}

/// Gives a pass the prefix's outputs, so that its blocks need not be computed.
template <Scalar T>
class PrefixSource {
 public:
  PrefixSource() = default;
  PrefixSource(const PrefixSource&) = delete;
  PrefixSource& operator=(const PrefixSource&) = delete;
  virtual ~PrefixSource() = default;

  [[nodiscard]] virtual const FrozenPrefix& prefix() const = 0;
  /// Fills one matrix (rows, n_embd) for each of prefix().outputs, links that end there left out.
  virtual void fill(const Batch& batch, std::span<const MatrixView<T>> outputs) = 0;
};

namespace detail {

/// ShapeError ("shape.mismatch", "shape.view") unless each output of the prefix has its (rows,
/// width) matrix.
template <Scalar T>
void require_outputs(std::string_view call, std::span<const MatrixView<T>> outputs,
                     const FrozenPrefix& prefix, Index rows, Index width) {
  if (outputs.size() != prefix.outputs.size()) {
    fail<ShapeError>("shape.mismatch", call, ": expected ", prefix.outputs.size(),
                     " matrices, found ", outputs.size());
  }
  for (const MatrixView<T>& output : outputs) require_view(call, output, rows, width);
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
