#include "thinset/element.hpp"

namespace thinset {

std::string_view to_string(Element element) {
  switch (element) {
    case Element::float32:
      return "float32";
    case Element::float64:
      return "float64";
    case Element::float16:
      return "float16";
    case Element::bfloat16:
      return "bfloat16";
  }
  return "unknown";
}

}  // namespace thinset
