// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/connect.hpp>
#include <solo/core/error.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI::detail {

/// Throws unless the adapter's tensors can be told apart and some of them train.
template <Scalar T>
void check_adapter_parameters(const std::vector<Parameter<T>*>& parameters) {
  std::set<std::string_view> names;
  bool any = false;
  for (const Parameter<T>* p : parameters) {
    if (p == nullptr || p->name().empty()) {
      fail<ConfigError>("adapter.parameters", "the adapter has a parameter without a name");
    }
    if (!names.insert(p->name()).second) {
      fail<ConfigError>("adapter.parameters", "the adapter has two parameters named ",
                        quoted(p->name()));
    }
    any = any || (p->requires_grad() && p->size() > 0);
  }
  if (!any) fail<ConfigError>("adapter.nothing_trains", "the adapter has no trainable tensor");
}

/// The links by destination and who reads a source last. Throws for links off the model.
template <Scalar T>
void connect_block(BlockAdapter<T>& adapter, Index n_layer, ActiveHooks<T>& hooks) {
  const auto outputs = static_cast<std::size_t>(n_layer) + 1;
  const auto at = [](int i) { return static_cast<std::size_t>(i); };
  hooks.block = &adapter;
  hooks.sources.assign(outputs, {});
  hooks.last_reader.assign(outputs, 0);
  hooks.histories.assign(outputs, {});
  hooks.history_size = 0;
  const std::vector<Link> links = adapter.links();
  if (links.empty()) fail<ConfigError>("adapter.links", "the adapter has no link");
  for (const Link& link : links) {
    if (link.src < 0 || link.src > link.dst || link.dst < 1 || link.dst > n_layer) {
      fail<ConfigError>("adapter.links", "link ", link.src, " to ", link.dst,
                        ": expected 0 <= source <= destination, 1 <= destination <= n_layer ",
                        n_layer);
    }
    std::vector<int>& sources = hooks.sources[at(link.dst)];
    const auto place = std::lower_bound(sources.begin(), sources.end(), link.src);
    if (place != sources.end() && *place == link.src) {
      fail<ConfigError>("adapter.links", "link ", link.src, " to ", link.dst, " is there twice");
    }
    sources.insert(place, link.src);
    int& last = hooks.last_reader[at(link.src)];
    last = std::max(last, link.dst);
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    for (const int source : hooks.sources[i]) {
      const Link link{source, static_cast<int>(i)};
      const Index count = adapter.history(link);
      if (count < 0) {
        fail<ConfigError>("adapter.links", "link ", link.src, " to ", link.dst, ": a history of ",
                          count, " numbers");
      }
      hooks.histories[i].push_back(count == 0 ? -1 : hooks.history_size);
      hooks.history_size = checked_sum(hooks.history_size, count);
    }
  }
}

/// The linear layers it works on. Throws for layers that the model lacks.
template <Scalar T>
void connect_linear(LinearAdapter<T>& adapter, Index n_layer, ActiveHooks<T>& hooks) {
  hooks.linear = &adapter;
  hooks.sites.assign(static_cast<std::size_t>(n_layer) * kLinearsPerBlock, false);
  const std::vector<LinearSite> sites = adapter.sites();
  if (sites.empty() && adapter.table_updates().empty()) {
    fail<ConfigError>("adapter.sites", "the adapter works on no linear layer");
  }
  for (const LinearSite& site : sites) {
    if (site.layer < 0 || site.layer >= n_layer || to_string(site.kind) == "unknown") {
      fail<ConfigError>("adapter.sites", "the model of n_layer ", n_layer, " has no ", site.name());
    }
    const auto index = static_cast<std::size_t>(site.index());
    if (hooks.sites[index]) {
      fail<ConfigError>("adapter.sites", site.name(), " is there twice");
    }
    hooks.sites[index] = true;
  }
}

/// Rows of the embedding or the head that are replaced. Throws for other parameters, for rows that
/// are not there or twice, and for another shape.
template <Scalar T>
void connect_rows(const std::string& name, Parameter<T>* values, const std::vector<int>& rows,
                  const std::vector<Parameter<T>*>& base, ActiveHooks<T>& hooks) {
  const bool head = name == "lm_head.weight";
  if (!head && name != "wte.weight") {
    fail<ConfigError>("adapter.replacements", quoted(name),
                      ": only rows of wte.weight and lm_head.weight can be replaced");
  }
  TableRows<T>& slot = head ? hooks.head_rows : hooks.token_rows;
  if (!slot.empty()) {
    fail<ConfigError>("adapter.replacements", "rows of ", quoted(name), " are replaced twice");
  }
  const std::vector<Index>& table = base.front()->shape();  // wte's, which is the head's too
  const std::vector<Index> expected = {static_cast<Index>(rows.size()), table[1]};
  if (values == nullptr || values->shape() != expected) {
    const std::vector<Index> none;
    fail<ConfigError>("adapter.replacements", "rows of ", quoted(name),
                      ": expected a tensor of shape ", to_string(expected), ", found ",
                      to_string(values == nullptr ? none : values->shape()));
  }
  std::set<int> seen;
  for (const int row : rows) {
    if (row >= 0 && row < table[0] && seen.insert(row).second) continue;
    fail<ConfigError>("adapter.replacements", "rows of ", quoted(name), ": expected each of 0 to ",
                      table[0] - 1, " at most once, found ", row);
  }
  slot = TableRows<T>(values, rows, table[0]);
}

/// Which of the base's tensors are replaced. Throws for unknown names and other shapes.
template <Scalar T>
void connect_replacements(Adapter<T>& adapter, const std::vector<Parameter<T>*>& base, bool tied,
                          ActiveHooks<T>& hooks) {
  hooks.replaced.assign(base.size(), nullptr);
  for (const auto& [name, replacement, rows] : adapter.replacements()) {
    if (!rows.empty()) {
      connect_rows<T>(name, replacement, rows, base, hooks);
      continue;
    }
    // A tied head is no parameter of its own: "lm_head.weight" takes the place of that use of wte.
    const bool head = tied && name == "lm_head.weight";
    const std::string_view known = head ? std::string_view("wte.weight") : std::string_view(name);
    const auto it = std::find_if(base.begin(), base.end(),
                                 [known](const auto* p) { return p->name() == known; });
    if (it == base.end()) {
      fail<ConfigError>("adapter.replacements", "the model has no parameter ", quoted(name));
    }
    Parameter<T>*& slot = head ? hooks.head : hooks.replaced[static_cast<std::size_t>((*it)->id())];
    if (slot != nullptr) {
      fail<ConfigError>("adapter.replacements", quoted(name), " is replaced twice");
    }
    if (replacement == nullptr || replacement->shape() != (*it)->shape()) {
      const std::vector<Index> none;
      fail<ConfigError>("adapter.replacements", quoted(name), ": expected a tensor of shape ",
                        to_string((*it)->shape()), ", found ",
                        to_string(replacement == nullptr ? none : replacement->shape()));
    }
    slot = replacement;
  }
  if (!tied || hooks.head != nullptr) return;
  // "wte.weight" replaces the embedding alone, as modules_to_save does in peft.
  for (Parameter<T>* p : base) {
    if (p->name() == "wte.weight" && &hooks.resolve(*p) != p) hooks.head = p;
  }
}

/// Low-rank changes of the embedding and the head. Throws for other parameters, a second change of
/// one, and factors that do not fit.
template <Scalar T>
void connect_updates(const Adapter<T>& adapter, const GPT2Config& config, ActiveHooks<T>& hooks) {
  for (const TableUpdate<T>* const update : adapter.table_updates()) {
    if (update == nullptr || update->a == nullptr || update->b == nullptr) {
      fail<ConfigError>("adapter.updates", "a change of a table has no factors");
    }
    const bool head = update->base == "lm_head.weight";
    if (!head && update->base != "wte.weight") {
      fail<ConfigError>("adapter.updates", quoted(update->base),
                        ": only wte.weight and lm_head.weight can have a low-rank change");
    }
    const TableUpdate<T>*& slot = head ? hooks.head_update : hooks.token_update;
    if (slot != nullptr) {
      fail<ConfigError>("adapter.updates", quoted(update->base), " is changed twice");
    }
    const std::vector<Index>& a = update->a->shape();
    const std::vector<Index>& b = update->b->shape();
    const Index in = head ? config.n_embd : config.vocab_size;
    const Index out = head ? config.vocab_size : config.n_embd;
    if (a.size() != 2 || b.size() != 2 || a[1] != in || b[0] != out || a[0] != b[1]) {
      fail<ConfigError>("adapter.updates", quoted(update->base),
                        ": expected factors of shapes (r, ", in, ") and (", out, ", r), found ",
                        to_string(a), " and ", to_string(b));
    }
    if (!(update->dropout >= 0.0 && update->dropout < 1.0)) {
      fail<ConfigError>("adapter.updates", quoted(update->base),
                        ": dropout: expected 0 <= x < 1, found ", update->dropout);
    }
    slot = update;
  }
}

template <Scalar T>
ActiveHooks<T> connected_hooks(Adapter<T>& adapter, const std::vector<Parameter<T>*>& base,
                               const GPT2Config& config) {
  ActiveHooks<T> hooks;
  check_adapter_parameters(adapter.parameters());
  if (BlockAdapter<T>* const block = adapter.as_block()) {
    connect_block(*block, config.n_layer, hooks);
  }
  if (LinearAdapter<T>* const linear = adapter.as_linear()) {
    connect_linear(*linear, config.n_layer, hooks);
  }
  connect_replacements(adapter, base, config.tie_word_embeddings, hooks);
  connect_updates(adapter, config, hooks);
  return hooks;
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                                  \
  template ActiveHooks<T> connected_hooks<T>(Adapter<T>&, const std::vector<Parameter<T>*>&, \
                                             const GPT2Config&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI::detail
