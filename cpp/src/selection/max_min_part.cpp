#include <algorithm>
#include <optional>
#include <utility>

#include "methods/max_min_greedy.hpp"
#include "methods/max_min_tree.hpp"
#include "rows/column_summary.hpp"
#include "selection/part_picks.hpp"
#include "thinset/parts.hpp"

namespace thinset {

class MaxMinPart::State {
 public:
  explicit State(const AnyMatrix& rows) : matrix_(rows) {}
  virtual ~State() = default;
  virtual void pick(std::span<const double> points, std::span<const std::int64_t> rows) = 0;
  virtual BestRows best(std::size_t n) = 0;

 private:
  AnyMatrix matrix_;  // holds the table of shards that typed rows refer to
};

namespace {

template <class T>
Terms open_terms(const Rows<T>& rows) {
  Terms terms;
  terms.limits.emplace(rows.size());
  return terms;
}

template <class T>
class StateOf final : public MaxMinPart::State {
 public:
  StateOf(const AnyMatrix& matrix, const Rows<T>& rows, std::size_t n_samples, Metric metric,
          Job& job)
      : State(matrix),
        picks_(rows, n_samples),
        terms_(open_terms(rows)),
        meter_(rows, metric, job) {
    if (rows.size() == 0) {
      return;
    }
    if (metric != Metric::cosine && is_worth_a_tree(rows.size(), rows.n_columns(), n_samples)) {
      tree_.emplace(meter_, n_samples, job);
    } else {
      heaps_.emplace(meter_, n_samples, terms_, job);
    }
  }

  void pick(std::span<const double> points, std::span<const std::int64_t> rows) override {
    const std::vector<T> values = picks_.checked(points, rows);
    for (const std::int64_t row : rows) {
      if (row >= 0 && !terms_.is_open(static_cast<std::size_t>(row))) {
        refuse_second_pick(row);
      }
    }
    const std::size_t n_columns = meter_.n_columns();
    for (std::size_t p = 0; p < rows.size(); ++p) {
      const bool is_here = rows[p] >= 0;
      const auto row = static_cast<std::size_t>(rows[p]);
      if (is_here) {
        terms_.limits->close(row);
      }
      if (tree_) {
        if (is_here) {
          tree_->pick(row);
        } else {
          tree_->pick(points.subspan(p * n_columns, n_columns));
        }
      } else if (heaps_) {
        const T* point = values.data() + p * n_columns;
        heaps_->pick(point, meter_.norm_of(point));
      }
    }
    picks_.count(rows.size());
  }

  BestRows best(std::size_t n) override {
    require_pick(picks_.size());
    BestRows found;
    if (heaps_ && !is_started_) {
      heaps_->start({});
      is_started_ = true;
    }
    std::vector<BestRow> taken;
    while (taken.size() < n) {
      const BestRow next = take_furthest();
      if (next.row >= meter_.rows().size()) {
        break;
      }
      append(meter_.rows(), next.row, next.value, found);
      taken.push_back(next);
    }
    for (const BestRow& row : taken) {
      if (tree_) {
        tree_->put_back(row);
      } else {
        heaps_->put_back(row);
      }
    }
    return found;
  }

 private:
  BestRow take_furthest() {
    if (tree_) {
      return tree_->take_furthest();
    }
    return heaps_ ? heaps_->take_furthest() : BestRow{};
  }

  PartPicks<T> picks_;
  Terms terms_;
  DistanceMeter<T> meter_;
  std::optional<MaxMin<T>> heaps_;
  std::optional<MaxMinTree<T>> tree_;
  bool is_started_ = false;
};

}  // namespace

MaxMinPart::MaxMinPart(const AnyMatrix& rows, std::size_t n_samples, Metric metric, Job& job) {
  check_part(rows, n_samples);
  visit(rows, [&]<class T>(const Rows<T>& typed) {
    require_finite(typed, job);
    state_ = std::make_unique<StateOf<T>>(rows, typed, n_samples, metric, job);
  });
}

MaxMinPart::~MaxMinPart() = default;
MaxMinPart::MaxMinPart(MaxMinPart&&) noexcept = default;
MaxMinPart& MaxMinPart::operator=(MaxMinPart&&) noexcept = default;

void MaxMinPart::pick(std::span<const double> points, std::span<const std::int64_t> rows) {
  state_->pick(points, rows);
}

BestRows MaxMinPart::best(std::size_t n) { return state_->best(n); }

}  // namespace thinset
