// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace uringsim::sim {

/// A path of the source from the root of the tree, wherever it was built: compilers are called with others. Files of other
/// projects keep theirs.
const char* source_path(const char* file) noexcept;

}  // namespace uringsim::sim
