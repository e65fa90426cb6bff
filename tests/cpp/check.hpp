// Assertions and a runner for the unit tests: TEST(name) { CHECK(...); } and TEST_MAIN at the end.
#pragma once

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace check {

struct Test {
  const char* name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

inline bool register_test(const char* name, void (*body)()) {
  tests().push_back({name, body});
  return true;
}

inline void expect(bool met, const char* expression, const char* file, int line) {
  if (!met) {
    ++failures();
    std::printf("%s:%d: not met: %s\n", file, line, expression);
  }
}

// The message of the Exception that `body` throws; a failure where it throws none or another.
template <class Exception, class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const Exception& error) {
    return error.what();
  } catch (const std::exception& error) {
    expect(false, error.what(), "another exception", 0);
    return {};
  }
  expect(false, "an exception was expected", "message_of", 0);
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline int run_all() {
  for (const Test& test : tests()) {
    const int before = failures();
    try {
      test.body();
    } catch (const std::exception& error) {
      expect(false, error.what(), test.name, 0);
    }
    std::printf("%s %s\n", failures() == before ? "ok    " : "FAILED", test.name);
  }
  std::printf("%zu tests, %d failures\n", tests().size(), failures());
  return tests().empty() || failures() > 0 ? 1 : 0;
}

}  // namespace check

#define CHECK(expression) \
  ::check::expect(static_cast<bool>(expression), #expression, __FILE__, __LINE__)
#define TEST(name)                                                                   \
  static void test_##name();                                                         \
  static const bool registered_##name = ::check::register_test(#name, &test_##name); \
  static void test_##name()
#define TEST_MAIN \
  int main() { return ::check::run_all(); }
