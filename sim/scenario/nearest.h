// SPDX-License-Identifier: GPL-2.0-only
// "Did you mean": the good name that is nearest to a wrong one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace uringsim::sim {

/// The name in `names` with the fewest edits (insert, delete, replace, swap of neighbours; case counts half) to `wrong`, or an
/// empty view if none is near enough to be what was meant (more than a third of the letters, at least two, would change).
/// Among equally near ones the first wins.
[[nodiscard]] std::string_view nearest_name(std::string_view wrong, const std::vector<std::string_view>& names);

/// The end of an error line about `wrong`: `did you mean "x"?` where a name is near, else `known: a, b, c` (at most 16 of them).
[[nodiscard]] std::string name_hint(std::string_view wrong, const std::vector<std::string_view>& names);

/// `text` in double quotes, shortened to 60 bytes and with control characters escaped, so that an error stays one line.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace uringsim::sim
