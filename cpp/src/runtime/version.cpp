#include "thinset/version.hpp"

namespace thinset {

std::string_view version() noexcept { return THINSET_VERSION; }

}  // namespace thinset
