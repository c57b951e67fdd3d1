// SPDX-License-Identifier: GPL-2.0-only
// From JSON to plain structs by tables, one line a field.
//
// A struct's table lists its fields: name in JSON, member, bounds, one sentence. Everything else follows from the member's type:
// how a value is decoded (Codec<T>::decode) and what the JSON Schema says of it (Codec<T>::schema). Unknown fields,
// missing ones and wrong types are refused in one place, with position, path and the nearest good name.
//
//   template <> const Table<BufferSet>& table_of<BufferSet>() {
//     static const Table<BufferSet> table{"buffers", "Memory registered with a ring.",
//                                         {field<&BufferSet::count>("count", "How many.", Need::required, {1, 1024})}};
//     return table;
//   }
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/scenario/input_error.h"
#include "sim/scenario/json_reader.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/vocabulary.h"

namespace uringsim::sim {

using SchemaJson = nlohmann::ordered_json;

/// Least and greatest value of a number (or length of a list); both included.
struct Limits {
  u64 least = 0;
  u64 most = ~u64{0};
};

/// Where the decoder is: the document for positions, the path for errors, the task for names in expressions.
class Decoder {
 public:
  explicit Decoder(const Document& document) : document_(document) {}

  /// Throws InputError: `file:line:column: /path: what`.
  [[noreturn]] void fail(const Origin& at, const std::string& what) const { throw InputError(where(at) + ": " + what); }
  [[nodiscard]] std::string where(const Origin& at) const { return document_.where(at) + ": " + path(); }
  [[nodiscard]] std::string path() const;

  /// Goes down to a part of the value for its lifetime. `name` is borrowed.
  class Down {
   public:
    Down(Decoder& decoder, std::string_view name) : decoder_(decoder) { decoder.path_.push_back({name, 0}); }
    Down(Decoder& decoder, std::size_t index) : decoder_(decoder) { decoder.path_.push_back({{}, index}); }
    ~Down() { decoder_.path_.pop_back(); }
    Down(const Down&) = delete;
    Down& operator=(const Down&) = delete;

   private:
    Decoder& decoder_;
  };

  // -- the task whose steps are being decoded

  void enter_task(const Named<BufferOptions>& buffers);
  /// Fails if an expression used a variable that no step sets. Returns the names by slot.
  std::vector<std::string> leave_task();
  [[nodiscard]] bool in_task() const noexcept { return in_task_; }
  /// Slot of a variable that is set here.
  u32 set_variable(const Origin& at, const std::string& name);
  u32 buffer_slot(const Origin& at, const std::string& name);
  Expression expression(const Json& at);

 private:
  struct Part {
    std::string_view name;
    std::size_t index;
  };
  struct Variable {
    std::string name;
    bool set = false;
    Origin used{};
    std::string path;
  };
  u32 variable_slot(std::string_view name);
  [[nodiscard]] std::vector<std::string_view> names_in_scope() const;

  const Document& document_;
  std::vector<Part> path_;
  bool in_task_ = false;
  std::vector<Variable> variables_;
  std::vector<std::string> buffers_;
};

/// Collects the schema's definitions while tables are visited.
class SchemaBuilder {
 public:
  /// {"$ref": "#/definitions/name"}, made by `make` the first time.
  SchemaJson reference(const std::string& name, const std::function<SchemaJson(SchemaBuilder&)>& make);
  /// `schema`, or a string that is one `${param}`.
  SchemaJson or_param(SchemaJson schema);
  SchemaJson definitions = SchemaJson::object();
};

/// How values of type T are decoded and described.
template <class T>
struct Codec;

enum class Need : u8 { optional, required };

template <class T>
struct Field {
  std::string_view name;
  std::string_view about;
  Need need;
  Limits limits;
  void (*decode)(Decoder&, const Json&, T&, const Limits&);
  SchemaJson (*schema)(SchemaBuilder&, const Limits&);
};

template <class T>
struct Table {
  std::string name;  ///< of the schema's definition
  std::string_view about;
  std::vector<Field<T>> fields;
  /// Told after all fields were decoded: what contradicts itself. `at` is the object.
  void (*check)(Decoder&, const Json& at, const T&) = nullptr;
};

/// The table of T, or of the struct-shaped part of a union. Specialised in tables_*.cc.
template <class T>
const Table<T>& table_of();

namespace detail {
template <class T>
struct MemberTraits;
template <class Owner_, class Type_>
struct MemberTraits<Type_ Owner_::*> {
  using Owner = Owner_;
  using Type = Type_;
};
template <class T>
T& itself(T& whole) noexcept {
  return whole;
}
}  // namespace detail

/// A line of T's table about a field of the part of T that `Part` gives.
template <class T, auto Member, auto Part>
Field<T> field_of(std::string_view name, std::string_view about, Need need, Limits limits) {
  using Type = typename detail::MemberTraits<decltype(Member)>::Type;
  return {name,
          about,
          need,
          limits,
          [](Decoder& decoder, const Json& at, T& out, const Limits& bounds) {
            Codec<Type>::decode(decoder, at, Part(out).*Member, bounds);
          },
          [](SchemaBuilder& schema, const Limits& bounds) { return Codec<Type>::schema(schema, bounds); }};
}

/// One line of a table.
template <auto Member>
Field<typename detail::MemberTraits<decltype(Member)>::Owner> field(std::string_view name, std::string_view about,
                                                                    Need need = Need::optional, Limits limits = {}) {
  using Owner = typename detail::MemberTraits<decltype(Member)>::Owner;
  return field_of<Owner, Member, detail::itself<Owner>>(name, about, need, limits);
}

/// Decodes the object `at` into `out` by `table`; `extra` are keys that somebody else has read.
template <class T>
void decode_object(Decoder& decoder, const Json& at, T& out, const Table<T>& table) {
  if (at.kind != Json::Kind::object) decoder.fail(at.at, fmt::format("is {}; an object is needed", kind_name(at.kind)));
  for (std::size_t i = 0; i < at.keys.size(); ++i) {
    const Field<T>* found = nullptr;
    for (const Field<T>& candidate : table.fields)
      if (candidate.name == at.keys[i].text) found = &candidate;
    if (found == nullptr) {
      std::vector<std::string_view> names;
      for (const Field<T>& candidate : table.fields) names.push_back(candidate.name);
      const typename Decoder::Down down(decoder, at.keys[i].text);
      decoder.fail(at.keys[i].at,
                   fmt::format("unknown field {}; {}", in_quotes(at.keys[i].text), name_hint(at.keys[i].text, names)));
    }
    const typename Decoder::Down down(decoder, found->name);
    found->decode(decoder, at.items[i], out, found->limits);
  }
  for (const Field<T>& wanted : table.fields)
    if (wanted.need == Need::required && at.find(wanted.name) == nullptr)
      decoder.fail(at.at, fmt::format("{} is missing: {}", in_quotes(wanted.name), wanted.about));
  if (table.check != nullptr) table.check(decoder, at, out);
}

template <class T>
SchemaJson object_schema(SchemaBuilder& schema, const Table<T>& table) {
  SchemaJson properties = SchemaJson::object();
  SchemaJson required = SchemaJson::array();
  for (const Field<T>& field : table.fields) {
    SchemaJson part = field.schema(schema, field.limits);
    // Beside "$ref" draft-07 ignores other keys: wrap it, so that editors show the sentence.
    if (part.contains("$ref")) {
      SchemaJson wrapped;
      wrapped["allOf"].push_back(std::move(part));
      part = std::move(wrapped);
    }
    part["description"] = field.about;
    properties[std::string(field.name)] = std::move(part);
    if (field.need == Need::required) required.push_back(field.name);
  }
  SchemaJson result = {{"description", table.about}, {"type", "object"}, {"properties", properties}};
  if (!required.empty()) result["required"] = required;
  result["additionalProperties"] = false;
  return result;
}

// ---- codecs ------------------------------------------------------------------------------------------------------------

/// Structs go by their table.
template <class T>
struct Codec {
  static void decode(Decoder& decoder, const Json& at, T& out, const Limits&) { decode_object(decoder, at, out, table_of<T>()); }
  static SchemaJson schema(SchemaBuilder& schema, const Limits&) {
    return schema.reference(table_of<T>().name, [](SchemaBuilder& inner) { return object_schema(inner, table_of<T>()); });
  }
};

#define URINGSIM_CODEC(T)                                                               \
  template <>                                                                           \
  struct Codec<T> {                                                                     \
    static void decode(Decoder& decoder, const Json& at, T& out, const Limits& limits); \
    static SchemaJson schema(SchemaBuilder& schema, const Limits& limits);              \
  };

URINGSIM_CODEC(bool)
URINGSIM_CODEC(u32)
URINGSIM_CODEC(u64)
URINGSIM_CODEC(s64)  // also an expression of constants: "-EIO"
URINGSIM_CODEC(double)
URINGSIM_CODEC(std::string)
URINGSIM_CODEC(Bytes)
URINGSIM_CODEC(Nanoseconds)
URINGSIM_CODEC(PartsPerMillion)
URINGSIM_CODEC(Expression)
URINGSIM_CODEC(Ref)
URINGSIM_CODEC(Variable)
URINGSIM_CODEC(BufferSlot)
URINGSIM_CODEC(Offset)
URINGSIM_CODEC(Latency)
URINGSIM_CODEC(TaskStep)
URINGSIM_CODEC(Fault)
URINGSIM_CODEC(Expectation)
#undef URINGSIM_CODEC

template <class T>
struct Codec<std::optional<T>> {
  static void decode(Decoder& decoder, const Json& at, std::optional<T>& out, const Limits& limits) {
    out.emplace();
    Codec<T>::decode(decoder, at, *out, limits);
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits& limits) { return Codec<T>::schema(schema, limits); }
};

template <class T>
struct Codec<std::vector<T>> {
  static void decode(Decoder& decoder, const Json& at, std::vector<T>& out, const Limits& limits) {
    if (at.kind != Json::Kind::array) decoder.fail(at.at, fmt::format("is {}; a list is needed", kind_name(at.kind)));
    if (at.items.size() < limits.least) decoder.fail(at.at, fmt::format("needs at least {} element(s)", limits.least));
    if (at.items.size() > limits.most)
      decoder.fail(at.at, fmt::format("has {} elements; at most {} are possible", at.items.size(), limits.most));
    out.clear();
    for (std::size_t i = 0; i < at.items.size(); ++i) {
      const Decoder::Down down(decoder, i);
      Codec<T>::decode(decoder, at.items[i], out.emplace_back(), Limits{});
    }
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits& limits) {
    SchemaJson result = {{"type", "array"}, {"items", Codec<T>::schema(schema, Limits{})}};
    if (limits.least != 0) result["minItems"] = limits.least;
    if (limits.most != ~u64{0}) result["maxItems"] = limits.most;
    return schema.or_param(result);
  }
};

/// True for what may name a ring, file, device, task ...: letters, digits, `_` and `-`, not starting with a digit or `-`, at
/// most 64.
[[nodiscard]] bool is_name(std::string_view text) noexcept;
inline constexpr std::string_view name_pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$";

template <class T>
struct Codec<std::vector<Entry<T>>> {
  static void decode(Decoder& decoder, const Json& at, Named<T>& out, const Limits& limits) {
    if (at.kind != Json::Kind::object)
      decoder.fail(at.at, fmt::format("is {}; an object of names is needed", kind_name(at.kind)));
    if (at.items.size() < limits.least) decoder.fail(at.at, fmt::format("needs at least {} element(s)", limits.least));
    if (at.items.size() > limits.most)
      decoder.fail(at.at, fmt::format("has {} elements; at most {} are possible", at.items.size(), limits.most));
    for (std::size_t i = 0; i < at.items.size(); ++i) {
      const Decoder::Down down(decoder, at.keys[i].text);
      if (!is_name(at.keys[i].text))
        decoder.fail(at.keys[i].at, "is no name: letters, digits, \"_\" and \"-\", at most 64, the first a letter or \"_\"");
      out.push_back({at.keys[i].text, decoder.where(at.keys[i].at), {}});
      Codec<T>::decode(decoder, at.items[i], out.back().value, Limits{});
    }
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits& limits) {
    SchemaJson result = {{"type", "object"}, {"propertyNames", {{"pattern", name_pattern}}}};
    if (limits.least != 0) result["minProperties"] = limits.least;
    if (limits.most != ~u64{0}) result["maxProperties"] = limits.most;
    result["additionalProperties"] = Codec<T>::schema(schema, Limits{});
    return result;
  }
};

/// Looks `at` up among `words`; fails naming the nearest.
u32 decode_word(Decoder& decoder, const Json& at, std::span<const Spelling> words);
SchemaJson word_schema(std::span<const Spelling> words);
/// A list of names and numbers, ORed.
u32 decode_flags(Decoder& decoder, const Json& at, std::span<const Spelling> words);
SchemaJson flags_schema(SchemaBuilder& schema, std::span<const Spelling> words);

template <class E>
requires std::is_enum_v<E>
struct Codec<E> {
  static void decode(Decoder& decoder, const Json& at, E& out, const Limits&) {
    out = static_cast<E>(decode_word(decoder, at, words_of<E>()));
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits&) { return schema.or_param(word_schema(words_of<E>())); }
};

template <class Tag>
struct Codec<Flags<Tag>> {
  static void decode(Decoder& decoder, const Json& at, Flags<Tag>& out, const Limits&) {
    out.bits = decode_flags(decoder, at, words_of<Tag>());
  }
  static SchemaJson schema(SchemaBuilder& schema, const Limits&) { return flags_schema(schema, words_of<Tag>()); }
};

}  // namespace uringsim::sim
