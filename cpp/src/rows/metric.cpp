#include "thinset/metric.hpp"

#include <string>

#include "thinset/error.hpp"

namespace thinset {

Metric metric_from_name(std::string_view name) {
  for (const Metric metric : {Metric::euclidean, Metric::sqeuclidean, Metric::cosine}) {
    if (name == to_string(metric)) {
      return metric;
    }
  }
  throw InvalidInput("metric must be one of euclidean, sqeuclidean, cosine; got '" +
                     std::string(name) + "'");
}

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::euclidean:
      return "euclidean";
    case Metric::sqeuclidean:
      return "sqeuclidean";
    case Metric::cosine:
      return "cosine";
  }
  return "unknown";
}

}  // namespace thinset
