#include "methods/max_sum.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "rows/best_row.hpp"
#include "simd/screen_kernels.hpp"

namespace thinset {

namespace {

constexpr std::size_t rows_per_block = 64;
constexpr std::size_t max_blocks_per_turn = 4;
constexpr std::size_t picks_per_window = 16;
// So few missed picks are measured at once, rather than bounded first, where distances are not
// squares.
constexpr std::size_t picks_worth_bounding = 4;
// A row that is looked at is taken so far below the bar that it rests for about as many picks.
constexpr double picks_of_rest = 8.0;
// Where more of the rows are looked at than this, a plain scan takes less time.
constexpr double share_worth_scanning = 0.25;
constexpr std::size_t most_rows_at_once = 1024;
// How many missed picks are measured before the bound is looked at again.
constexpr std::size_t picks_per_check = 32;
// The rows of one turn of a thread are measured against about so many picks in all, at most.
constexpr std::size_t pairs_per_turn = std::size_t{1} << 21;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Sums over the picks so far; radii are distances from the centre.
struct Totals {
  double n = 0.0;
  double radius = 0.0;
  double squared_radius = 0.0;
};

Totals operator-(const Totals& a, const Totals& b) {
  return {a.n - b.n, a.radius - b.radius, a.squared_radius - b.squared_radius};
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return row_kernels<double>().dot(a.data(), b.data(), a.size());
}

// How a metric's distances add up, given squared Euclidean distances between points (for cosine:
// between directions, where the distance is half the square).
class SumBounds {
 public:
  explicit SumBounds(Metric metric) : metric_(metric) {}

  // No n distances whose squares add up to `squares` have a larger sum.
  [[nodiscard]] double from_squares(double n, double squares) const {
    const double sum = std::max(squares, 0.0);
    return metric_ == Metric::euclidean ? std::sqrt(n * sum) : half(sum);
  }
  // The triangle inequality through the centre, for a row at `radius`.
  [[nodiscard]] double from_radii(double radius, const Totals& picks) const {
    if (metric_ == Metric::euclidean) {
      return picks.n * radius + picks.radius;
    }
    return half(radius * (picks.n * radius + 2.0 * picks.radius) + picks.squared_radius);
  }
  // The squared Euclidean distance that a rank stands for.
  [[nodiscard]] double square_of(double rank) const {
    return metric_ == Metric::cosine ? 2.0 * rank : rank;
  }

 private:
  [[nodiscard]] double half(double square) const {
    return metric_ == Metric::cosine ? 0.5 * square : square;
  }

  Metric metric_;
};

// Every row has a ceiling: at least its summed distance to the picks so far. The ceiling rises with
// the picks, window by window: the picks of a closed window add at most what Cauchy and Schwarz
// allow given the length of their centred sum, those of the open window what the triangle
// inequality through the centre allows. Rows lie by falling radius in blocks that rise as one, so
// that most blocks are passed over whole:
//   ceiling when the open window began = base of the row + growth of its block,
//   ceiling now = head of the row + what the open window adds,
// where the head starts as the former and is lowered, like the base, by looking at the row. Only a
// row whose ceiling reaches the best sum known is looked at.
template <class T>
class MaxSum {
 public:
  static MemoryNeed memory(const SelectionSize& size) {
    const std::uint64_t n = size.n_rows;
    const std::uint64_t k = size.n_samples;
    const std::uint64_t per_row = sizeof(Standing) + 3 * sizeof(double) + sizeof(std::size_t) +
                                  sizeof(Block) / rows_per_block;
    const std::uint64_t always = distance_meter_memory(size) + n * per_row;
    // An order, and the old standings beside the new.
    const std::uint64_t sorting = n * (sizeof(std::size_t) + sizeof(Standing));
    const std::uint64_t picks =
        picked_rows_memory(size) + k * (sizeof(Totals) + 3 * sizeof(double));
    // Rows are mostly sorted anew while there are few picks.
    return {always + std::max(sorting, picks), always + sorting + picks + 4 * k * sizeof(double)};
  }

  MaxSum(const DistanceMeter<T>& meter, std::vector<double> centre, std::size_t k, Job& job)
      : meter_(meter),
        kernels_(row_kernels<T>()),
        job_(job),
        bounds_(meter.metric()),
        slack_(static_cast<double>(meter.n_columns() + k + 64) * 0x1p-50),
        centre_(std::move(centre)),
        centre_norm_(std::sqrt(dot(centre_, centre_))),
        now_(centre_.size()),
        window_(centre_.size()),
        picked_(meter, k),
        place_of_(meter.rows().size()),
        standings_(meter.rows().size()),
        base_(meter.rows().size(), 0.0),
        head_(meter.rows().size(), 0.0),
        radius_(meter.rows().size()),
        blocks_((meter.rows().size() + rows_per_block - 1) / rows_per_block),
        scratch_(job.n_threads()) {
    totals_.reserve(k + 1);
    totals_.push_back({});
    for (std::size_t row = 0; row < standings_.size(); ++row) {
      standings_[row].row = row;
    }
    measure_radii();
    sort_by_radius();
  }

  // The summed distance of a row to all picks, added in their order.
  double sum_of(std::size_t row) {
    measure(place_of_[row], {0.0, infinity}, infinity, scratch_[0]);
    return standings_[place_of_[row]].sum;
  }

  void pick(std::size_t row) {
    const std::size_t place = place_of_[row];
    rows_picked_.push_back(row);
    base_[place] = -infinity;
    head_[place] = -infinity;
    picked_.push_back(row);
    meter_.read(row, last_pick_);
    const double unit = unit_of(row);
    for (std::size_t j = 0; j < centre_.size(); ++j) {
      now_.sum[j] += last_pick_.values[j] * unit - centre_[j];
    }
    now_.centre_dot_sum = dot(centre_, now_.sum);
    now_.n = picked_.size();
    count_pick(radius_[place]);
    if (now_.n - window_.n == picks_per_window) {
      close_window();
      if (!is_scanning_ && now_.n >= 2 * n_when_centred_ && is_off_centre()) {
        recentre();
      }
    }
    if (!is_scanning_ && bounds_spare_little()) {
      start_scanning();
    }
  }

  // The row with the largest sum of distances to the picks.
  BestRow best() {
    for (Scratch& scratch : scratch_) {
      scratch.best = {};
      scratch.second = {};
    }
    if (is_scanning_) {
      scan();
    } else {
      search();
    }
    BestRow best;
    for (const Scratch& scratch : scratch_) {
      best.offer(scratch.best.value, scratch.best.row);
    }
    BestRow second;
    for (const Scratch& scratch : scratch_) {
      const BestRow& other = scratch.best.row == best.row ? scratch.second : scratch.best;
      second.offer(other.value, other.row);
    }
    if (is_scanning_ && now_.n == window_.n && now_.n >= n_when_scanned_) {
      stop_scanning();
    }
    if (second.value > -infinity) {
      hint_ = place_of_[second.row];
    }
    return best;
  }

 private:
  // The centred sum of the first n picks.
  struct PickSum {
    explicit PickSum(std::size_t n_columns) : sum(n_columns, 0.0) {}

    std::size_t n = 0;
    std::vector<double> sum;
    double centre_dot_sum = 0.0;
  };
  // The exact sum of a row's distances to the first n_seen picks, and x.S of those.
  struct Standing {
    std::size_t row = 0;
    std::size_t n_seen = 0;
    double sum = 0.0;
    double dot = 0.0;
  };
  struct Block {
    double head = 0.0;    // no row has a larger one
    double radius = 0.0;  // likewise
    double growth = 0.0;
  };
  // What is known of the picks that a row has not seen.
  struct Missed {
    double dot;      // x.S of all picks
    double squares;  // at least the sum of the squared distances to the missed ones
  };
  struct alignas(64) Scratch {
    Point point;
    std::vector<std::size_t> places;
    BestRow best;
    BestRow second;
  };

  [[nodiscard]] double unit_of(std::size_t row) const {
    return meter_.metric() == Metric::cosine ? 1.0 / meter_.norm(row) : 1.0;
  }

  // (x - c).vector, for cosine with x scaled to norm 1.
  [[nodiscard]] double centred_dot(std::size_t row, const std::vector<double>& vector,
                                   double centre_dot_vector) const {
    const double product = kernels_.dot(meter_.rows().row(row), vector.data(), vector.size());
    return product * unit_of(row) - centre_dot_vector;
  }

  // At most this far is centred_dot(row, S) from the exact value.
  [[nodiscard]] double error_of_dot(double radius) const {
    const auto terms = static_cast<double>(centre_.size() + picked_.size() + 64);
    return terms * 0x1p-52 * (radius + 2.0 * centre_norm_) * totals_.back().radius;
  }

  // At least |x - c|.
  [[nodiscard]] double radius_of(std::size_t row) const {
    if (meter_.metric() != Metric::cosine) {
      const double square =
          kernels_.squared_distance(meter_.rows().row(row), centre_.data(), centre_.size());
      return std::sqrt(square) * (1.0 + slack_);
    }
    const double square = 1.0 - 2.0 * centred_dot(row, centre_, 0.0) + centre_norm_ * centre_norm_;
    return std::sqrt(std::max(square, 0.0) + slack_) * (1.0 + slack_);
  }

  void measure_radii() {
    job_.parallel_for(radius_.size(), rows_per_block,
                      [&](std::size_t begin, std::size_t end, unsigned) {
                        for (std::size_t place = begin; place < end; ++place) {
                          radius_[place] = radius_of(standings_[place].row);
                        }
                      });
  }

  // Places in order of their radii, as float32 tells them apart: a radix sort, since it takes no
  // longer than a look at every row.
  [[nodiscard]] std::vector<std::size_t> by_falling_radius() const {
    constexpr std::size_t n_digits = std::size_t{1} << 16;
    std::vector<std::size_t> order(radius_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<std::size_t> next(order.size());
    for (const int shift : {0, 16}) {
      const auto digit_of = [&](std::size_t place) {
        // Radii are not negative: their bits rise with them.
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(radius_[place]));
        return n_digits - 1 - (bits >> shift) % n_digits;
      };
      std::vector<std::size_t> start(n_digits + 1, 0);
      for (const std::size_t place : order) {
        ++start[digit_of(place) + 1];
      }
      std::partial_sum(start.begin(), start.end(), start.begin());
      for (const std::size_t place : order) {
        next[start[digit_of(place)]++] = place;
      }
      order.swap(next);
      job_.check();
    }
    return order;
  }

  void sort_by_radius() { rearrange(by_falling_radius()); }

  // Gives every row a new place and every block its radius; order[i] is the old place of the new i.
  void rearrange(const std::vector<std::size_t>& order) {
    const auto for_each_place = [&](const auto& body) {
      job_.parallel_for(order.size(), 4096, [&](std::size_t begin, std::size_t end, unsigned) {
        for (std::size_t place = begin; place < end; ++place) {
          body(place);
        }
      });
    };
    const auto reorder = [&](auto& values) {
      const auto old = values;
      for_each_place([&](std::size_t place) { values[place] = old[order[place]]; });
    };
    reorder(standings_);
    reorder(base_);
    reorder(radius_);
    for_each_place([&](std::size_t place) { place_of_[standings_[place].row] = place; });
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const auto begin = radius_.begin() + static_cast<std::ptrdiff_t>(b * rows_per_block);
      const auto size = std::min<std::ptrdiff_t>(radius_.end() - begin, rows_per_block);
      blocks_[b] = {infinity, *std::max_element(begin, begin + size), 0.0};
    }
    head_ = base_;
  }

  // Looks at the rows that may have the largest sum.
  void search() {
    Bar bar;
    look_at(hint_, bar, scratch_[0]);
    const std::size_t blocks_per_turn =
        std::clamp<std::size_t>(rows_per_turn() / rows_per_block, 1, max_blocks_per_turn);
    job_.parallel_for(blocks_.size(), blocks_per_turn,
                      [&](std::size_t begin, std::size_t end, unsigned thread) {
                        Scratch& scratch = scratch_[thread];
                        scratch.places.clear();
                        for (std::size_t block = begin; block < end; ++block) {
                          list_reaching(block, bar, scratch.places);
                        }
                        n_looked_at_ += scratch.places.size();
                        for (const std::size_t place : scratch.places) {
                          look_at(place, bar, scratch);
                        }
                      });
  }

  // However many picks there are, a thread can be interrupted soon.
  [[nodiscard]] std::size_t rows_per_turn() const { return pairs_per_turn / (picked_.size() + 1); }

  // The plain greedy method, for rows that bounds do not tell apart: every row sees every pick, in
  // the order of the matrix. Bounds get another chance after twice as many picks as the last time.
  void scan() {
    const std::size_t rows_at_once =
        std::clamp<std::size_t>(rows_per_turn(), rows_per_block, most_rows_at_once);
    job_.parallel_for(standings_.size(), rows_at_once,
                      [&](std::size_t begin, std::size_t end, unsigned thread) {
                        for (std::size_t place = begin; place < end; ++place) {
                          if (base_[place] > -infinity) {
                            see_last_pick(place, scratch_[thread]);
                          }
                        }
                      });
  }

  void see_last_pick(std::size_t place, Scratch& scratch) {
    Standing& standing = standings_[place];
    if (standing.n_seen + 1 == picked_.size()) {
      standing.sum += meter_.distance_from_rank(meter_.rank(standing.row, last_pick_));
      ++standing.n_seen;
    } else {
      measure(place, {0.0, infinity}, -infinity, scratch);
    }
    offer(standing, scratch);
  }

  static void offer(const Standing& standing, Scratch& scratch) {
    if (standing.sum > scratch.best.value) {
      scratch.second = scratch.best;
    }
    scratch.best.offer(standing.sum, standing.row);
  }

  [[nodiscard]] bool bounds_spare_little() const {
    const auto n_rows = static_cast<double>(standings_.size());
    return now_.n > picks_per_window &&
           static_cast<double>(n_looked_at_) > share_worth_scanning * picks_per_window * n_rows;
  }

  void start_scanning() {
    is_scanning_ = true;
    scan_length_ *= 2;
    n_when_scanned_ = now_.n + scan_length_;
    rearrange(place_of_);
  }

  // Where a window begins and all rows have seen all picks.
  void stop_scanning() {
    is_scanning_ = false;
    job_.parallel_for(standings_.size(), rows_per_block,
                      [&](std::size_t begin, std::size_t end, unsigned) {
                        for (std::size_t place = begin; place < end; ++place) {
                          Standing& standing = standings_[place];
                          if (base_[place] > -infinity) {
                            standing.dot = centred_dot(standing.row, now_.sum, now_.centre_dot_sum);
                            base_[place] = standing.sum;
                          }
                        }
                      });
    sort_by_radius();
  }

  void count_pick(double radius) {
    Totals totals = totals_.back();
    totals.n += 1.0;
    totals.radius += radius;
    totals.squared_radius += radius * radius;
    totals_.push_back(totals);
  }

  // Bounds are tight while the picks lie evenly around the centre.
  [[nodiscard]] bool is_off_centre() const {
    constexpr double tolerable_share = 0.05;
    const double n = totals_.back().n;
    return dot(now_.sum, now_.sum) >
           tolerable_share * tolerable_share * n * totals_.back().squared_radius;
  }

  // Moves the centre to the mean of the picks. Only where a window begins.
  void recentre() {
    n_when_centred_ = now_.n;
    std::vector<double> shift = now_.sum;
    for (double& value : shift) {
      value /= static_cast<double>(now_.n);
    }
    const double centre_dot_shift = dot(centre_, shift);
    const double shift_square = dot(shift, shift);
    // Entry t: the sum of y.shift over the first t picks.
    std::vector<double> along{0.0};
    for (const std::size_t row : rows_picked_) {
      along.push_back(along.back() + centred_dot(row, shift, centre_dot_shift));
    }
    job_.parallel_for(radius_.size(), rows_per_block,
                      [&](std::size_t begin, std::size_t end, unsigned) {
                        for (std::size_t place = begin; place < end; ++place) {
                          Standing& standing = standings_[place];
                          const auto n = static_cast<double>(standing.n_seen);
                          const double x = centred_dot(standing.row, shift, centre_dot_shift);
                          standing.dot += n * (shift_square - x) - along[standing.n_seen];
                          base_[place] += block_of(place).growth;
                        }
                      });
    for (std::size_t j = 0; j < centre_.size(); ++j) {
      centre_[j] += shift[j];
      now_.sum[j] -= static_cast<double>(now_.n) * shift[j];
    }
    centre_norm_ = std::sqrt(dot(centre_, centre_));
    now_.centre_dot_sum = dot(centre_, now_.sum);
    window_ = now_;
    const std::size_t hint = standings_[hint_].row;
    measure_radii();
    sort_by_radius();
    hint_ = place_of_[hint];
    totals_.resize(1);
    for (const std::size_t row : rows_picked_) {
      count_pick(radius_[place_of_[row]]);
    }
  }

  void close_window() {
    std::vector<double> of_window(centre_.size());
    for (std::size_t j = 0; j < centre_.size(); ++j) {
      of_window[j] = now_.sum[j] - window_.sum[j];
    }
    const Totals picks = totals_[now_.n] - totals_[window_.n];
    const double length = std::sqrt(dot(of_window, of_window)) + slack_ * totals_.back().radius;
    job_.parallel_for(blocks_.size(), 64, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t b = begin; b < end; ++b) {
        Block& block = blocks_[b];
        const double r = block.radius;
        const double squares = picks.n * r * r + 2.0 * r * length + picks.squared_radius;
        block.growth += bounds_.from_squares(picks.n, squares) * (1.0 + slack_);
        block.head = -infinity;
        const std::size_t last = std::min(radius_.size(), (b + 1) * rows_per_block);
        for (std::size_t place = b * rows_per_block; place < last; ++place) {
          head_[place] = base_[place] + block.growth;
          block.head = std::max(block.head, head_[place]);
        }
      }
    });
    window_ = now_;
    n_looked_at_ = 0;
  }

  // Lists the places in a block whose ceilings reach the bar, and has their rows fetched.
  void list_reaching(std::size_t b, const Bar& bar, std::vector<std::size_t>& places) {
    Block& block = blocks_[b];
    const double growth = bounds_.from_radii(block.radius, open_window()) * (1.0 + slack_);
    if (block.head + growth < bar.value()) {
      return;
    }
    const std::size_t begin = b * rows_per_block;
    const std::size_t size = std::min(radius_.size() - begin, rows_per_block);
    const double* heads = head_.data() + begin;
    const std::uint64_t reaching =
        screen_kernels().find_at_least(heads, size, bar.value() - growth);
    for (std::uint64_t bits = reaching; bits != 0; bits &= bits - 1) {
      const std::size_t place = begin + static_cast<std::size_t>(std::countr_zero(bits));
      meter_.prefetch(standings_[place].row);
      places.push_back(place);
    }
    if (reaching == 0) {
      block.head = *std::max_element(heads, heads + size);
    }
  }

  [[nodiscard]] Totals open_window() const { return totals_.back() - totals_[window_.n]; }

  // Lowers the row's ceiling below the bar where bounds can, and measures the row where they
  // cannot.
  void look_at(std::size_t place, Bar& bar, Scratch& scratch) {
    if (base_[place] == -infinity) {
      return;  // picked: passes only while there is no bar
    }
    Standing& standing = standings_[place];
    // Squares add up exactly: measuring tells no more than their bound does. Of other distances it
    // does, by so much that the row rests for some picks: the bar rises by its mean, the row's
    // ceiling by the triangle inequality.
    const bool is_open = meter_.metric() == Metric::euclidean;
    const double rises = bounds_.from_radii(radius_[place], totals_.back()) - bar.value();
    const double margin = is_open ? std::max(0.0, picks_of_rest * rises / totals_.back().n) : 0.0;
    // Lowers the ceiling to one that holds now; says whether that takes the row out.
    const auto falls_below_bar = [&](double ceiling) {
      const double risen = bounds_.from_radii(block_of(place).radius, open_window());
      head_[place] = std::min(head_[place], ceiling - risen + slack_ * (ceiling + risen));
      return ceiling * (1.0 + slack_) + margin < bar.value();
    };
    if (standing.n_seen <= window_.n) {
      const double ceiling =
          standing.sum + bound_of(missed_by(place, window_), window_.n - standing.n_seen);
      lower_base(place, ceiling);
      if (falls_below_bar(ceiling + bounds_.from_radii(radius_[place], open_window()))) {
        return;
      }
    }
    Missed missed{0.0, infinity};
    if (picked_.size() - standing.n_seen > (is_open ? picks_worth_bounding : 0)) {
      missed = missed_by(place, now_);
      if (falls_below_bar(standing.sum + bound_of(missed, picked_.size() - standing.n_seen))) {
        return;
      }
    }
    if (measure(place, missed, bar.value() - margin, scratch)) {
      falls_below_bar(standing.sum);
      bar.raise_to(standing.sum);
      offer(standing, scratch);
    }
  }

  [[nodiscard]] Missed missed_by(std::size_t place, const PickSum& until) const {
    const Standing& standing = standings_[place];
    const double r = radius_[place];
    const Totals missed = totals_[until.n] - totals_[standing.n_seen];
    const double dot = centred_dot(standing.row, until.sum, until.centre_dot_sum);
    const double squares = missed.n * r * r - 2.0 * (dot - standing.dot) + missed.squared_radius;
    return {dot, squares + 16.0 * error_of_dot(r) + slack_ * std::fabs(squares)};
  }

  [[nodiscard]] double bound_of(const Missed& missed, std::size_t n) const {
    return bounds_.from_squares(static_cast<double>(n), missed.squares);
  }

  [[nodiscard]] const Block& block_of(std::size_t place) const {
    return blocks_[place / rows_per_block];
  }

  // `ceiling` holds for the picks before the open window.
  void lower_base(std::size_t place, double ceiling) {
    const double growth = block_of(place).growth;
    base_[place] = std::min(base_[place], ceiling - growth + slack_ * (ceiling + growth));
  }

  // Adds the distances to the picks that the row has not seen, in order. Gives up, and returns
  // false, where what is left of their squares cannot lift the sum to the bar.
  bool measure(std::size_t place, Missed missed, double bar, Scratch& scratch) {
    Standing& standing = standings_[place];
    meter_.read(standing.row, scratch.point);
    while (standing.n_seen < picked_.size()) {
      std::size_t end = std::min(picked_.size(), standing.n_seen + picks_per_check);
      if (standing.n_seen <= window_.n && end > window_.n) {
        if (standing.n_seen == window_.n) {
          lower_base(place, standing.sum);
        } else {
          end = window_.n;
        }
      }
      for (; standing.n_seen < end; ++standing.n_seen) {
        const double rank = picked_.rank(standing.n_seen, scratch.point);
        standing.sum += meter_.distance_from_rank(rank);
        missed.squares -= bounds_.square_of(rank);
      }
      const std::size_t n_left = picked_.size() - end;
      if (n_left > 0 && (standing.sum + bound_of(missed, n_left)) * (1.0 + slack_) < bar) {
        // What is left of the squares tells x.S of the picks seen.
        const double r = radius_[place];
        const Totals left = totals_.back() - totals_[end];
        standing.dot = missed.dot - 0.5 * (left.n * r * r + left.squared_radius - missed.squares);
        return false;
      }
    }
    standing.dot = centred_dot(standing.row, now_.sum, now_.centre_dot_sum);
    return true;
  }

  const DistanceMeter<T>& meter_;
  const RowKernels<T>& kernels_;
  Job& job_;
  SumBounds bounds_;
  // How far, relatively, sums of so many terms may be off, on either side of a comparison.
  double slack_;
  std::vector<double> centre_;
  double centre_norm_;

  PickSum now_;
  PickSum window_;              // as it was when the open window began
  std::vector<Totals> totals_;  // entry t: of the first t picks
  PickedRows<T> picked_;
  std::vector<std::size_t> rows_picked_;
  Point last_pick_;
  std::size_t n_when_centred_ = 16;

  std::atomic<std::size_t> n_looked_at_{0};  // in the open window
  bool is_scanning_ = false;
  std::size_t scan_length_ = picks_per_window / 2;
  std::size_t n_when_scanned_ = 0;  // so many picks end the scanning

  // A place is a position in the order of falling radius.
  std::vector<std::size_t> place_of_;
  std::vector<Standing> standings_;
  std::vector<double> base_;  // -infinity for those that are picked, as are heads
  std::vector<double> head_;
  std::vector<double> radius_;
  std::vector<Block> blocks_;
  std::size_t hint_ = 0;  // the place of a row that is likely to be good, to start the bar with

  std::vector<Scratch> scratch_;
};

// For cosine, the mean direction of a sample: any centre will do, the nearer the better.
template <class T>
std::vector<double> centre_of(const DistanceMeter<T>& meter, const std::vector<double>& mean) {
  if (meter.metric() != Metric::cosine) {
    return mean;
  }
  const std::size_t n = meter.rows().size();
  const std::size_t n_sample = std::min<std::size_t>(n, 1024);
  std::vector<double> centre(mean.size(), 0.0);
  Point point;
  for (std::size_t s = 0; s < n_sample; ++s) {
    meter.read(n / n_sample * s, point);
    for (std::size_t j = 0; j < centre.size(); ++j) {
      centre[j] += point.values[j] / point.norm / static_cast<double>(n_sample);
    }
  }
  return centre;
}

}  // namespace

template <class T>
Picks max_sum(const Rows<T>& rows, const ColumnSummary& summary, std::size_t k, Metric metric,
              std::span<const std::size_t> initial, Job& job) {
  const DistanceMeter<T> meter(rows, metric, job);
  MaxSum<T> state(meter, centre_of(meter, summary.mean), k, job);
  Picks picks;
  picks.rows.reserve(k);
  picks.gains.reserve(k);
  while (picks.rows.size() < k) {
    const std::size_t t = picks.rows.size();
    BestRow best;
    if (t < initial.size()) {
      best = {state.sum_of(initial[t]), initial[t]};
    } else if (t == 0) {
      best = {0.0, furthest_row(meter, summary.mean, job)};
    } else {
      best = state.best();
    }
    picks.rows.push_back(best.row);
    picks.gains.push_back(best.value);
    state.pick(best.row);
    job.advance(1);
  }
  return picks;
}

MemoryNeed max_sum_memory(const SelectionSize& size) { return MaxSum<float>::memory(size); }

#define THINSET_INSTANTIATE(T)                                                      \
  template Picks max_sum(const Rows<T>&, const ColumnSummary&, std::size_t, Metric, \
                         std::span<const std::size_t>, Job&);
THINSET_INSTANTIATE(float)
THINSET_INSTANTIATE(double)
THINSET_INSTANTIATE(Float16)
THINSET_INSTANTIATE(BFloat16)
#undef THINSET_INSTANTIATE

}  // namespace thinset
