#include "methods/nearest_medoids.hpp"

#include <algorithm>
#include <limits>

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 256;
constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

template <class T>
NearestMedoids<T>::NearestMedoids(const DistanceMeter<T>& meter, const Loss& loss,
                                  std::span<const std::size_t> medoids, Job& job)
    : meter_(meter),
      loss_(loss),
      job_(job),
      medoids_(meter, medoids.size()),
      rows_(meter.rows().size()) {
  for (const std::size_t row : medoids) {
    medoids_.push_back(row);
  }
  job_.parallel_for(rows_.size(), rows_per_block,
                    [&](std::size_t begin, std::size_t end, unsigned) {
                      Point point;
                      for (std::size_t row = begin; row < end; ++row) {
                        find(row, rows_[row], point);
                      }
                    });
}

template <class T>
void NearestMedoids<T>::replace(std::size_t place, std::size_t row) {
  medoids_.replace(place, row);
  Point in;
  meter_.read(row, in);
  const auto number = static_cast<std::uint32_t>(place);
  job_.parallel_for(
      rows_.size(), rows_per_block, [&](std::size_t begin, std::size_t end, unsigned) {
        Point point;
        for (std::size_t i = begin; i < end; ++i) {
          Row& one = rows_[i];
          const auto last = one.known.begin() + one.n;
          const auto kept = std::remove_if(
              one.known.begin(), last, [&](const Known& medoid) { return medoid.place == number; });
          one.n = static_cast<std::uint32_t>(kept - one.known.begin());
          if (!meter_.is_beyond(meter_.rows().row(i), in, one.limit_beyond)) {
            const double rank = meter_.rank(i, in);
            add({loss_.of_rank(rank), rank, number}, one);
          }
          if (one.n < 2) {
            find(i, one, point);
          }
        }
      });
}

template <class T>
void NearestMedoids<T>::find(std::size_t row, Row& into, Point& point) const {
  meter_.read(row, point);
  into.n = 0;
  into.limit = infinity;
  into.limit_beyond = infinity;
  for (std::size_t place = 0; place < medoids_.size(); ++place) {
    if (!medoids_.is_beyond(place, point, into.limit_beyond)) {
      const double rank = medoids_.rank(place, point);
      add({loss_.of_rank(rank), rank, static_cast<std::uint32_t>(place)}, into);
    }
  }
}

template <class T>
void NearestMedoids<T>::add(const Known& medoid, Row& to) const {
  if (!(medoid.loss < to.limit)) {
    return;
  }
  if (to.n == n_known) {
    const Known& last = to.known.back();
    const Known& dropped = medoid.loss < last.loss ? last : medoid;
    to.limit = dropped.loss;
    to.limit_beyond = loss_.no_less_beyond(dropped.rank);
    if (&dropped == &medoid) {
      return;
    }
    --to.n;
  }
  std::size_t at = to.n++;
  for (; at > 0 && medoid.loss < to.known[at - 1].loss; --at) {
    to.known[at] = to.known[at - 1];
  }
  to.known[at] = medoid;
}

template class NearestMedoids<float>;
template class NearestMedoids<double>;
template class NearestMedoids<Float16>;
template class NearestMedoids<BFloat16>;

}  // namespace thinset
