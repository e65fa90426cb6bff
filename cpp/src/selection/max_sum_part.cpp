#include <optional>
#include <utility>

#include "methods/max_sum_greedy.hpp"
#include "rows/column_summary.hpp"
#include "selection/part_picks.hpp"
#include "thinset/parts.hpp"

namespace thinset {

class MaxSumPart::State {
 public:
  explicit State(const AnyMatrix& rows) : matrix_(rows) {}
  virtual ~State() = default;
  virtual void pick(std::span<const double> points, std::span<const std::int64_t> rows) = 0;
  virtual BestRows best() = 0;

 private:
  AnyMatrix matrix_;  // holds the table of shards that typed rows refer to
};

namespace {

template <class T>
class StateOf final : public MaxSumPart::State {
 public:
  StateOf(const AnyMatrix& matrix, const Rows<T>& rows, std::size_t n_samples, Metric metric,
          Job& job)
      : State(matrix),
        picks_(rows, n_samples),
        is_picked_(rows.size(), 0),
        meter_(rows, metric, job) {
    const std::vector<double> mean = summarise_columns(rows, job).mean;
    if (rows.size() > 0) {
      greedy_.emplace(meter_, centre_of(meter_, mean), n_samples, terms_, job);
    }
  }

  void pick(std::span<const double> points, std::span<const std::int64_t> rows) override {
    const std::vector<T> values = picks_.checked(points, rows);
    for (const std::int64_t row : rows) {
      if (row >= 0 && is_picked_[static_cast<std::size_t>(row)] != 0) {
        refuse_second_pick(row);
      }
    }
    for (std::size_t p = 0; p < rows.size(); ++p) {
      if (rows[p] >= 0) {
        is_picked_[static_cast<std::size_t>(rows[p])] = 1;
        greedy_->pick(static_cast<std::size_t>(rows[p]));
      } else if (greedy_) {
        const T* point = values.data() + p * meter_.n_columns();
        greedy_->pick(point, meter_.norm_of(point));
      }
    }
    picks_.count(rows.size());
  }

  BestRows best() override {
    require_pick(picks_.size());
    BestRows found;
    const BestRow next = greedy_ ? greedy_->best() : BestRow{};
    if (next.row < meter_.rows().size()) {
      append(meter_.rows(), next.row, next.value, found);
    }
    return found;
  }

 private:
  PartPicks<T> picks_;
  Terms terms_;
  std::vector<char> is_picked_;
  DistanceMeter<T> meter_;
  std::optional<MaxSum<T>> greedy_;
};

}  // namespace

MaxSumPart::MaxSumPart(const AnyMatrix& rows, std::size_t n_samples, Metric metric, Job& job) {
  check_part(rows, n_samples);
  visit(rows, [&]<class T>(const Rows<T>& typed) {
    state_ = std::make_unique<StateOf<T>>(rows, typed, n_samples, metric, job);
  });
}

MaxSumPart::~MaxSumPart() = default;
MaxSumPart::MaxSumPart(MaxSumPart&&) noexcept = default;
MaxSumPart& MaxSumPart::operator=(MaxSumPart&&) noexcept = default;

void MaxSumPart::pick(std::span<const double> points, std::span<const std::int64_t> rows) {
  state_->pick(points, rows);
}

BestRows MaxSumPart::best() { return state_->best(); }

}  // namespace thinset
