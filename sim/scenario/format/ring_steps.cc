// SPDX-License-Identifier: GPL-2.0-only
// The tables of single accesses to the ring.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

template <>
const Table<SqeStep>& table_of<SqeStep>() {
  static const Table<SqeStep> table{
      "sqe",
      "Stores into an SQE, field by field. The tail does not move.",
      {field<&SqeStep::ring>("ring", "Which ring.", Need::required),
       field<&SqeStep::slot>("slot", "Index of the SQE (behind the last one filled)."),
       field<&SqeStep::index>("index", "What goes into the SQ array there (the slot itself)."),
       field<&SqeStep::keep>(
           "keep",
           "Leave fields that are not named as they are, and the SQ array too: changes an SQE under the kernel's eyes (false)."),
       Field<SqeStep>{"opcode",
                      "A name without IORING_OP_, a number, or an expression.",
                      Need::optional,
                      {},
                      [](Decoder& decoder, const Json& at, SqeStep& out, const Limits&) {
                        if (at.kind == Json::Kind::string)
                          for (std::size_t i = 0; i < sqe_opcodes().size(); ++i)
                            if (sqe_opcodes()[i] == at.text) return void(out.opcode = Expression(static_cast<s64>(i)));
                        out.opcode = decoder.expression(at);
                      },
                      [](SchemaBuilder& schema, const Limits&) { return Codec<Expression>::schema(schema, {}); }},
       Field<SqeStep>{"flags",
                      "IOSQE_ flags by name or number, or an expression.",
                      Need::optional,
                      {},
                      [](Decoder& decoder, const Json& at, SqeStep& out, const Limits&) {
                        if (at.kind == Json::Kind::array)
                          out.flags = Expression(static_cast<s64>(decode_flags(decoder, at, words_of<SqeFlagNames>())));
                        else
                          out.flags = decoder.expression(at);
                      },
                      [](SchemaBuilder& schema, const Limits&) {
                        return SchemaJson{{"anyOf", SchemaJson::array({Codec<Flags<SqeFlagNames>>::schema(schema, {}),
                                                                       Codec<Expression>::schema(schema, {})})}};
                      }},
       field<&SqeStep::ioprio>("ioprio", "16 bits."), field<&SqeStep::fd>("fd", "32 bits."),
       field<&SqeStep::file>("file", "Instead of fd: this file's descriptor, or index."),
       field<&SqeStep::fixed>("fixed", "With `file`: its index, and FIXED_FILE (false)."),
       field<&SqeStep::off>("off", "64 bits."), field<&SqeStep::addr>("addr", "64 bits; a buffer's name is its address."),
       field<&SqeStep::len>("len", "32 bits."),
       field<&SqeStep::rw_flags>("rw_flags", "The 32 bits that mean rw_flags, fsync_flags, poll_events, timeout_flags ..."),
       field<&SqeStep::user_data>("user_data", "64 bits."), field<&SqeStep::buf_index>("buf_index", "16 bits.")},
      [](Decoder& decoder, const Json& at, const SqeStep& step) {
        if (step.fd && !step.file.empty()) decoder.fail(at.at, "\"fd\" and \"file\" exclude each other");
        if (step.fixed && step.file.empty())
          decoder.fail(at.at, "\"fixed\" needs a \"file\"; with a number, use \"fd\" and the flag FIXED_FILE");
        if (step.keep && step.index) decoder.fail(at.at, "\"keep\" leaves the SQ array alone; \"index\" would change it");
      }};
  return table;
}

template <>
const Table<LoadStep>& table_of<LoadStep>() {
  static const Table<LoadStep> table{
      "load",
      "Reads a word of the ring.",
      {field<&LoadStep::ring>("ring", "Which ring.", Need::required),
       field<&LoadStep::word>("word", "Which word.", Need::required),
       field<&LoadStep::order>("order", "relaxed, acquire, or plain: a data race if unordered (relaxed)."),
       field<&LoadStep::into>("into", "Variable.", Need::required)}};
  return table;
}

template <>
const Table<StoreStep>& table_of<StoreStep>() {
  static const Table<StoreStep> table{
      "store",
      "Writes a word of the ring.",
      {field<&StoreStep::ring>("ring", "Which ring.", Need::required),
       field<&StoreStep::word>("word", "Which word.", Need::required), field<&StoreStep::value>("value", "What.", Need::required),
       field<&StoreStep::order>("order", "relaxed, release, or plain (release).")}};
  return table;
}

template <>
const Table<AdvanceStep>& table_of<AdvanceStep>() {
  static const Table<AdvanceStep> table{
      "advance",
      "Adds to the SQ tail or the CQ head, the words that the application owns.",
      {field<&AdvanceStep::ring>("ring", "Which ring.", Need::required),
       field<&AdvanceStep::word>("word", "sq_tail or cq_head (cq_head)."),
       field<&AdvanceStep::by>("by", "So much, may be negative (1)."),
       field<&AdvanceStep::order>("order", "relaxed, release, or plain (release).")},
      [](Decoder& decoder, const Json& at, const AdvanceStep& step) {
        if (step.word != Word::sq_tail && step.word != Word::cq_head)
          decoder.fail(at.find("word")->at,
                       "only sq_tail and cq_head are the application's; use \"store\" to scribble over others");
      }};
  return table;
}

template <>
const Table<EnterStep>& table_of<EnterStep>() {
  static const Table<EnterStep> table{
      "enter",
      "io_uring_enter, argument by argument.",
      {field<&EnterStep::ring>("ring", "Which ring.", Need::required), field<&EnterStep::to_submit>("to_submit", "(0)"),
       field<&EnterStep::min_complete>("min_complete", "(0)"),
       field<&EnterStep::flags>("flags", "IORING_ENTER_ flags by name, or numbers."),
       field<&EnterStep::blocked>("blocked", "Pass a signal mask that blocks these (no mask)."),
       field<&EnterStep::result>("result", "What it has to return."), field<&EnterStep::into>("into", "What it returned.")}};
  return table;
}

template <>
const Table<CqeStep>& table_of<CqeStep>() {
  static const Table<CqeStep> table{
      "cqe",
      "Reads one CQE. The head does not move.",
      {field<&CqeStep::ring>("ring", "Which ring.", Need::required),
       field<&CqeStep::at>("at", "Its index, before masking.", Need::required),
       field<&CqeStep::user_data>("user_data", "Variable for it."), field<&CqeStep::res>("res", "Variable for it."),
       field<&CqeStep::flags>("flags", "Variable for it.")}};
  return table;
}

template <>
const Table<ScribbleStep>& table_of<ScribbleStep>() {
  static const Table<ScribbleStep> table{
      "scribble",
      "Writes over ring memory.",
      {field<&ScribbleStep::ring>("ring", "Which ring.", Need::required),
       field<&ScribbleStep::area>("area", "Which part.", Need::required),
       field<&ScribbleStep::offset>("offset", "From this byte of it (0)."),
       field<&ScribbleStep::size>("size", "So many bytes (64).", Need::optional, {1, 1u << 20}),
       field<&ScribbleStep::value>("value", "Each byte (random).")}};
  return table;
}

template <>
const Table<FillStep>& table_of<FillStep>() {
  static const Table<FillStep> table{
      "fill",
      "Fills a buffer of the task.",
      {field<&FillStep::buffer>("buffer", "Which.", Need::required),
       field<&FillStep::seed>("seed", "With the pattern of this seed."), field<&FillStep::value>("value", "Or with this byte.")},
      [](Decoder& decoder, const Json& at, const FillStep& step) {
        if (step.seed.has_value() == step.value.has_value()) decoder.fail(at.at, "needs a \"seed\" or a \"value\", one of them");
      }};
  return table;
}

template <>
const Table<PokeStep>& table_of<PokeStep>() {
  static const Table<PokeStep> table{
      "poke",
      "Stores a number into a buffer of the task.",
      {field<&PokeStep::buffer>("buffer", "Which.", Need::required),
       field<&PokeStep::offset>("offset", "Where in it, in bytes (0)."),
       field<&PokeStep::size>("size", "Bytes of the number: 1, 2, 4 or 8 (8).", Need::optional, {1, 8}),
       field<&PokeStep::value>("value", "The number.", Need::required)},
      [](Decoder& decoder, const Json& at, const PokeStep& step) {
        if ((step.size & (step.size - 1)) != 0) decoder.fail(at.at, "\"size\" is 1, 2, 4 or 8");
      }};
  return table;
}

template <>
const Table<CompareStep>& table_of<CompareStep>() {
  static const Table<CompareStep> table{
      "compare",
      "Fails the run unless a buffer holds a pattern.",
      {field<&CompareStep::buffer>("buffer", "Which.", Need::required), field<&CompareStep::seed>("seed", "Of the pattern (0)."),
       field<&CompareStep::offset>("offset", "Where in the pattern the buffer starts (0)."),
       field<&CompareStep::size>("size", "Only so many bytes (all).", Need::optional, {1, ~u64{0}})}};
  return table;
}

}  // namespace uringsim::sim
