// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/decoder.h"

#include <algorithm>
#include <cmath>

namespace uringsim::sim {

// ---- Decoder ----------------------------------------------------------------------------------------------------------

std::string Decoder::path() const {
  std::string text;
  for (const Part& part : path_) {
    if (part.name.data() == nullptr) {
      text += fmt::format("/{}", part.index);
      continue;
    }
    // A key is whatever somebody typed; the line has to stay a line.
    const std::string safe = in_quotes(part.name);
    text += "/" + safe.substr(1, safe.size() - 2);
  }
  return text.empty() ? "/" : text;
}

void Decoder::enter_task(const Named<BufferOptions>& buffers) {
  in_task_ = true;
  variables_.clear();
  variables_.push_back({"self", true, {}, {}});
  buffers_.clear();
  for (const auto& buffer : buffers) buffers_.push_back(buffer.name);
}

std::vector<std::string> Decoder::leave_task() {
  in_task_ = false;
  std::vector<std::string> names;
  for (const Variable& variable : variables_) {
    if (!variable.set) {
      std::vector<std::string_view> known;
      for (const Variable& other : variables_)
        if (other.set) known.push_back(other.name);
      for (const std::string& buffer : buffers_) known.push_back(buffer);
      for (const std::string_view constant : constant_names()) known.push_back(constant);
      const std::string_view near = nearest_name(variable.name, known);
      throw InputError(fmt::format(
          "{}: {}: nothing sets the variable {}; {}", document_.where(variable.used), variable.path, in_quotes(variable.name),
          near.empty() ? "a step with \"into\" or \"set\" would" : fmt::format("did you mean {}?", in_quotes(near))));
    }
    names.push_back(variable.name);
  }
  return names;
}

u32 Decoder::variable_slot(std::string_view name) {
  for (u32 slot = 0; slot < variables_.size(); ++slot)
    if (variables_[slot].name == name) return slot;
  variables_.push_back({std::string(name), false, {}, {}});
  return static_cast<u32>(variables_.size() - 1);
}

u32 Decoder::set_variable(const Origin& at, const std::string& name) {
  constexpr std::size_t most_variables = 256;
  const bool word = is_name(name) && name.find('-') == std::string::npos;
  if (!word) fail(at, fmt::format("{} is no variable: letters, digits and \"_\", the first no digit", in_quotes(name)));
  if (constant_named(name)) fail(at, fmt::format("{} is a constant", in_quotes(name)));
  if (name == "self") fail(at, "\"self\" is the task's number and cannot be set");
  if (std::find(buffers_.begin(), buffers_.end(), name) != buffers_.end())
    fail(at, fmt::format("{} is a buffer of this task", in_quotes(name)));
  const u32 slot = variable_slot(name);
  if (slot >= most_variables) fail(at, fmt::format("more than {} variables in one task", most_variables));
  variables_[slot].set = true;
  return slot;
}

u32 Decoder::buffer_slot(const Origin& at, const std::string& name) {
  for (u32 slot = 0; slot < buffers_.size(); ++slot)
    if (buffers_[slot] == name) return slot;
  fail(at, fmt::format("this task has no buffer {}; {}", in_quotes(name),
                       name_hint(name, std::vector<std::string_view>(buffers_.begin(), buffers_.end()))));
}

Expression Decoder::expression(const Json& at) {
  if (at.kind == Json::Kind::integer) {
    if (at.negative && at.magnitude > (u64{1} << 63)) fail(at.at, "is below 64 bits");
    return Expression(static_cast<s64>(at.negative ? ~at.magnitude + 1 : at.magnitude));
  }
  if (at.kind != Json::Kind::string)
    fail(at.at, fmt::format("is {}; an integer or an expression like \"tail + 1\" is needed", kind_name(at.kind)));
  const auto resolve = [&](std::string_view name) -> std::optional<Expression::Instruction> {
    if (const auto constant = constant_named(name)) return Expression::Instruction{Expression::Operator::constant, *constant};
    if (!in_task_) return std::nullopt;
    for (std::size_t slot = 0; slot < buffers_.size(); ++slot)
      if (buffers_[slot] == name) return Expression::Instruction{Expression::Operator::buffer, static_cast<s64>(slot)};
    const u32 slot = variable_slot(name);
    if (variables_[slot].used.line == 0) {
      variables_[slot].used = at.at;
      variables_[slot].path = path();
    }
    return Expression::Instruction{Expression::Operator::variable, slot};
  };
  std::string error;
  auto parsed = Expression::parse(at.text, resolve, error);
  if (!parsed) fail(at.at, error);
  return std::move(*parsed);
}

// ---- SchemaBuilder ----------------------------------------------------------------------------------------------------

SchemaJson SchemaBuilder::reference(const std::string& name, const std::function<SchemaJson(SchemaBuilder&)>& make) {
  if (!definitions.contains(name)) {
    definitions[name] = SchemaJson::object();  // taken, so that recursion (steps in steps) ends
    SchemaJson made = make(*this);
    definitions[name] = std::move(made);
  }
  return {{"$ref", "#/definitions/" + name}};
}

SchemaJson SchemaBuilder::or_param(SchemaJson schema) {
  SchemaJson param = reference("param", [](SchemaBuilder&) {
    return SchemaJson{{"description", "A param of the file."}, {"type", "string"}, {"pattern", "^\\$\\{[^}]+\\}$"}};
  });
  return {{"anyOf", SchemaJson::array({std::move(schema), std::move(param)})}};
}

// ---- scalars ----------------------------------------------------------------------------------------------------------

namespace {

[[noreturn]] void wrong(Decoder& decoder, const Json& at, std::string_view needed) {
  if (at.kind == Json::Kind::string) decoder.fail(at.at, fmt::format("{} is not {}", in_quotes(at.text), needed));
  if (at.kind == Json::Kind::integer) decoder.fail(at.at, fmt::format("{} is not {}", to_text(at), needed));
  decoder.fail(at.at, fmt::format("is {}; {} is needed", kind_name(at.kind), needed));
}

u64 unsigned_number(Decoder& decoder, const Json& at, const Limits& limits, u64 top) {
  const u64 most = std::min(limits.most, top);
  const auto range = [&] {
    return most == ~u64{0} ? fmt::format("an integer of at least {}", limits.least)
                           : fmt::format("an integer from {} to {}", limits.least, most);
  };
  if (at.kind != Json::Kind::integer || (at.negative && at.magnitude != 0) || at.magnitude < limits.least || at.magnitude > most)
    wrong(decoder, at, range());
  return at.magnitude;
}

SchemaJson unsigned_schema(SchemaBuilder& schema, const Limits& limits, u64 top) {
  return schema.or_param({{"type", "integer"}, {"minimum", limits.least}, {"maximum", std::min(limits.most, top)}});
}

SchemaJson text_schema(SchemaBuilder& schema, const std::string& name, const char* about, const char* pattern) {
  return schema.reference(name, [&](SchemaBuilder& inner) {
    SchemaJson result = inner.or_param({{"type", "string"}, {"pattern", pattern}});
    result["description"] = about;
    return result;
  });
}

/// The text of a quantity: a string, or a bare integer.
std::string quantity_text(Decoder& decoder, const Json& at, std::string_view needed) {
  if (at.kind == Json::Kind::string) return at.text;
  if (at.kind == Json::Kind::integer && !at.negative) return std::to_string(at.magnitude);
  wrong(decoder, at, needed);
}

}  // namespace

void Codec<bool>::decode(Decoder& decoder, const Json& at, bool& out, const Limits&) {
  if (at.kind != Json::Kind::boolean) wrong(decoder, at, "true or false");
  out = at.boolean;
}
SchemaJson Codec<bool>::schema(SchemaBuilder& schema, const Limits&) { return schema.or_param({{"type", "boolean"}}); }

void Codec<u32>::decode(Decoder& decoder, const Json& at, u32& out, const Limits& limits) {
  out = static_cast<u32>(unsigned_number(decoder, at, limits, 0xffffffff));
}
SchemaJson Codec<u32>::schema(SchemaBuilder& schema, const Limits& limits) { return unsigned_schema(schema, limits, 0xffffffff); }

void Codec<u64>::decode(Decoder& decoder, const Json& at, u64& out, const Limits& limits) {
  out = unsigned_number(decoder, at, limits, ~u64{0});
}
SchemaJson Codec<u64>::schema(SchemaBuilder& schema, const Limits& limits) { return unsigned_schema(schema, limits, ~u64{0}); }

void Codec<s64>::decode(Decoder& decoder, const Json& at, s64& out, const Limits&) {
  const Expression expression = decoder.expression(at);
  if (!expression.is_constant()) wrong(decoder, at, "a constant");
  out = expression.value();
}
SchemaJson Codec<s64>::schema(SchemaBuilder& schema, const Limits& limits) { return Codec<Expression>::schema(schema, limits); }

void Codec<double>::decode(Decoder& decoder, const Json& at, double& out, const Limits&) {
  if (at.kind == Json::Kind::integer)
    out = at.negative ? -static_cast<double>(at.magnitude) : static_cast<double>(at.magnitude);
  else if (at.kind == Json::Kind::real)
    out = at.real;
  else
    wrong(decoder, at, "a number");
}
SchemaJson Codec<double>::schema(SchemaBuilder& schema, const Limits&) { return schema.or_param({{"type", "number"}}); }

void Codec<std::string>::decode(Decoder& decoder, const Json& at, std::string& out, const Limits& limits) {
  if (at.kind != Json::Kind::string) wrong(decoder, at, "a string");
  if (at.text.size() < limits.least) decoder.fail(at.at, "is empty");
  if (at.text.find('\0') != std::string::npos) decoder.fail(at.at, "holds a zero byte");
  out = at.text;
}
SchemaJson Codec<std::string>::schema(SchemaBuilder&, const Limits& limits) {
  SchemaJson result = {{"type", "string"}};
  if (limits.least != 0) result["minLength"] = limits.least;
  return result;
}

void Codec<Bytes>::decode(Decoder& decoder, const Json& at, Bytes& out, const Limits& limits) {
  const std::string needed = "a size like 512 or \"4KiB\"";
  const auto value = parse_bytes(quantity_text(decoder, at, needed));
  if (!value) wrong(decoder, at, needed + " (units: B, KiB, MiB, GiB, TiB)");
  if (value->count < limits.least) wrong(decoder, at, fmt::format("at least {} bytes", limits.least));
  if (value->count > limits.most) wrong(decoder, at, fmt::format("at most {} bytes", limits.most));
  out = *value;
}
SchemaJson Codec<Bytes>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("size", [](SchemaBuilder& inner) {
    SchemaJson result = inner.or_param(
        {{"anyOf", SchemaJson::array({{{"type", "integer"}, {"minimum", 0}},
                                      {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)? *(B|KiB|MiB|GiB|TiB)?$"}}})}});
    result["description"] = "A number of bytes: 512, \"4KiB\", \"1GiB\".";
    return result;
  });
}

void Codec<Nanoseconds>::decode(Decoder& decoder, const Json& at, Nanoseconds& out, const Limits& limits) {
  const std::string needed = "a time like \"80us\" or \"2ms\"";
  const auto value = parse_duration(quantity_text(decoder, at, needed));
  if (!value) wrong(decoder, at, needed + " (units: ns, us, ms, s, min, h)");
  constexpr u64 longest = 1'000'000ull * 3600 * 1'000'000'000;  // a million hours: sums stay far from 64 bits
  if (value->count < limits.least) wrong(decoder, at, fmt::format("at least {}", to_text(Nanoseconds{limits.least})));
  if (value->count > std::min(limits.most, longest))
    wrong(decoder, at, fmt::format("at most {}", to_text(Nanoseconds{std::min(limits.most, longest)})));
  out = *value;
}
SchemaJson Codec<Nanoseconds>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("time", [](SchemaBuilder& inner) {
    SchemaJson result = inner.or_param(
        {{"anyOf", SchemaJson::array(
                       {{{"const", 0}}, {{"type", "string"}, {"pattern", "^(0|[0-9]+(\\.[0-9]+)? *(ns|us|ms|s|min|h))$"}}})}});
    result["description"] = "A time: \"80us\", \"2ms\", \"1.5s\".";
    return result;
  });
}

void Codec<PartsPerMillion>::decode(Decoder& decoder, const Json& at, PartsPerMillion& out, const Limits&) {
  const char* const needed = "a probability like \"5%\" or \"0.05\", down to a millionth";
  const auto value = parse_probability(at.kind == Json::Kind::real ? at.text : quantity_text(decoder, at, needed));
  if (!value) wrong(decoder, at, needed);
  out = *value;
}
SchemaJson Codec<PartsPerMillion>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("probability", [](SchemaBuilder& inner) {
    SchemaJson result =
        inner.or_param({{"anyOf", SchemaJson::array({{{"type", "number"}, {"minimum", 0}, {"maximum", 1}},
                                                     {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)? *%?$"}}})}});
    result["description"] = "A probability: \"5%\", 0.05.";
    return result;
  });
}

void Codec<Expression>::decode(Decoder& decoder, const Json& at, Expression& out, const Limits&) { out = decoder.expression(at); }
SchemaJson Codec<Expression>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("value", [](SchemaBuilder&) {
    return SchemaJson{
        {"description",
         "An integer, or an expression of variables and constants: \"tail + 1\", \"flags & NEED_WAKEUP\", \"-EIO\"."},
        {"type", SchemaJson::array({"integer", "string"})}};
  });
}

void Codec<Ref>::decode(Decoder& decoder, const Json& at, Ref& out, const Limits&) {
  if (at.kind != Json::Kind::string || at.text.empty()) wrong(decoder, at, "a name");
  out = {at.text, decoder.where(at.at)};
}
SchemaJson Codec<Ref>::schema(SchemaBuilder& schema, const Limits&) {
  return text_schema(schema, "reference", "The name of something that the file declares.", ".");
}

void Codec<Variable>::decode(Decoder& decoder, const Json& at, Variable& out, const Limits&) {
  if (at.kind != Json::Kind::string) wrong(decoder, at, "the name of a variable");
  out.slot = decoder.set_variable(at.at, at.text);
}
SchemaJson Codec<Variable>::schema(SchemaBuilder& schema, const Limits&) {
  return text_schema(schema, "variable", "A variable of the task, which is set.", "^[A-Za-z_][A-Za-z0-9_]{0,63}$");
}

void Codec<BufferSlot>::decode(Decoder& decoder, const Json& at, BufferSlot& out, const Limits&) {
  if (at.kind != Json::Kind::string) wrong(decoder, at, "the name of a buffer");
  out.slot = decoder.buffer_slot(at.at, at.text);
}
SchemaJson Codec<BufferSlot>::schema(SchemaBuilder& schema, const Limits& limits) { return Codec<Ref>::schema(schema, limits); }

void Codec<Offset>::decode(Decoder& decoder, const Json& at, Offset& out, const Limits&) {
  if (at.kind == Json::Kind::string && (at.text == "random" || at.text == "sequential")) {
    out.kind = at.text == "random" ? Offset::Kind::random : Offset::Kind::sequential;
    return;
  }
  out.kind = Offset::Kind::at;
  if (at.kind == Json::Kind::string)
    if (const auto bytes = parse_bytes(at.text)) {
      out.at = Expression(static_cast<s64>(bytes->count));
      return;
    }
  out.at = decoder.expression(at);
}
SchemaJson Codec<Offset>::schema(SchemaBuilder& schema, const Limits&) {
  return schema.reference("offset", [](SchemaBuilder&) {
    return SchemaJson{{"description",
                       "\"sequential\" (on from the task's last request to the file), \"random\" (a multiple of the size), a "
                       "size, or an expression."},
                      {"type", SchemaJson::array({"integer", "string"})}};
  });
}

// ---- words -------------------------------------------------------------------------------------------------------------

bool is_name(std::string_view text) noexcept {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  constexpr std::size_t longest = 64;
  if (text.empty() || text.size() > longest || !letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

namespace {
std::vector<std::string_view> names_in(std::span<const Spelling> words) {
  std::vector<std::string_view> names;
  for (const Spelling& word : words) names.push_back(word.name);
  return names;
}
}  // namespace

u32 decode_word(Decoder& decoder, const Json& at, std::span<const Spelling> words) {
  if (at.kind == Json::Kind::string)
    for (const Spelling& word : words)
      if (word.name == at.text) return word.value;
  const std::string written = at.kind == Json::Kind::string ? at.text : to_text(at);
  decoder.fail(at.at, fmt::format("{} is not possible here; {}", in_quotes(written), name_hint(written, names_in(words))));
}

SchemaJson word_schema(std::span<const Spelling> words) { return {{"enum", names_in(words)}}; }

u32 decode_flags(Decoder& decoder, const Json& at, std::span<const Spelling> words) {
  if (at.kind != Json::Kind::array) decoder.fail(at.at, fmt::format("is {}; a list of flags is needed", kind_name(at.kind)));
  u32 bits = 0;
  for (std::size_t i = 0; i < at.items.size(); ++i) {
    const Decoder::Down down(decoder, i);
    const Json& item = at.items[i];
    if (item.kind == Json::Kind::integer)
      bits |= static_cast<u32>(unsigned_number(decoder, item, {}, 0xffffffff));
    else
      bits |= decode_word(decoder, item, words);
  }
  return bits;
}

SchemaJson flags_schema(SchemaBuilder& schema, std::span<const Spelling> words) {
  SchemaJson item = schema.or_param(
      {{"anyOf", SchemaJson::array({word_schema(words), {{"type", "integer"}, {"minimum", 0}, {"maximum", 0xffffffffu}}})}});
  return schema.or_param({{"type", "array"}, {"items", item}});
}

}  // namespace uringsim::sim
