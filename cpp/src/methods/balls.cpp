#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "methods/screened_pairs.hpp"
#include "thinset/error.hpp"
#include "thinset/nearest.hpp"

namespace thinset {

namespace {

// Above every rank whose distance is at most the radius, rounding included.
double rank_beyond(double radius) {
  return radius < 0.0 ? 0.0
                      : radius * radius * (1.0 + 1e-14) + 2.0 * std::numeric_limits<double>::min();
}

template <class T>
BallCounts count(const Rows<T>& centres, std::span<const double> radii, const Rows<T>& points,
                 Job& job) {
  BallCounts counts{std::vector<std::int64_t>(centres.size()),
                    std::vector<std::int64_t>(points.size())};
  // Of the points of one tile, because threads share points, not balls.
  std::vector<std::vector<std::int64_t>> of_tile(job.n_threads());
  std::size_t first_point = 0;
  ScreenedPairs<T>(centres, points, job)
      .run([](std::size_t, const Point&) {},
           [&](std::size_t centre) { return rank_beyond(radii[centre]); },
           [&](std::size_t centre, std::size_t point, double rank, unsigned thread) {
             if (std::sqrt(rank) <= radii[centre]) {
               ++counts.of_balls[centre];
               std::vector<std::int64_t>& mine = of_tile[thread];
               if (mine.size() <= point - first_point) {
                 mine.resize(point - first_point + 1);
               }
               ++mine[point - first_point];
             }
           },
           [&](std::size_t first, std::size_t last) {
             for (std::vector<std::int64_t>& mine : of_tile) {
               for (std::size_t i = 0; i < mine.size(); ++i) {
                 counts.of_points[first + i] += mine[i];
               }
               mine.clear();
             }
             first_point = last;
           });
  return counts;
}

}  // namespace

BallCounts count_in_balls(const AnyMatrix& centres, std::span<const double> radii,
                          const AnyMatrix& points, Job& job) {
  if (radii.size() != centres.n_rows) {
    throw InvalidInput("radii must have one entry per centre, got " + std::to_string(radii.size()) +
                       " for " + std::to_string(centres.n_rows) + " centres");
  }
  for (std::size_t i = 0; i < radii.size(); ++i) {
    if (!(radii[i] <= std::numeric_limits<double>::max())) {
      throw InvalidInput("radii must be finite: radius " + std::to_string(i) + " is " +
                         std::to_string(radii[i]));
    }
  }
  check_pairs(centres, "centres", points, "points", job);
  return visit_pairs(centres, points, [&]<class T>(const Rows<T>& from, const Rows<T>& to) {
    return count<T>(from, radii, to, job);
  });
}

}  // namespace thinset
