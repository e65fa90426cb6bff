#include "thinset/top_k_parts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "methods/dealer.hpp"
#include "methods/leaderboards.hpp"
#include "methods/merged_lists.hpp"
#include "methods/top_k.hpp"
#include "rows/rows.hpp"
#include "selection/row_checks.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Reads the best rows of every column out of the boards. A run of equal scores may end before
// `depth` rows are found; the boards are then filled once more without it.
template <class T>
class ListWriter {
 public:
  ListWriter(const Rows<T>& rows, std::int64_t first_row, TopKMode mode, Job& job)
      : first_row_(first_row),
        boards_(rows, score_for(mode), no_weights_, job),
        is_written_(rows.n_columns(), 0) {}

  void write(const std::vector<char>& taken, TopKLists& lists) {
    do {
      boards_.fill(lists.depth, taken);
    } while (!write_from_boards(taken, lists));
  }
  [[nodiscard]] const Leaderboards<T>& boards() const { return boards_; }

 private:
  bool write_from_boards(const std::vector<char>& taken, TopKLists& lists) {
    bool is_complete = true;
    for (std::size_t column = 0; column < is_written_.size(); ++column) {
      std::size_t rank = is_written_[column] != 0 ? lists.depth : 0;
      for (; rank < lists.depth; ++rank) {
        const std::optional<Candidate> best = boards_.next(column, taken);
        if (!best) {
          is_complete = false;
          break;
        }
        const std::size_t at = column * lists.depth + rank;
        lists.rows[at] = first_row_ + static_cast<std::int64_t>(best->row);
        lists.activations[at] = boards_.activation(*best, column);
      }
      is_written_[column] = static_cast<char>(rank == lists.depth);
    }
    return is_complete;
  }

  std::vector<double> no_weights_;
  std::int64_t first_row_;
  Leaderboards<T> boards_;
  std::vector<char> is_written_;
};

template <class T>
TopKLists lists_of(const Rows<T>& rows, std::int64_t first_row, TopKMode mode, std::size_t depth,
                   std::span<const std::int64_t> taken, Job& job) {
  const std::size_t n_columns = rows.n_columns();
  TopKLists lists;
  lists.n_rows = rows.size();
  lists.lowest.assign(n_columns, infinity);
  lists.highest.assign(n_columns, -infinity);
  if (rows.size() == 0) {
    return lists;
  }
  std::vector<char> is_taken(rows.size(), 0);
  for (const std::int64_t row : taken) {
    if (row >= first_row && static_cast<std::uint64_t>(row - first_row) < rows.size()) {
      is_taken[static_cast<std::size_t>(row - first_row)] = 1;
    }
  }
  const auto n_free = static_cast<std::size_t>(std::ranges::count(is_taken, 0));
  lists.depth = std::min(depth, n_free);
  lists.rows.resize(n_columns * lists.depth);
  lists.activations.resize(n_columns * lists.depth);
  ListWriter<T> writer(rows, first_row, mode, job);
  writer.write(is_taken, lists);
  lists.lowest.assign(n_columns, -infinity);
  lists.highest.assign(n_columns, infinity);
  for (const std::size_t column : writer.boards().constant_columns()) {
    lists.lowest[column] = lists.highest[column] = writer.boards().activation_of(0, column);
  }
  return lists;
}

}  // namespace

TopKLists top_k_lists(const AnyMatrix& part, std::int64_t first_row, TopKMode mode,
                      std::size_t depth, std::span<const std::int64_t> taken, Job& job) {
  check_part(part, first_row);
  job.set_total(part.n_rows);
  return visit(
      part, [&](const auto& rows) { return lists_of(rows, first_row, mode, depth, taken, job); });
}

struct TopKCoordinator::State {
  State(std::size_t rows, std::size_t columns, std::size_t n_samples, const TopKOptions& options)
      : n_rows(rows),
        n_columns(columns),
        mode(options.mode),
        dealer(rows, columns, n_samples, options, {}, plain) {}

  void check(const TopKLists& lists) const;
  [[nodiscard]] std::vector<MergedLists::Entry> column_of(const TopKLists& lists,
                                                          std::size_t column) const;

  std::size_t n_rows;
  std::size_t n_columns;
  TopKMode mode;
  Terms plain;
  Dealer<MergedLists> dealer;
  std::vector<std::size_t> constant_columns;
};

void TopKCoordinator::State::check(const TopKLists& lists) const {
  const std::size_t n_entries = n_columns * lists.depth;
  if (lists.rows.size() != n_entries || lists.activations.size() != n_entries ||
      lists.lowest.size() != n_columns || lists.highest.size() != n_columns) {
    throw InvalidInput("lists of best rows must have one list for each of the " +
                       std::to_string(n_columns) + " columns, all equally long");
  }
  if (lists.depth > std::min(lists.n_rows, dealer.depth())) {
    throw InvalidInput("lists of best rows must be as long as requested, " +
                       std::to_string(std::min(lists.n_rows, dealer.depth())) + "; got " +
                       std::to_string(lists.depth));
  }
}

std::vector<MergedLists::Entry> TopKCoordinator::State::column_of(const TopKLists& lists,
                                                                  std::size_t column) const {
  std::vector<MergedLists::Entry> entries(lists.depth);
  for (std::size_t rank = 0; rank < lists.depth; ++rank) {
    const std::size_t at = column * lists.depth + rank;
    const std::int64_t row = lists.rows[at];
    const double activation = lists.activations[at];
    if (row < 0 || static_cast<std::uint64_t>(row) >= n_rows || !std::isfinite(activation)) {
      throw InvalidInput("lists of best rows must hold finite values of rows in [0, " +
                         std::to_string(n_rows) + "): column " + std::to_string(column) +
                         " holds " + std::to_string(activation) + " of row " + std::to_string(row));
    }
    entries[rank] = {score_from(activation, score_for(mode)), static_cast<std::size_t>(row),
                     activation};
  }
  if (!std::is_sorted(entries.begin(), entries.end())) {
    throw InvalidInput("lists of best rows must be sorted, the best first: that of column " +
                       std::to_string(column) + " is not; use the same mode for parts and whole");
  }
  return entries;
}

TopKCoordinator::TopKCoordinator(std::size_t n_rows, std::size_t n_columns, std::size_t n_samples,
                                 const TopKOptions& options,
                                 std::span<const std::int64_t> initial_subset) {
  check_shape(n_rows, n_columns);
  check_n_samples(n_samples, n_rows);
  check_initial_subset(initial_subset, n_rows, n_samples);
  state_ = std::make_unique<State>(n_rows, n_columns, n_samples, options);
  for (const std::int64_t row : initial_subset) {
    state_->dealer.take_first(static_cast<std::size_t>(row));
  }
}

TopKCoordinator::~TopKCoordinator() = default;

bool TopKCoordinator::is_done() const { return state_->dealer.is_done(); }

std::size_t TopKCoordinator::depth() const { return state_->dealer.depth(); }

std::vector<std::int64_t> TopKCoordinator::taken() const {
  std::vector<std::int64_t> rows(state_->dealer.taken().begin(), state_->dealer.taken().end());
  std::ranges::sort(rows);
  return rows;
}

void TopKCoordinator::deal(std::span<const TopKLists> lists, Job& job) {
  State& state = *state_;
  if (state.dealer.is_done()) {
    throw InvalidInput("all rows are chosen; no more lists are needed");
  }
  std::size_t n_covered = 0;
  for (const TopKLists& of_part : lists) {
    state.check(of_part);
    n_covered += of_part.n_rows;
  }
  if (n_covered != state.n_rows) {
    throw InvalidInput("lists of best rows must come from all parts: these have " +
                       std::to_string(n_covered) + " of " + std::to_string(state.n_rows) + " rows");
  }
  MergedLists boards(state.n_columns, state.dealer.depth());
  state.constant_columns.clear();
  for (std::size_t column = 0; column < state.n_columns; ++column) {
    job.check();
    double lowest = infinity;
    double highest = -infinity;
    for (const TopKLists& of_part : lists) {
      boards.add(column, state.column_of(of_part, column));
      lowest = std::min(lowest, of_part.lowest[column]);
      highest = std::max(highest, of_part.highest[column]);
    }
    if (lowest == highest) {
      state.constant_columns.push_back(column);
    }
  }
  boards.set_constant_columns(state.constant_columns);
  const std::size_t n_before = state.dealer.picks().rows.size();
  const std::size_t depth = state.dealer.depth();
  state.dealer.deal(boards, job);
  // Complete lists always provide another row, or the request becomes longer.
  if (!state.dealer.is_done() && state.dealer.picks().rows.size() == n_before &&
      state.dealer.depth() <= depth) {
    throw InvalidInput("lists of best rows must be as long as requested, " + std::to_string(depth) +
                       ", and without the rows that are taken");
  }
}

std::vector<std::int64_t> TopKCoordinator::indices() const {
  const std::vector<std::size_t>& rows = state_->dealer.picks().rows;
  return {rows.begin(), rows.end()};
}

std::vector<double> TopKCoordinator::gains() const { return state_->dealer.picks().gains; }

std::vector<std::int64_t> TopKCoordinator::constant_columns() const {
  return {state_->constant_columns.begin(), state_->constant_columns.end()};
}

}  // namespace thinset
