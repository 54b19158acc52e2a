#include "eval/synsets.hpp"

#include "core/mapped_file.hpp"
#include "eval/mat_file.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <sstream>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

namespace fs = std::filesystem;

constexpr int kIds[] = {
#include "eval/synset_ids.inc"
};
constexpr int kClasses = static_cast<int>(std::size(kIds));
static_assert(kClasses == 1000);

// Collects number → class and checks that it is one-to-one.
class Order {
 public:
  explicit Order(std::string name) : name_(std::move(name)), classes_(kClasses, -1) {}

  void set(double number, const std::string& id) {
    const std::optional<int> index = class_of_wordnet_id(id);
    if (!index)
      throw Error(ErrorCode::bad_format, fmt::format("{}: {} is not one of the 1000 classes", name_, id));
    if (number < 1 || number > kClasses || number != static_cast<int>(number)) {
      throw Error(ErrorCode::bad_format,
                  fmt::format("{}: {} has the number {}, not one of 1…1000", name_, id, number));
    }
    int& slot = classes_[static_cast<std::size_t>(number) - 1];
    if (slot >= 0)
      throw Error(ErrorCode::bad_format, fmt::format("{}: the number {} is given twice", name_, number));
    slot = *index;
    ++given_;
  }

  std::vector<int> finish() const {
    std::vector<int> sorted = classes_;
    std::sort(sorted.begin(), sorted.end());
    if (given_ != kClasses || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      throw Error(ErrorCode::bad_format,
                  fmt::format("{}: gives {} of the 1000 class numbers; each is needed once", name_, given_));
    }
    return classes_;
  }

  bool ascending() const { return std::is_sorted(classes_.begin(), classes_.end()); }
  int given() const noexcept { return given_; }

 private:
  std::string name_;
  std::vector<int> classes_;
  int given_ = 0;
};

std::vector<int> read_meta_mat(const fs::path& path) {
  const auto file = MappedFile::open(path);
  Order order(path.string());
  for (const MatStruct& synset : read_mat_structs(file->bytes(), path.string())) {
    const auto number = synset.find("ILSVRC2012_ID"), id = synset.find("WNID");
    if (number == synset.end() || id == synset.end() || !std::holds_alternative<double>(number->second) ||
        !std::holds_alternative<std::string>(id->second)) {
      throw Error(ErrorCode::bad_format,
                  path.string() + ": is not ILSVRC's meta.mat (no ILSVRC2012_ID and WNID)");
    }
    // The numbers above 1000 are inner nodes of the hierarchy, which no picture is labelled with.
    if (const double n = std::get<double>(number->second); n <= kClasses)
      order.set(n, std::get<std::string>(id->second));
  }
  return order.finish();
}

std::vector<int> read_order_text(const fs::path& path) {
  const auto file = MappedFile::open(path);
  std::istringstream in(
      std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()));
  Order order(path.string());
  bool numbered = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string id;
    int number = 0;
    if (!(words >> id)) continue;
    if (!is_wordnet_id(id)) {
      throw Error(ErrorCode::bad_format,
                  fmt::format("{}: '{}' is no WordNet id (n01440764)", path.string(), id));
    }
    if (words >> number) {
      numbered = true;
    } else {
      number = order.given() + 1;
    }
    order.set(number, id);
  }
  // Word lists of many projects are sorted by id; with them every picture would get a wrong class.
  if (!numbered && order.ascending()) {
    throw Error(ErrorCode::bad_format,
                path.string() +
                    ": lists the classes by ascending id, which is not ILSVRC's own order; give the "
                    "development kit's meta.mat or map_clsloc.txt");
  }
  return order.finish();
}

}  // namespace

bool is_wordnet_id(std::string_view text) noexcept {
  return text.size() == 9 && text[0] == 'n' &&
         std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<int> class_of_wordnet_id(std::string_view id) {
  if (!is_wordnet_id(id)) return std::nullopt;
  int number = 0;
  std::from_chars(id.data() + 1, id.data() + id.size(), number);
  const auto at = std::lower_bound(std::begin(kIds), std::end(kIds), number);
  if (at == std::end(kIds) || *at != number) return std::nullopt;
  return static_cast<int>(at - std::begin(kIds));
}

std::string wordnet_id_of_class(int index) {
  if (index < 0 || index >= kClasses) {
    throw Error(ErrorCode::invalid_argument, fmt::format("class {} is not one of 0…{}", index, kClasses - 1));
  }
  return fmt::format("n{:08}", kIds[index]);
}

std::vector<int> read_ilsvrc_order(const fs::path& path) {
  fs::path file = path;
  if (fs::is_directory(path)) {
    for (const char* name : {"meta.mat", "data/meta.mat", "map_clsloc.txt", "data/map_clsloc.txt"}) {
      if (fs::is_regular_file(path / name)) {
        file = path / name;
        break;
      }
    }
    if (file == path) {
      throw Error(ErrorCode::not_found,
                  path.string() + ": holds neither meta.mat nor map_clsloc.txt, alone or in data/");
    }
  }
  return file.extension() == ".mat" ? read_meta_mat(file) : read_order_text(file);
}

}  // namespace resnet::eval
