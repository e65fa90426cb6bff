#include <cstdint>
#include <span>
#include <vector>

#include "check.hpp"
#include "rows/rows.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"

using namespace thinset;

namespace {

AnyMatrix part(const sample::Matrix& x, std::size_t begin, std::size_t end) {
  return {x.values.data() + begin * x.n_columns, Element::float32, end - begin, x.n_columns,
          x.n_columns};
}

// The matrix cut before each of `cuts`, which rise.
std::vector<AnyMatrix> cut(const sample::Matrix& x, const std::vector<std::size_t>& cuts) {
  std::vector<AnyMatrix> parts;
  std::size_t begin = 0;
  for (const std::size_t end : cuts) {
    parts.push_back(part(x, begin, end));
    begin = end;
  }
  parts.push_back(part(x, begin, x.n_rows));
  return parts;
}

}  // namespace

TEST(every_row_of_a_stack_is_found_where_it_lies) {
  const sample::Matrix x = sample::uniform(3000, 3, 1);
  std::vector<std::size_t> every;
  for (std::size_t i = 1; i < 3000; ++i) every.push_back(i);
  const std::vector<std::vector<std::size_t>> cases = {
      {1}, {2999}, {1000, 2000}, {1, 2, 3, 4, 5, 6, 7}, {2990, 2991, 2992, 2999}, {500, 500, 2000},
      {0}, every};
  for (const std::vector<std::size_t>& cuts : cases) {
    const AnyMatrix stacked = stack(cut(x, cuts));
    CHECK(stacked.n_rows == 3000 && stacked.n_columns == 3);
    visit(stacked, [&]<class T>(const Rows<T>& rows) {
      bool all_equal = true;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        all_equal = all_equal && static_cast<const void*>(rows.row(i)) == x.values.data() + 3 * i;
      }
      CHECK(all_equal);
    });
  }
}

TEST(a_view_of_some_rows_reaches_into_all_shards) {
  const sample::Matrix x = sample::uniform(100, 5, 2);
  const AnyMatrix stacked = stack(cut(x, {10, 20, 70}));
  const std::vector<std::int64_t> chosen = {99, 0, 10, 9, 69, 70};
  visit(stacked, [&]<class T>(const Rows<T>& all) {
    const Rows<T> rows = all.restricted_to(chosen);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      CHECK(rows.original(i) == chosen[i]);
      CHECK(static_cast<const void*>(rows.row(i)) == x.values.data() + 5 * chosen[i]);
    }
  });
}

TEST(shards_keep_their_own_distance_between_rows) {
  const sample::Matrix x = sample::uniform(10, 8, 3);
  AnyMatrix wide = part(x, 0, 10);
  wide.n_columns = 4;
  AnyMatrix narrow = {x.values.data(), Element::float32, 20, 4, 4};
  visit(stack(std::vector{wide, narrow}), [&]<class T>(const Rows<T>& rows) {
    CHECK(static_cast<const void*>(rows.row(3)) == x.values.data() + 3 * 8);
    CHECK(static_cast<const void*>(rows.row(13)) == x.values.data() + 3 * 4);
  });
}

TEST(a_stack_of_one_is_that_one) {
  const sample::Matrix x = sample::uniform(10, 2, 4);
  const AnyMatrix stacked = stack(cut(x, {0}));
  CHECK(stacked.shards == nullptr && stacked.data == x.values.data() && stacked.n_rows == 10);
}

TEST(shards_that_differ_are_refused) {
  const sample::Matrix x = sample::uniform(12, 2, 5);
  AnyMatrix other = part(x, 0, 2);
  other.n_columns = 3;
  CHECK(check::message_of<InvalidInput>([&] { stack(std::vector{part(x, 0, 5), other}); }) ==
        "shards must have one number of columns: shard 1 has 3, shard 0 has 2");
  other = part(x, 0, 2);
  other.element = Element::float16;
  CHECK(check::message_of<InvalidInput>([&] { stack(std::vector{part(x, 0, 5), other}); }) ==
        "shards must have one element type: shard 1 is float16, shard 0 is float32");
  CHECK(check::message_of<InvalidInput>([&] { stack({}); }) ==
        "embeddings must have at least one shard, got none");
}

TEST_MAIN
