// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/unchanged.h"

#include <fnmatch.h>

#include <array>
#include <charconv>
#include <string>

namespace uringsim::sim::tape {

namespace {

constexpr std::array kGroups = {
    UnchangedGroup{"fuzz/nops/*", "v5.1", "NOPs have completed at once, in order, since the first release"},
    UnchangedGroup{"fuzz/links/*", "v5.3",
                   "a chain that succeeds, or fails in its last member, has run in order since links exist"},
    UnchangedGroup{"fuzz/drain/*", "v5.2", "a drained request has waited for all before it since the flag exists"},
    UnchangedGroup{"fuzz/timeout/*", "v5.4", "a timeout has fired by time or by count since the opcode exists"},
    UnchangedGroup{"fuzz/setup/*", "v5.1", "the limits of entries and the refusal of unknown flags have stayed"},
    UnchangedGroup{"fuzz/hostile/*", "v5.2",
                   "descriptors, flags and indices are validated as they were then; 5.1 has no eventfd to take away"},
    UnchangedGroup{"setup/params-*", "v5.1", "a params struct that cannot be read is EFAULT"},
    UnchangedGroup{"setup/resv*", "v5.1", "reserved fields have to be zero"},
    UnchangedGroup{"setup/sq-cpu-no-sqpoll/*", "v5.1", "sq_thread_cpu means nothing without SQPOLL"},
    UnchangedGroup{"enter/fd/*", "v5.1", "what enter says to descriptors that are no ring"},
    UnchangedGroup{"enter/to-submit/*", "v5.1", "an enter takes at most what is in the SQ ring"},
    UnchangedGroup{"enter/publish/*", "v5.1", "the SQ tail says what is there, however it moved"},
    UnchangedGroup{"enter/min-complete/*", "v5.2",
                   "waits for as many completions as the CQ ring can hold; 5.1 waited even after an error"},
    UnchangedGroup{"enter/index/*", "v5.2", "an index outside the ring is dropped and counted"},
    UnchangedGroup{"enter/closed*", "v5.1", "a closed ring's descriptor is EBADF"},
    UnchangedGroup{"enter/sig*", "v5.2", "the signal mask is installed for the wait"},
    UnchangedGroup{"rw/readv/*", "v5.2", "reads of regular files"},
    UnchangedGroup{"rw/direct/*", "v5.2", "reads and writes past the page cache"},
    UnchangedGroup{"rw/sync-file-range/*", "v5.2", "the flags of sync_file_range(2)"},
    UnchangedGroup{"timeout/plain/*", "v5.4", "timeouts that only time ends"},
    UnchangedGroup{"timeout/len*", "v5.4", "one timespec, no more"},
    UnchangedGroup{"timeout/order*", "v5.4", "timeouts fire in the order of their times"},
    UnchangedGroup{"poll/ready/*", "v5.1", "a poll for what is there already"},
    UnchangedGroup{"poll/events/*", "v5.1", "only the events asked for are reported"},
    UnchangedGroup{"exit/*", "v5.2", "a process goes away whatever its rings hold"},
    UnchangedGroup{"sqpoll/idle/*", "v5.1", "the SQ thread sleeps after its idle time"},
    UnchangedGroup{"sqpoll/wakeup/*", "v5.1", "SQ_WAKEUP wakes the SQ thread"},
};

bool older(std::string_view a, std::string_view b) {
  const auto number = [](std::string_view text) {
    unsigned major = 0, minor = 0;
    if (!text.empty() && text.front() == 'v') text.remove_prefix(1);
    const auto dot = std::from_chars(text.data(), text.data() + text.size(), major).ptr;
    if (dot != text.data() + text.size()) std::from_chars(dot + 1, text.data() + text.size(), minor);
    return major * 1000 + minor;
  };
  return number(a) < number(b);
}

}  // namespace

std::span<const UnchangedGroup> unchanged_groups() noexcept { return kGroups; }

const UnchangedGroup* unchanged(const Tape& tape, std::string_view kernel) noexcept {
  for (const UnchangedGroup& group : kGroups)
    if (fnmatch(std::string(group.glob).c_str(), tape.name.c_str(), 0) == 0 && !older(kernel, group.since)) return &group;
  return nullptr;
}

std::span<const Excuse> excuses() noexcept { return {}; }

std::optional<size_t> excuse_for(const Tape& tape, const Difference& difference, std::string_view kernel) noexcept {
  const std::span<const Excuse> rows = excuses();
  for (size_t i = 0; i < rows.size(); i++)
    if (older(kernel, rows[i].release) && rows[i].covers(tape, difference)) return i;
  return std::nullopt;
}

}  // namespace uringsim::sim::tape
