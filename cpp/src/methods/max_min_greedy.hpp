// The rounds of farthest-point selection: what is picked is up to the caller.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bounds/image_list.hpp"
#include "bounds/projection.hpp"
#include "methods/terms.hpp"
#include "rows/best_row.hpp"
#include "rows/distance.hpp"
#include "thinset/parallel_for.hpp"

namespace thinset {

template <class T>
class MaxMin {
  // Number of rows that are updated together, and number of picks that they process at a time.
  static constexpr std::size_t rows_per_batch = 16;
  static constexpr std::size_t picks_per_stretch = 256;
  // Fewer missed picks than this are measured at once; more are screened first.
  static constexpr std::size_t picks_worth_screening = 16;
  // A projection takes milliseconds to fit, the more the wider the rows are, and must save more.
  static constexpr std::size_t pairs_per_column_worth_projecting = std::size_t{1} << 14;
  static constexpr std::size_t columns_of_cheapest_fit = 64;
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr double taken = -infinity;

  struct Standing {
    double
        value;  // the rank to the nearest of the picks that the row has processed, times its weight
    std::size_t row;

    [[nodiscard]] bool before(const Standing& other) const {
      return value != other.value ? value > other.value : row < other.row;
    }
  };

  // A part of the rows as a heap, the largest value on top.
  class Heap {
   public:
    void build(std::vector<Standing> standings) {
      standings_ = std::move(standings);
      std::ranges::make_heap(standings_, after);
    }
    [[nodiscard]] bool empty() const { return standings_.empty(); }
    [[nodiscard]] const Standing& top() const { return standings_.front(); }

    Standing pop() {
      std::ranges::pop_heap(standings_, after);
      const Standing standing = standings_.back();
      standings_.pop_back();
      return standing;
    }
    void push(const Standing& standing) {
      standings_.push_back(standing);
      std::ranges::push_heap(standings_, after);
    }

   private:
    static bool after(const Standing& a, const Standing& b) { return b.before(a); }

    std::vector<Standing> standings_;
  };

 public:
  static bool is_worth_projecting(std::size_t n_rows, std::size_t n_columns, std::size_t k) {
    return k >= 4 * picks_worth_screening &&
           n_rows >=
               pairs_per_column_worth_projecting * std::max(n_columns, columns_of_cheapest_fit) / k;
  }
  static constexpr std::size_t bytes_per_standing() { return sizeof(Standing); }

  MaxMin(const DistanceMeter<T>& meter, std::size_t k, const Terms& terms, Job& job)
      : meter_(meter),
        terms_(terms),
        has_min_distance_(terms.min_distance >= 0.0),
        job_(job),
        weights_(weights_of_ranks(meter, terms)),
        ranks_(weights_.empty() ? 0 : meter.rows().size()),
        picked_(meter, k),
        n_seen_(meter.rows().size(), 0),
        heaps_(std::min(meter.rows().size(), n_heaps_of(job))),
        scratch_(job.n_threads()) {
    if (is_worth_projecting(meter.rows().size(), meter.n_columns(), k)) {
      projection_.emplace(meter, job);
      images_.emplace(projection_->n_coordinates(), k);
    }
  }

  // The rank of a row to the nearest pick so far.
  double rank_of(std::size_t row) {
    Scratch& scratch = scratch_[0];
    scratch.n_members = 0;
    scratch.add(row, infinity, weight(row));
    n_seen_[row] = 0;
    catch_up(scratch, Bar());
    return scratch.members[0].rank;
  }
  [[nodiscard]] double weight(std::size_t row) const {
    return weights_.empty() ? 1.0 : weights_[row];
  }

  void pick(std::size_t row) { pick(meter_.rows().row(row), meter_.norm(row)); }
  // A row stored elsewhere.
  void pick(const T* row, double norm) {
    picked_.push_back(row, norm);
    if (projection_) {
      meter_.read(row, norm, pick_.point);
      projection_->project(pick_.point, pick_.image);
      images_->push_back(pick_.image);
    }
  }

  // Measures every row against the first picks; `rows` are those already picked.
  void start(std::span<const std::size_t> rows) {
    const std::size_t n = meter_.rows().size();
    std::vector<double> ranks(n);
    std::vector<bool> is_taken(n, false);
    if (terms_.limits) {
      for (std::size_t i = 0; i < n; ++i) {
        is_taken[i] = !terms_.limits->is_open(i);
      }
    }
    for (const std::size_t row : rows) {
      is_taken[row] = true;
    }
    // A row that cannot be the next pick need not process all of the first picks.
    Bar bar;
    job_.parallel_for(n, rows_per_batch, [&](std::size_t begin, std::size_t end, unsigned thread) {
      Scratch& scratch = scratch_[thread];
      scratch.n_members = 0;
      for (std::size_t i = begin; i < end; ++i) {
        scratch.add(i, infinity, weight(i));
      }
      catch_up(scratch, bar);
      for (const Member& member : scratch.all()) {
        ranks[member.row] = member.rank;
        if (n_seen_[member.row] == picked_.size() && !is_taken[member.row] &&
            !is_too_near(member.rank)) {
          bar.raise_to(member.value());
        }
      }
    });
    for (std::size_t i = 0; i < n; ++i) {
      if (is_taken[i] || is_too_near(ranks[i])) {
        ranks[i] = taken;
      }
    }
    job_.parallel_for(heaps_.size(), 1, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t h = begin; h < end; ++h) {
        const std::size_t first = n * h / heaps_.size();
        const std::size_t last = n * (h + 1) / heaps_.size();
        std::vector<Standing> standings;
        standings.reserve(last - first);
        for (std::size_t i = first; i < last; ++i) {
          if (ranks[i] != taken) {
            standings.push_back({ranks[i] * weight(i), i});
          }
        }
        heaps_[h].build(std::move(standings));
      }
    });
    if (!weights_.empty()) {
      ranks_ = std::move(ranks);
    }
  }

  // Removes the row with the largest value from the candidates, and returns its rank; no row if
  // there is none.
  BestRow take_furthest() {
    Bar bar;
    for (Scratch& scratch : scratch_) {
      scratch.best = {};
      scratch.second = {};
    }
    look_at_hint(bar);
    job_.parallel_for(heaps_.size(), 1, [&](std::size_t begin, std::size_t end, unsigned thread) {
      for (std::size_t h = begin; h < end; ++h) {
        bring_up_to_date(heaps_[h], bar, scratch_[thread]);
      }
    });
    BestRow best;
    std::size_t winner = 0;
    for (const Scratch& scratch : scratch_) {
      best.offer(scratch.best.value, scratch.best.row);
    }
    if (best.row >= meter_.rows().size()) {
      return best;
    }
    keep_hint(best.row);
    while (heaps_[winner].empty() || heaps_[winner].top().row != best.row) {
      ++winner;
    }
    return {rank_in(heaps_[winner].pop()), best.row};
  }
  // Makes the row a candidate again, with what take_furthest() returned; not with weights.
  void put_back(const BestRow& taken_row) {
    const std::size_t heap = ((taken_row.row + 1) * heaps_.size() - 1) / meter_.rows().size();
    heaps_[heap].push({taken_row.value, taken_row.row});
  }

 private:
  // A row that is being updated.
  struct Member {
    std::size_t row = 0;
    double rank = infinity;
    double weight = 1.0;
    Point point;
    const float* floats = nullptr;  // for screens
    bool is_read = false;           // into the point
    Projection::Image image;
    bool is_screened = false;

    [[nodiscard]] double value() const { return rank * weight; }
  };
  // A candidate and its rank to the first picks.
  struct Hint {
    std::size_t row = std::numeric_limits<std::size_t>::max();
    double rank = infinity;
    std::size_t n_seen = 0;
  };
  struct alignas(64) Scratch {
    std::array<Member, rows_per_batch> members;
    std::size_t n_members = 0;
    std::vector<Member*> asking;
    NearSearch search;
    BestRow best;  // of the rows that are up to date
    BestRow second;

    void offer(double value, std::size_t row) {
      const BestRow before = best;
      best.offer(value, row);
      if (best.row != before.row) {
        second = before;
      } else if (row != best.row) {
        second.offer(value, row);
      }
    }
    void add(std::size_t row, double rank, double weight) {
      Member& member = members[n_members++];
      member.row = row;
      member.rank = rank;
      member.weight = weight;
    }
    std::span<Member> all() { return std::span(members).first(n_members); }
  };

  // Each brings a row or more up to date for every pick, but threads must not wait for each other.
  static std::size_t n_heaps_of(const Job& job) {
    constexpr std::size_t heaps_per_thread = 2;
    return job.n_threads() == 1 ? 1 : heaps_per_thread * job.n_threads();
  }
  static std::vector<double> weights_of_ranks(const DistanceMeter<T>& meter, const Terms& terms) {
    std::vector<double> weights = terms.weights;
    if (meter.metric() == Metric::euclidean) {
      for (double& weight : weights) {
        weight *= weight;
      }
    }
    return weights;
  }

  [[nodiscard]] double rank_in(const Standing& standing) const {
    return weights_.empty() ? standing.value : ranks_[standing.row];
  }
  [[nodiscard]] bool is_too_near(double rank) const {
    return has_min_distance_ && !(meter_.distance_from_rank(rank) > terms_.min_distance);
  }
  [[nodiscard]] bool is_dropped(const Standing& standing) const {
    return !terms_.is_open(standing.row) || is_too_near(rank_in(standing));
  }

  // Updates rows from the top of the heap with the picks they missed, until the top is up to date
  // or cannot win. Updates several at a time, which share each stretch of picks while it is in
  // cache.
  void bring_up_to_date(Heap& heap, Bar& bar, Scratch& scratch) {
    for (;;) {
      scratch.n_members = 0;
      while (scratch.n_members < rows_per_batch && !heap.empty() &&
             !(heap.top().value < bar.value())) {
        const Standing& top = heap.top();
        if (is_dropped(top)) {
          heap.pop();
          continue;
        }
        if (n_seen_[top.row] == picked_.size()) {
          break;
        }
        const Standing standing = heap.pop();
        scratch.add(standing.row, rank_in(standing), weight(standing.row));
        meter_.prefetch(standing.row);
      }
      if (scratch.n_members == 0) {
        if (!heap.empty() && !(heap.top().value < bar.value())) {
          bar.raise_to(heap.top().value);
          scratch.offer(heap.top().value, heap.top().row);
        }
        return;
      }
      catch_up(scratch, bar);
      for (const Member& member : scratch.all()) {
        if (!weights_.empty()) {
          ranks_[member.row] = member.rank;
        }
        heap.push({member.value(), member.row});
        if (n_seen_[member.row] == picked_.size() && !is_too_near(member.rank)) {
          bar.raise_to(member.value());
          scratch.offer(member.value(), member.row);
        }
      }
    }
  }

  // Raises the bar to the value of a row that probably has a large one.
  void look_at_hint(Bar& bar) {
    if (hint_.row >= meter_.rows().size() || !terms_.is_open(hint_.row)) {
      return;
    }
    meter_.read(hint_.row, pick_.point);
    for (; hint_.n_seen < picked_.size(); ++hint_.n_seen) {
      hint_.rank = std::min(hint_.rank, picked_.rank(hint_.n_seen, pick_.point));
    }
    if (!is_too_near(hint_.rank)) {
      bar.raise_to(hint_.rank * weight(hint_.row));
    }
  }
  // The best of the others that are up to date.
  void keep_hint(std::size_t best) {
    BestRow second;
    for (const Scratch& scratch : scratch_) {
      const BestRow& other = scratch.best.row == best ? scratch.second : scratch.best;
      second.offer(other.value, other.row);
    }
    if (second.row < meter_.rows().size()) {
      hint_ = {second.row, rank_in({second.value, second.row}), picked_.size()};
    } else if (hint_.row == best) {
      hint_ = {};
    }
  }

  // Updates the members with the picks they missed, in order; each stops once its rank is below the
  // bar.
  void catch_up(Scratch& scratch, const Bar& bar) {
    std::size_t begin = picked_.size();
    for (Member& member : scratch.all()) {
      const std::size_t seen = n_seen_[member.row];
      begin = std::min(begin, seen);
      member.is_screened = projection_ && picked_.size() - seen >= picks_worth_screening;
      member.floats = meter_.floats_of(member.row);
      member.is_read = member.is_screened || member.floats == nullptr;
      if (member.is_read) {
        meter_.read(member.row, member.point);
        member.floats = member.point.floats.data();
      }
      if (member.is_screened) {
        projection_->project(member.point, member.image);
      }
    }
    for (; begin < picked_.size(); begin += picks_per_stretch) {
      show(scratch, begin, std::min(picked_.size(), begin + picks_per_stretch), bar);
    }
  }

  // The picks in [begin, end) that are new to a member.
  void show(Scratch& scratch, std::size_t begin, std::size_t end, const Bar& bar) {
    scratch.search.clear();
    scratch.asking.clear();
    for (Member& member : scratch.all()) {
      std::size_t& seen = n_seen_[member.row];
      if (seen >= end || member.value() < bar.value()) {
        continue;
      }
      if (member.is_screened) {
        scratch.asking.push_back(&member);
        scratch.search.push_back(member.image, projection_->limit(member.image, member.rank));
        continue;
      }
      for (std::size_t pick = seen; pick < end; ++pick) {
        look(member, pick);
      }
      seen = end;
    }
    if (scratch.asking.empty()) {
      return;
    }
    images_->find_near(scratch.search, begin, end);
    for (std::size_t i = 0; i < scratch.asking.size(); ++i) {
      Member& member = *scratch.asking[i];
      std::size_t& seen = n_seen_[member.row];
      scratch.search.for_each(i, seen, [&](std::size_t pick) { look(member, pick); });
      seen = end;
    }
  }

  void look(Member& member, std::size_t pick) const {
    if (picked_.is_beyond(pick, member.floats, member.rank)) {
      return;
    }
    if (!member.is_read) {
      meter_.read(member.row, member.point);
      member.is_read = true;
    }
    member.rank = std::min(member.rank, picked_.rank(pick, member.point));
  }

  const DistanceMeter<T>& meter_;
  const Terms& terms_;
  bool has_min_distance_;
  Job& job_;
  std::vector<double> weights_;  // of ranks, per row; empty: 1
  std::vector<double> ranks_;    // per row in a heap; its value is the rank if there are no weights
  PickedRows<T> picked_;
  std::optional<Projection> projection_;
  std::optional<ImageList> images_;
  std::vector<std::size_t> n_seen_;  // per row: number of picks included in its rank
  std::vector<Heap> heaps_;
  Hint hint_;
  std::vector<Scratch> scratch_;
  Member pick_;
};

}  // namespace thinset
