// A replacement for libFuzzer without coverage feedback: calls a fuzz target with random mutations
// of a corpus for -max_total_time seconds. Takes the same arguments.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Input = std::vector<std::uint8_t>;

Input current;

void save_input() {
  std::ofstream("crash-input", std::ios::binary)
      .write(reinterpret_cast<const char*>(current.data()),
             static_cast<std::streamsize>(current.size()));
  std::fputs("the input is in crash-input\n", stderr);
}

void on_trap(int /*signal*/) {
  save_input();
  std::_Exit(1);
}

Input read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class Mutator {
 public:
  Mutator(std::vector<Input> corpus, std::size_t max_size, std::uint64_t seed)
      : corpus_(std::move(corpus)), max_size_(max_size), random_(seed) {}

  Input next() {
    Input input = pick();
    for (std::size_t n = 1 + below(6); n > 0; --n) {
      change(input);
    }
    input.resize(std::min(input.size(), max_size_));
    return input;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  const Input& pick() { return corpus_[below(corpus_.size())]; }

  void change(Input& input) {
    const std::size_t place = below(input.size() + 1);
    const auto at = input.begin() + static_cast<std::ptrdiff_t>(place);
    const std::size_t length = below(input.size() - place + 1) % 16;
    switch (below(6)) {
      case 0:
        input.insert(at, static_cast<std::uint8_t>(random_()));
        break;
      case 1:
        input.erase(at, at + static_cast<std::ptrdiff_t>(length));
        break;
      case 2: {  // a part of another input
        const Input& other = pick();
        const std::size_t from = below(other.size() + 1);
        input.insert(at, other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        break;
      }
      case 3: {  // a part of its own, again
        const Input copy(at, at + static_cast<std::ptrdiff_t>(length));
        input.insert(at, copy.begin(), copy.end());
        break;
      }
      default:
        if (place < input.size()) {
          input[place] ^= static_cast<std::uint8_t>(1U << below(8));
        }
    }
  }

  std::vector<Input> corpus_;
  std::size_t max_size_;
  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  int seconds = 60;
  std::size_t max_size = 4096;
  std::vector<Input> corpus = {{}};
  const auto option = [](std::string_view text, std::string_view name, auto& value) {
    return text.starts_with(name) &&
           std::from_chars(text.data() + name.size(), text.data() + text.size(), value).ec ==
               std::errc();
  };
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path(argv[i]);
    if (option(argv[i], "-max_total_time=", seconds) || option(argv[i], "-max_len=", max_size)) {
      continue;
    }
    if (!std::filesystem::is_directory(path)) {
      current = read(path);
      return LLVMFuzzerTestOneInput(current.data(), current.size());
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      corpus.push_back(read(entry.path()));
    }
  }
  __sanitizer_set_death_callback(save_input);
  std::signal(SIGILL, on_trap);
  std::signal(SIGTRAP, on_trap);

  for (const Input& input : corpus) {
    current = input;
    LLVMFuzzerTestOneInput(current.data(), current.size());
  }
  Mutator mutator(corpus, max_size, std::random_device{}());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::size_t n_runs = corpus.size();
  for (; std::chrono::steady_clock::now() < end; ++n_runs) {
    current = mutator.next();
    LLVMFuzzerTestOneInput(current.data(), current.size());
  }
  std::fprintf(stderr, "Done %zu runs in %d second(s)\n", n_runs, seconds);
  return 0;
}
