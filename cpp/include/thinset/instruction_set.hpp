/// @file
/// The vector instructions that the innermost loops use.
#pragma once

#include <string_view>
#include <vector>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

enum class InstructionSet { plain, avx2, avx512 };

std::string_view to_string(InstructionSet set);

/// The sets that this build contains and this processor supports, from plain to the widest.
std::vector<InstructionSet> available_instruction_sets();

/// The widest available set, unless use_instruction_set chose another.
InstructionSet current_instruction_set();

/// Results do not depend on the set; this is for tests and benchmarks. Throws InvalidInput if `set`
/// is not available.
void use_instruction_set(InstructionSet set);

}  // namespace THINSET_API thinset
