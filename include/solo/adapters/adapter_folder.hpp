// SPDX-License-Identifier: MIT
/// @file
/// An adapter folder under reading: its configuration and its checked tensors.
#pragma once

#include <solo/adapters/adapter_tensor.hpp>
#include <solo/core/error.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/nn/hooks.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// Cut to what an error's message may have.
[[nodiscard]] std::string bounded_message(std::string text);

/// f(), its errors' messages beginning with `context`.
template <class F>
auto with_context(const std::string& context, const F& f) {
  const auto longer = [&context](const Error& e) { return bounded_message(context + e.what()); };
  try {
    return f();
  } catch (const ConfigError& e) {
    throw ConfigError(e.id(), longer(e));
  } catch (const FormatError& e) {
    throw FormatError(e.id(), longer(e));
  } catch (const ShapeError& e) {
    throw ShapeError(e.id(), longer(e));
  }
}

/// Where the tensors' metadata have the configuration that they were saved with.
inline constexpr const char* kSavedConfigKey = "solo_config";

/// A configuration without what changes no number of a trained adapter: names, versions, dropout.
[[nodiscard]] Json config_meaning(Json config);

/// What the tensors of a file must be.
struct ExpectedTensors {
  std::vector<AdapterTensor> tensors = {};
  std::string prefix = {};                             ///< of every name in the file
  std::function<bool(std::string_view)> ignores = {};  ///< names without prefix to pass over
};

/// Reads adapter_config.json at once, adapter_model.safetensors when asked.
class AdapterFolder {
 public:
  explicit AdapterFolder(const std::filesystem::path& folder);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_; }
  [[nodiscard]] const std::string& peft_type() const noexcept { return peft_type_; }
  [[nodiscard]] JsonFields config() const { return JsonFields(*json_, config_name_); }
  /// The configuration's file, as messages name it.
  [[nodiscard]] const std::string& config_name() const noexcept { return config_name_; }

  /// What the tensors' file says of itself.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() {
    return tensors().metadata();
  }
  /// Throws FormatError ("adapter.mixed") when the tensors were saved with a configuration that
  /// means something else; `rewritten` is the text of one read and written anew. Files of peft do
  /// not say it.
  void require_own_config(std::string (*rewritten)(const JsonFields&));
  /// The names of the tensors, their prefix taken away where they have it.
  [[nodiscard]] std::vector<std::string> tensor_names(std::string_view prefix);
  /// The same with the shapes.
  [[nodiscard]] std::vector<AdapterTensor> tensor_shapes(std::string_view prefix);
  /// Opens the tensors and throws unless they are those expected: FormatError ("adapter.tensors"),
  /// ShapeError ("adapter.shape"). `base` names the model in messages.
  void open_tensors(const ExpectedTensors& expected, const std::string& base);
  /// The tensors that open_tensors was told to expect, in its order. Throws NumericError.
  template <Scalar T>
  [[nodiscard]] std::vector<FileTensor<T>> read(const ExpectedTensors& expected) const {
    std::vector<FileTensor<T>> result;
    for (const AdapterTensor& t : expected.tensors) {
      FileTensor<T> tensor{t.name, Tensor<T>(t.shape)};
      file_->read(file_->at(expected.prefix + t.name), tensor.value.span());
      result.push_back(std::move(tensor));
    }
    return result;
  }

 private:
  [[nodiscard]] const SafetensorsFile& tensors();
  void require_same_meaning(const Json& saved, const Json& found) const;

  std::filesystem::path folder_;
  std::string config_name_;
  std::shared_ptr<const Json> json_;
  std::string peft_type_;
  std::optional<SafetensorsFile> file_;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/adapters/adapter_folder.ipp>  // IWYU pragma: keep
#endif
