// Parts of the messages about a choice.
#pragma once

#include <cstddef>
#include <string>

namespace thinset {

// "RULE: row 17 has -0.5; ADVICE".
[[noreturn]] void refuse_entry(const std::string& rule, std::size_t row, double value,
                               const std::string& advice);

// ": among leaves out 40 rows, exclude 20, min_score 3", or "" if no row is out.
std::string why_rows_are_out(std::size_t n_not_among, std::size_t n_excluded, std::size_t n_low);

}  // namespace thinset
