// The main program of a fuzz target where clang's libFuzzer is not at hand: changes inputs of a corpus at random, and
// keeps those that reach code which none has reached before. An input that ends in a crash, or takes ten seconds, is
// written to a file.
//
//     driver SECONDS CRASH_FILE FINDS_DIRECTORY CORPUS_DIRECTORY...
//
// The target is compiled with -fsanitize-coverage=trace-pc, and calls __sanitizer_cov_trace_pc; this file is not.
// Globals: the hooks below have no other way to know what runs.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<uint8_t>;

// For one input, as libFuzzer's -timeout in scripts/fuzz.mjs.
constexpr unsigned kMostSeconds = 10;

constexpr size_t kPlaces = 1 << 16;
uint8_t reached[kPlaces];
bool reached_new = false;

const Bytes* current = nullptr;
const char* crash_file = nullptr;

void WriteTo(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<long>(bytes.size()));
}

void KeepCrash() {
  if (current == nullptr) return;
  WriteTo(crash_file, *current);
  std::fprintf(stderr, "fuzz: the input is in %s\n", crash_file);
  current = nullptr;
}

void OnAbort(int) {
  KeepCrash();
  std::_Exit(1);
}

// Writing a file is nothing for a signal handler, but there is nothing left to break here, save for a lock of malloc
// that the input may hold: the alarm that follows then ends the process.
void OnAlarm(int) {
  std::signal(SIGALRM, SIG_DFL);
  alarm(kMostSeconds);
  std::fprintf(stderr, "fuzz: an input took more than %u s\n", kMostSeconds);
  OnAbort(SIGALRM);
}

bool Run(const Bytes& input) {
  reached_new = false;
  current = &input;
  alarm(kMostSeconds);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  alarm(0);
  current = nullptr;
  return reached_new;
}

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  size_t Below(size_t limit) { return random_() % limit; }

  void Change(Bytes* input, const Bytes& other) {
    for (size_t changes = Below(6) + 1; changes > 0; changes--) ChangeOnce(input, other);
  }

 private:
  void ChangeOnce(Bytes* input, const Bytes& other) {
    if (input->empty()) input->push_back(0);
    // Headers come first, and there is more to meet in them.
    const size_t at = Below(2) == 0 ? Below(input->size()) : Below(std::min<size_t>(input->size(), 96));
    const auto place = input->begin() + static_cast<long>(at);
    constexpr uint8_t kEdges[] = {0, 1, 4, 5, 6, 17, 0x40, 0x45, 0x60, 0x7f, 0x80, 0xff};
    switch (Below(7)) {
      case 0:
        *place = static_cast<uint8_t>(random_());
        break;
      case 1:
        *place ^= static_cast<uint8_t>(1U << Below(8));
        break;
      case 2:
        *place = kEdges[Below(std::size(kEdges))];
        break;
      case 3:
        *place = static_cast<uint8_t>(*place + Below(9) - 4);
        break;
      case 4:
        input->erase(place, place + static_cast<long>(Below(std::min<size_t>(input->size() - at, 16)) + 1));
        break;
      case 5:
        input->insert(place, Below(16) + 1, static_cast<uint8_t>(random_()));
        break;
      default: {
        if (other.empty() || input->size() > 8192) break;
        const size_t from = Below(other.size());
        const size_t size = Below(std::min<size_t>(other.size() - from, 128)) + 1;
        const auto start = other.begin() + static_cast<long>(from);
        input->insert(place, start, start + static_cast<long>(std::min(size, other.size() - from)));
      }
    }
  }

  std::mt19937 random_;
};

Bytes ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto from = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  uint8_t& place = reached[(from ^ from >> 16) % kPlaces];
  reached_new = reached_new || place == 0;
  place = 1;
}

int main(int count, char** arguments) {
  if (count < 5) return 2;
  const std::time_t end = std::time(nullptr) + std::atol(arguments[1]);
  crash_file = arguments[2];
  const std::filesystem::path finds = arguments[3];
  std::signal(SIGABRT, OnAbort);
  std::signal(SIGALRM, OnAlarm);
  __sanitizer_set_death_callback(KeepCrash);

  std::vector<Bytes> corpus;
  for (int i = 3; i < count; i++)
    for (const auto& entry : std::filesystem::directory_iterator(arguments[i]))
      corpus.push_back(ReadFile(entry.path()));
  for (const Bytes& input : corpus) Run(input);
  if (corpus.empty()) corpus.emplace_back();

  Mutator mutator(std::random_device{}());
  uint64_t runs = 0;
  size_t found = 0;
  while (runs % 256 != 0 || std::time(nullptr) < end) {
    Bytes input = corpus[mutator.Below(corpus.size())];
    mutator.Change(&input, corpus[mutator.Below(corpus.size())]);
    runs++;
    if (!Run(input)) continue;
    WriteTo(finds / ("find-" + std::to_string(std::time(nullptr)) + "-" + std::to_string(found++)), input);
    corpus.push_back(std::move(input));
  }
  std::fprintf(stderr, "fuzz: %llu inputs, %zu of them new\n", static_cast<unsigned long long>(runs), found);
  return 0;
}
