// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/fields.h"

namespace uringsim::sim::tape {

u32 flag_word(Names names, const Json& value) {
  if (!value.is_array()) return value.get<u32>();
  u32 word = 0;
  for (const Json& flag : value) word |= code(names, flag);
  return word;
}

u32 code(Names names, const Json& value) {
  return value.is_string() ? *value_of(names, value.get_ref<const std::string&>()) : value.get<u32>();
}

Json no_ring() { return {{"skip", "no ring"}}; }

u64 number_or(const Json& step, const char* key, u64 otherwise) {
  const auto found = step.find(key);
  return found == step.end() ? otherwise : found->get<u64>();
}

Json bit_list(Names names, u32 word) {
  Json list = Json::array();
  for (std::string& name : bit_names(names, word)) list.push_back(std::move(name));
  return list;
}

std::vector<u8> pattern(u64 bytes, u64 seed) {
  std::vector<u8> content(bytes);
  for (u64 i = 0; i < bytes; i++) content[i] = static_cast<u8>(i * 31 + (i >> 8) * 17 + seed);
  return content;
}

u32 fnv1a(const u8* bytes, u64 count) noexcept {
  u32 sum = 2166136261u;
  for (u64 i = 0; i < count; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

}  // namespace uringsim::sim::tape
