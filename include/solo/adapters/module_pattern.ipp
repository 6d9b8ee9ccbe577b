// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/module_pattern.hpp>
#include <solo/core/error.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Parses an expression into a tree, and turns the tree into states from its end to its beginning.
struct ModulePatternCompiler {
  using Set = ModulePattern::CharacterSet;
  using Kind = ModulePattern::Kind;

  enum class Type : std::uint8_t { set, sequence, alternatives, repeat, begin, end };
  struct Node {
    Type type = Type::sequence;
    Set set = {};
    std::vector<Node> children = {};
    int min = 0;
    int max = 0;  // -1: no limit
  };

  static constexpr int kMaxDepth = 50;
  static constexpr int kMaxRepeat = 1000;
  static constexpr std::size_t kMaxStates = 10000;

  std::string_view text;
  std::string_view field;
  std::size_t pos = 0;
  std::vector<ModulePattern::State> states = {};

  [[noreturn]] void refuse(std::string_view why) const {
    fail<ConfigError>("pattern.syntax", field, ": the regular expression ", quoted(text), ": ", why,
                      " at position ", pos);
  }
  [[nodiscard]] bool done() const { return pos >= text.size(); }
  [[nodiscard]] bool at(char c) const { return !done() && text[pos] == c; }
  bool take(char c) {
    if (!at(c)) return false;
    ++pos;
    return true;
  }
  char take_any() {
    if (done()) refuse("it ends too early");
    const char c = text[pos];
    if (static_cast<unsigned char>(c) >= 0x80U) refuse("a character that no module name has");
    ++pos;
    return c;
  }

  static void add(Set& set, char c) {
    const auto code = static_cast<unsigned char>(c);
    set[code / 64U] |= std::uint64_t{1} << (code % 64U);
  }
  static void add_range(Set& set, char first, char last) {
    for (char c = first; c < last; ++c) add(set, c);
    add(set, last);
  }
  static Set complement(const Set& set) { return {~set[0], ~set[1]}; }

  /// The set of a class escape; false if `c` is none.
  static bool class_escape(char c, Set& set) {
    Set found = {};
    switch (c) {
      case 'd':
      case 'D':
        add_range(found, '0', '9');
        break;
      case 'w':
      case 'W':
        add_range(found, '0', '9');
        add_range(found, 'a', 'z');
        add_range(found, 'A', 'Z');
        add(found, '_');
        break;
      case 's':
      case 'S':
        add_range(found, '\t', '\r');
        add_range(found, '\x1c', ' ');
        break;
      default:
        return false;
    }
    if (c < 'a') found = complement(found);
    set[0] |= found[0];
    set[1] |= found[1];
    return true;
  }
  /// A literal after a backslash.
  char escaped_literal(char c) const {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) refuse("an escape that is not supported");
    return c;
  }

  Node character_class() {
    Node node{.type = Type::set};
    const bool negated = take('^');
    bool first = true;
    while (first || !at(']')) {
      first = false;
      char low = take_any();
      if (low == '\\') {
        low = take_any();
        if (class_escape(low, node.set)) continue;
        low = escaped_literal(low);
      }
      char high = low;
      const bool range = at('-') && pos + 1 < text.size() && text[pos + 1] != ']';
      if (range) {
        ++pos;
        high = take_any();
        if (high == '\\') high = escaped_literal(take_any());
        if (high < low) refuse("a bad character range");
      }
      add_range(node.set, low, high);
    }
    ++pos;
    if (negated) node.set = complement(node.set);
    return node;
  }

  Node group(int depth) {
    if (depth >= kMaxDepth) refuse("groups nested too deep");
    if (take('?')) {
      if (take('P')) {
        if (!take('<')) refuse("an extension that is not supported");
        while (!take('>')) take_any();
      } else if (!take(':')) {
        refuse("an extension that is not supported");
      }
    }
    Node node = alternatives(depth + 1);
    if (!take(')')) refuse("a missing ')'");
    return node;
  }

  Node atom(int depth) {
    Node node{.type = Type::set};
    const char c = take_any();
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return character_class();
      case '^':
        return {.type = Type::begin};
      case '$':
        return {.type = Type::end};
      case '.':
        add(node.set, '\n');
        node.set = complement(node.set);
        return node;
      case '*':
      case '+':
      case '?':
        refuse("nothing to repeat");
      case '\\': {
        const char e = take_any();
        if (e == 'A') return {.type = Type::begin};
        if (e == 'Z') return {.type = Type::end};
        if (!class_escape(e, node.set)) add(node.set, escaped_literal(e));
        return node;
      }
      default:
        add(node.set, c);
        return node;
    }
  }

  /// A decimal number; -1 if there is none.
  int number() {
    if (done() || text[pos] < '0' || text[pos] > '9') return -1;
    int value = 0;
    while (!done() && text[pos] >= '0' && text[pos] <= '9') {
      value = value * 10 + (text[pos] - '0');
      if (value > kMaxRepeat) refuse("a repetition that is too large");
      ++pos;
    }
    return value;
  }
  /// {m}, {m,}, {,n} or {m,n}; as in Python anything else after '{' is literal text.
  bool counted(Node& repeat) {
    const std::size_t start = pos;
    ++pos;
    const int low = number();
    const bool comma = take(',');
    const int high = comma ? number() : low;
    if (!take('}') || (low < 0 && !comma)) {
      pos = start;
      return false;
    }
    repeat.min = std::max(low, 0);
    repeat.max = high;
    if (high >= 0 && high < repeat.min) refuse("a repetition with minimum over maximum");
    return true;
  }

  Node repeated(int depth) {
    Node inner = atom(depth);
    Node repeat{.type = Type::repeat};
    if (take('*')) {
      repeat.max = -1;
    } else if (take('+')) {
      repeat.min = 1;
      repeat.max = -1;
    } else if (take('?')) {
      repeat.max = 1;
    } else if (!at('{') || !counted(repeat)) {
      return inner;
    }
    if (inner.type == Type::begin || inner.type == Type::end) refuse("nothing to repeat");
    take('?');  // a lazy repetition matches the same names
    const std::size_t here = pos;
    Node probe;
    const bool again = at('*') || at('+') || at('?') || (at('{') && counted(probe));
    pos = here;
    if (again) refuse("a repetition of a repetition");
    repeat.children.push_back(std::move(inner));
    return repeat;
  }

  Node alternatives(int depth) {
    Node choice{.type = Type::alternatives};
    do {
      Node sequence{.type = Type::sequence};
      while (!done() && !at('|') && !at(')')) sequence.children.push_back(repeated(depth));
      choice.children.push_back(std::move(sequence));
    } while (take('|'));
    return choice;
  }

  std::int32_t push(const ModulePattern::State& state) {
    if (states.size() >= kMaxStates) refuse("it is too large");
    states.push_back(state);
    return static_cast<std::int32_t>(states.size()) - 1;
  }

  std::int32_t build_repeat(const Node& node, std::int32_t next) {
    const Node& inner = node.children.front();
    std::int32_t state = next;
    if (node.max < 0) {
      state = push({.kind = Kind::split, .other = next});
      const std::int32_t body = build(inner, state);
      states[static_cast<std::size_t>(state)].next = body;
    }
    for (int i = node.min; i < node.max; ++i) {
      const std::int32_t body = build(inner, state);
      state = push({.kind = Kind::split, .next = body, .other = next});
    }
    for (int i = 0; i < node.min; ++i) {
      const std::size_t before = states.size();
      state = build(inner, state);
      if (states.size() == before) break;  // it matches nothing but the empty text
    }
    return state;
  }

  /// States that match `node` and go on with state `next`; their first.
  std::int32_t build(const Node& node, std::int32_t next) {
    switch (node.type) {
      case Type::set:
        return push({.kind = Kind::character, .next = next, .set = node.set});
      case Type::begin:
        return push({.kind = Kind::begin, .next = next});
      case Type::end:
        return push({.kind = Kind::end, .next = next});
      case Type::sequence:
        for (std::size_t i = node.children.size(); i > 0; --i) {
          next = build(node.children[i - 1], next);
        }
        return next;
      case Type::alternatives: {
        std::int32_t state = build(node.children.back(), next);
        for (std::size_t i = node.children.size() - 1; i > 0; --i) {
          const std::int32_t branch = build(node.children[i - 1], next);
          state = push({.kind = Kind::split, .next = branch, .other = state});
        }
        return state;
      }
      case Type::repeat:
        return build_repeat(node, next);
    }
    return next;
  }
};

}  // namespace detail

SOLO_INLINE ModulePattern::ModulePattern(std::string_view expression, std::string_view field) {
  detail::ModulePatternCompiler compiler{.text = expression, .field = field};
  const detail::ModulePatternCompiler::Node tree = compiler.alternatives(0);
  if (!compiler.done()) compiler.refuse("an unexpected ')'");
  const std::int32_t accept = compiler.push({.kind = Kind::accept});
  start_ = compiler.build(tree, accept);
  states_ = std::move(compiler.states);
}

SOLO_INLINE bool ModulePattern::matches(std::string_view name) const {
  std::vector<std::size_t> seen(states_.size(), 0);  // last position (from 1) that reached a state
  std::vector<std::int32_t> now;
  std::vector<std::int32_t> pending = {start_};
  for (std::size_t pos = 0; pos <= name.size(); ++pos) {
    now.clear();
    while (!pending.empty()) {
      const auto index = static_cast<std::size_t>(pending.back());
      pending.pop_back();
      if (seen[index] == pos + 1) continue;
      seen[index] = pos + 1;
      const State& state = states_[index];
      switch (state.kind) {
        case Kind::split:
          pending.push_back(state.other);
          pending.push_back(state.next);
          break;
        case Kind::begin:
          if (pos == 0) pending.push_back(state.next);
          break;
        case Kind::end:
          if (pos == name.size()) pending.push_back(state.next);
          break;
        case Kind::accept:
          if (pos == name.size()) return true;
          break;
        case Kind::character:
          now.push_back(static_cast<std::int32_t>(index));
          break;
      }
    }
    if (pos == name.size()) break;
    const auto code = static_cast<unsigned char>(name[pos]);
    for (const std::int32_t index : now) {
      const State& state = states_[static_cast<std::size_t>(index)];
      if (code < 0x80U && ((state.set[code / 64U] >> (code % 64U)) & 1U) != 0U) {
        pending.push_back(state.next);
      }
    }
  }
  return false;
}

}  // namespace solo::inline SOLO_ABI
