// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/adapter_file.hpp>
#include <solo/adapters/connect.hpp>
#include <solo/adapters/model_adapters.hpp>

#include <algorithm>
#include <utility>

namespace solo::inline SOLO_ABI {

template <Scalar T>
auto GPT2<T>::find_slot(std::string_view name) const -> Slot* {
  for (const auto& slot : slots_) {
    if (slot->name == name) return slot.get();
  }
  return nullptr;
}

template <Scalar T>
auto GPT2<T>::require_slot(std::string_view name) const -> Slot& {
  Slot* const slot = find_slot(name);
  if (slot == nullptr) {
    std::string known;
    for (std::size_t i = 0; i < slots_.size() && known.size() < 300; ++i) {
      known += concat(i == 0 ? "" : ", ", quoted(slots_[i]->name, 40));
    }
    fail<ConfigError>("adapter.unknown", "no adapter is named ", quoted(name), "; there ",
                      known.empty() ? "is none" : "are " + known);
  }
  return *slot;
}

template <Scalar T>
void GPT2<T>::require_unmerged(const Slot* allowed) const {
  for (const auto& slot : slots_) {
    if (!slot->merged || slot.get() == allowed) continue;
    fail<ConfigError>("adapter.merged", "adapter ", quoted(slot->name),
                      " is merged into the base weights; call unmerge_adapter first");
  }
}

template <Scalar T>
const ActiveHooks<T>& GPT2<T>::hooks(const AdapterChoice& choice) const {
  const Slot* slot = active_slot();
  if (choice.has_value()) slot = choice->empty() ? nullptr : &require_slot(*choice);
  require_unmerged(slot);
  return slot == nullptr ? no_hooks_ : slot->hooks;
}

template <Scalar T>
void GPT2<T>::connect(Slot& slot) {
  Adapter<T>& adapter = *slot.adapter;
  slot.hooks = detail::connected_hooks(adapter, network().parameters(), config_);
}

template <Scalar T>
void GPT2<T>::freeze_base() {
  for (Parameter<T>* p : network_->parameters()) {
    p->set_requires_grad(false);
    p->drop_grad();
  }
}

template <Scalar T>
auto GPT2<T>::insert(const std::string& name, std::unique_ptr<Adapter<T>> adapter) -> Slot& {
  if (adapter == nullptr) fail<ConfigError>("adapter.null", "add_adapter: the adapter is null");
  auto slot = std::make_unique<Slot>();
  slot->name = name;
  slot->adapter = std::move(adapter);
  connect(*slot);
  slots_.push_back(std::move(slot));
  freeze_base();
  return *slots_.back();
}

template <Scalar T>
void GPT2<T>::enable_adapters(bool enabled) {
  require_not_held(enabled ? "enable_adapters" : "disable_adapters");
  adapters_enabled_ = enabled;
}

template <Scalar T>
void GPT2<T>::check_new_name(std::string_view name) const {
  require_not_held("add_adapter or load_adapter");
  require_unmerged(nullptr);
  if (name.empty()) fail<ConfigError>("adapter.name", "an adapter's name must not be empty");
  if (find_slot(name) != nullptr) {
    fail<ConfigError>("adapter.name", "an adapter named ", quoted(name), " is there already");
  }
}

template <Scalar T>
Adapter<T>& GPT2<T>::add_adapter(const std::string& name, std::unique_ptr<Adapter<T>> adapter) {
  check_new_name(name);
  Slot& slot = insert(name, std::move(adapter));
  active_ = &slot;
  return *slot.adapter;
}

template <Scalar T>
void GPT2<T>::load_adapter(const std::string& name, const std::filesystem::path& folder) {
  check_new_name(name);
  const Index before = config_.vocab_size;
  if (slots_.empty()) {
    resize_token_embeddings(std::max(before, adapter_vocab_size(folder, config_)));
  }
  try {
    Slot& slot = insert(name, read_adapter<T>(folder, *this));
    if (active_ == nullptr) active_ = &slot;
  } catch (...) {
    if (slots_.empty()) resize_token_embeddings(before);
    throw;
  }
}

template <Scalar T>
void GPT2<T>::save_adapter(std::string_view name, const std::filesystem::path& folder,
                           const SaveAdapterOptions& options) const {
  static_cast<void>(require_slot(name));  // before a folder is made
  AtomicFolder files(folder);
  save_adapter(name, files, options);
  files.commit();
}

template <Scalar T>
void GPT2<T>::save_adapter(std::string_view name, AtomicFolder& files,
                           const SaveAdapterOptions& options) const {
  write_adapter<T>(files, *require_slot(name).adapter, name_or_path_, options.metadata);
}

template <Scalar T>
void GPT2<T>::delete_adapter(std::string_view name) {
  require_not_held("delete_adapter");
  const Slot* const slot = &require_slot(name);
  require_unmerged(nullptr);
  guard_.changed();
  if (active_ == slot) active_ = nullptr;
  std::erase_if(slots_, [slot](const auto& s) { return s.get() == slot; });
}

template <Scalar T>
void GPT2<T>::set_adapter(std::string_view name) {
  require_not_held("set_adapter");
  Slot& slot = require_slot(name);
  require_unmerged(&slot);
  active_ = &slot;
}

template <Scalar T>
std::vector<std::string> GPT2<T>::adapter_names() const {
  std::vector<std::string> names;
  for (const auto& slot : slots_) names.push_back(slot->name);
  return names;
}

template <Scalar T>
std::string GPT2<T>::active_adapter() const {
  const Slot* const slot = active_slot();
  return slot == nullptr ? std::string() : slot->name;
}

template <Scalar T>
Adapter<T>& GPT2<T>::adapter(std::string_view name) {
  return *require_slot(name).adapter;
}

template <Scalar T>
const Adapter<T>& GPT2<T>::adapter(std::string_view name) const {
  return *require_slot(name).adapter;
}

template <Scalar T>
std::vector<Parameter<T>*> GPT2<T>::trainable_parameters() {
  require_unmerged(nullptr);
  const Slot* const slot = active_slot();
  std::vector<Parameter<T>*> result =
      slot == nullptr ? network().parameters() : slot->adapter->parameters();
  std::erase_if(result, [](const Parameter<T>* p) { return !p->requires_grad(); });
  for (Parameter<T>* p : result) static_cast<void>(p->value());  // no longer packed
  return result;
}

template <Scalar T>
Index GPT2<T>::trainable_parameter_count(std::string_view name) const {
  Index count = 0;
  for (const Parameter<T>* p : require_slot(name).adapter->parameters()) {
    if (p->requires_grad()) count += p->size();
  }
  return count;
}

template <Scalar T>
Index GPT2<T>::trainable_parameter_count() const {
  if (const Slot* const slot = active_slot()) return trainable_parameter_count(slot->name);
  Index count = 0;
  for (const Parameter<T>* p : parameters()) {
    if (p->requires_grad()) count += p->size();
  }
  return count;
}

#if !SOLO_HEADER_ONLY
// nn/gpt2.ipp instantiates the class; its members defined here follow one by one.
#define SOLO_INSTANTIATE(T)                                                                       \
  template GPT2<T>::Slot* GPT2<T>::find_slot(std::string_view) const;                             \
  template GPT2<T>::Slot& GPT2<T>::require_slot(std::string_view) const;                          \
  template void GPT2<T>::require_unmerged(const Slot*) const;                                     \
  template const ActiveHooks<T>& GPT2<T>::hooks(const AdapterChoice&) const;                      \
  template void GPT2<T>::connect(Slot&);                                                          \
  template void GPT2<T>::freeze_base();                                                           \
  template GPT2<T>::Slot& GPT2<T>::insert(const std::string&, std::unique_ptr<Adapter<T>>);       \
  template void GPT2<T>::check_new_name(std::string_view) const;                                  \
  template Adapter<T>& GPT2<T>::add_adapter(const std::string&, std::unique_ptr<Adapter<T>>);     \
  template void GPT2<T>::load_adapter(const std::string&, const std::filesystem::path&);          \
  template void GPT2<T>::save_adapter(std::string_view, const std::filesystem::path&,             \
                                      const SaveAdapterOptions&) const;                           \
  template void GPT2<T>::save_adapter(std::string_view, AtomicFolder&, const SaveAdapterOptions&) \
      const;                                                                                      \
  template void GPT2<T>::enable_adapters(bool);                                                   \
  template void GPT2<T>::delete_adapter(std::string_view);                                        \
  template void GPT2<T>::set_adapter(std::string_view);                                           \
  template std::vector<std::string> GPT2<T>::adapter_names() const;                               \
  template std::string GPT2<T>::active_adapter() const;                                           \
  template Adapter<T>& GPT2<T>::adapter(std::string_view);                                        \
  template const Adapter<T>& GPT2<T>::adapter(std::string_view) const;                            \
  template std::vector<Parameter<T>*> GPT2<T>::trainable_parameters();                            \
  template Index GPT2<T>::trainable_parameter_count(std::string_view) const;                      \
  template Index GPT2<T>::trainable_parameter_count() const
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
