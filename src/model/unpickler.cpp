#include "model/unpickler.hpp"

#include "model/file_view.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

// A ResNet-50's state_dict makes some 10,000 values; a training checkpoint with optimiser a few times that.
constexpr std::size_t kMostBytes = std::size_t{32} << 20;
constexpr std::size_t kMostValues = 1'000'000;
constexpr std::size_t kDeepestMarks = 128;
constexpr std::size_t kMostPickledDimensions = 16;

struct KnownGlobal {
  std::string_view module, name;
  PickledGlobal value;
};

constexpr std::array kKnownGlobals{
    KnownGlobal{"collections", "OrderedDict", {PickleName::ordered_dict, DType::f32}},
    KnownGlobal{"torch._utils", "_rebuild_tensor", {PickleName::rebuild_tensor, DType::f32}},
    KnownGlobal{"torch._utils", "_rebuild_tensor_v2", {PickleName::rebuild_tensor_v2, DType::f32}},
    KnownGlobal{"torch._utils", "_rebuild_parameter", {PickleName::rebuild_parameter, DType::f32}},
    KnownGlobal{"torch", "FloatStorage", {PickleName::storage_type, DType::f32}},
    KnownGlobal{"torch", "HalfStorage", {PickleName::storage_type, DType::f16}},
    KnownGlobal{"torch", "BFloat16Storage", {PickleName::storage_type, DType::bf16}},
    KnownGlobal{"torch", "DoubleStorage", {PickleName::storage_type, DType::f64}},
    KnownGlobal{"torch", "LongStorage", {PickleName::storage_type, DType::i64}},
    KnownGlobal{"torch", "IntStorage", {PickleName::storage_type, DType::i32}},
    KnownGlobal{"torch", "ShortStorage", {PickleName::storage_type, DType::i16}},
    KnownGlobal{"torch", "CharStorage", {PickleName::storage_type, DType::i8}},
    KnownGlobal{"torch", "ByteStorage", {PickleName::storage_type, DType::u8}},
    KnownGlobal{"torch", "BoolStorage", {PickleName::storage_type, DType::boolean}},
};

// The instructions understood, under Python's names for them.
enum Op : unsigned char {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kNone = 'N',
  kGlobal = 'c',
  kReduce = 'R',
  kBuild = 'b',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kLong1 = 0x8a,
  kBinFloat = 'G',
  kBinUnicode = 'X',
  kShortBinUnicode = 0x8c,
  kShortBinString = 'U',
  kEmptyTuple = ')',
  kTuple = 't',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kEmptyList = ']',
  kAppend = 'a',
  kAppends = 'e',
  kEmptyDict = '}',
  kSetItem = 's',
  kSetItems = 'u',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kMemoize = 0x94,
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPersId = 'Q',
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kProto = 0x80,
  kFrame = 0x95,
  kStackGlobal = 0x93,
};

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& name, std::deque<PickleValue>& arena)
      : bytes_(bytes), name_(name), arena_(arena) {
    if (bytes_.size() > kMostBytes) bytes_ = bytes_.first(kMostBytes);
  }

  const PickleValue* run() {
    for (;;) {
      const auto op = static_cast<unsigned char>(*take(1));
      if (op == kStop) break;
      step(op);
    }
    if (stack_.size() != 1 || !marks_.empty()) fail("leaves more or less than one value");
    return stack_.back();
  }

  std::size_t position() const noexcept { return at_; }

 private:
  [[noreturn]] void fail(std::string_view what, ErrorCode code = ErrorCode::bad_format) const {
    throw Error(code, fmt::format("{}: the pickle {} (at byte {})", name_, what, at_));
  }

  const std::byte* take(std::size_t count) {
    if (count > bytes_.size() - at_) {
      if (bytes_.size() == kMostBytes) fail("is larger than any checkpoint needs", ErrorCode::too_large);
      fail("ends in the middle of an instruction", ErrorCode::truncated);
    }
    const std::byte* p = bytes_.data() + at_;
    at_ += count;
    return p;
  }
  template <class T>
  T number() {
    return load_le<T>(take(sizeof(T)));
  }
  std::string_view text(std::size_t length) { return {reinterpret_cast<const char*>(take(length)), length}; }
  std::string_view line() {
    const std::string_view rest = as_text(bytes_.subspan(at_));
    const std::size_t length = rest.find('\n');
    if (length == std::string_view::npos) fail("ends in the middle of a name", ErrorCode::truncated);
    at_ += length + 1;
    return rest.substr(0, length);
  }

  PickleValue& make(decltype(PickleValue::data) data) {
    if (arena_.size() >= kMostValues)
      fail("makes more values than any checkpoint needs", ErrorCode::too_large);
    return arena_.emplace_back(PickleValue{std::move(data)});
  }
  void push(decltype(PickleValue::data) data) { stack_.push_back(&make(std::move(data))); }

  std::size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleValue* top() {
    if (stack_.size() <= bottom()) fail("takes from an empty stack");
    return stack_.back();
  }
  PickleValue* pop() {
    PickleValue* value = top();
    stack_.pop_back();
    return value;
  }
  // The values above the last mark, which goes too.
  std::vector<PickleValue*> pop_marked() {
    if (marks_.empty()) fail("takes values up to a mark that is not there");
    std::vector<PickleValue*> values(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                                     stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return values;
  }

  void push_tuple(std::size_t count) {
    if (stack_.size() - bottom() < count) fail("takes from an empty stack");
    PickledTuple tuple;
    tuple.items.assign(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    push(std::move(tuple));
  }

  // Memo numbers are given out in order by every pickler, which bounds how far the table may grow at once.
  void put(std::size_t number) {
    if (number > memo_.size()) fail("numbers its memo with gaps");
    if (number == memo_.size()) {
      if (memo_.size() >= kMostValues) fail("memoizes more than any checkpoint needs", ErrorCode::too_large);
      memo_.push_back(nullptr);
    }
    memo_[number] = top();
  }
  void get(std::size_t number) {
    if (number >= memo_.size()) fail("recalls a value that it has not stored");
    if (stack_.size() >= kMostValues) fail("stacks more than any checkpoint needs", ErrorCode::too_large);
    stack_.push_back(memo_[number]);
  }

  void push_global(std::string_view module, std::string_view name) {
    const auto known = std::find_if(kKnownGlobals.begin(), kKnownGlobals.end(), [&](const KnownGlobal& g) {
      return g.module == module && g.name == name;
    });
    if (known == kKnownGlobals.end()) {
      throw Error(
          ErrorCode::unsafe,
          fmt::format("{}: refused: its pickle names {}.{}, which is no part of a state_dict and could "
                      "run foreign code; if you trust the file, load it in PyTorch and save only "
                      "model.state_dict()",
                      name_, printable(module), printable(name)));
    }
    push(known->value);
  }

  std::vector<std::int64_t> integers(const PickleValue* value, const char* what) const {
    const auto* tuple = value->as<PickledTuple>();
    if (tuple == nullptr || tuple->items.size() > kMostPickledDimensions) {
      fail(fmt::format("gives a tensor a {} that is not a short tuple", what));
    }
    std::vector<std::int64_t> numbers;
    for (const PickleValue* item : tuple->items) {
      const auto* n = item->as<std::int64_t>();
      if (n == nullptr || *n < 0) fail(fmt::format("gives a tensor a {} that is no list of counts", what));
      numbers.push_back(*n);
    }
    return numbers;
  }

  // (storage, offset, sizes, strides[, requires_grad, hooks[, metadata]])
  void rebuild_tensor(const std::vector<const PickleValue*>& args) {
    const auto* storage = args.size() < 4 || args.size() > 7 ? nullptr : args[0]->as<PickledStorage>();
    const auto* offset = storage == nullptr ? nullptr : args[1]->as<std::int64_t>();
    if (offset == nullptr || *offset < 0) fail("rebuilds a tensor from something else than a storage");
    PickledTensor tensor{.storage = storage,
                         .offset = *offset,
                         .sizes = integers(args[2], "shape"),
                         .strides = integers(args[3], "stride")};
    if (tensor.sizes.size() != tensor.strides.size())
      fail("gives a tensor shape and strides of unequal length");
    push(std::move(tensor));
  }

  void reduce() {
    const PickleValue* args_value = pop();
    const auto* function = pop()->as<PickledGlobal>();
    const auto* args = args_value->as<PickledTuple>();
    if (function == nullptr || args == nullptr) {
      fail("calls something that is not a known function", ErrorCode::unsafe);
    }
    switch (function->name) {
      case PickleName::ordered_dict:
        if (!args->items.empty()) fail("makes an OrderedDict from arguments");
        push(PickledDict{});
        return;
      case PickleName::rebuild_tensor:
      case PickleName::rebuild_tensor_v2:
        rebuild_tensor(args->items);
        return;
      case PickleName::rebuild_parameter: {
        const auto* tensor = args->items.empty() ? nullptr : args->items[0]->as<PickledTensor>();
        if (tensor == nullptr) fail("makes a Parameter from something else than a tensor");
        push(PickledTensor(*tensor));
        return;
      }
      case PickleName::storage_type:
        fail("calls a storage type", ErrorCode::unsafe);
    }
  }

  // ("storage", type, key, device, numel[, None]): a reference to bytes outside the pickle.
  void persistent_id() {
    const auto* id = pop()->as<PickledTuple>();
    const bool shaped = id != nullptr && (id->items.size() == 5 || id->items.size() == 6);
    const auto* tag = shaped ? id->items[0]->as<std::string>() : nullptr;
    const auto* type = shaped ? id->items[1]->as<PickledGlobal>() : nullptr;
    const auto* key = shaped ? id->items[2]->as<std::string>() : nullptr;
    const auto* numel = shaped ? id->items[4]->as<std::int64_t>() : nullptr;
    if (tag == nullptr || *tag != "storage" || type == nullptr || type->name != PickleName::storage_type ||
        key == nullptr || numel == nullptr || *numel < 0) {
      fail("refers to something that is not a storage");
    }
    if (id->items.size() == 6 && id->items[5]->as<PickledNone>() == nullptr) {
      fail("uses storage views, which PyTorch has not written since 2017", ErrorCode::unsupported);
    }
    push(PickledStorage{*key, type->dtype, *numel});
  }

  void set_items(const std::vector<PickleValue*>& keys_and_values) {
    auto* dict = std::get_if<PickledDict>(&top()->data);
    if (dict == nullptr || keys_and_values.size() % 2 != 0)
      fail("sets items of something that is not a dict");
    for (std::size_t i = 0; i < keys_and_values.size(); i += 2) {
      dict->entries.emplace_back(keys_and_values[i], keys_and_values[i + 1]);
    }
  }
  void append(const std::vector<PickleValue*>& values) {
    auto* list = std::get_if<PickledList>(&top()->data);
    if (list == nullptr) fail("appends to something that is not a list");
    list->items.insert(list->items.end(), values.begin(), values.end());
  }

  std::int64_t long1() {
    const std::size_t length = number<std::uint8_t>();
    const std::byte* p = take(length);
    if (length > 8) fail("holds an integer of more than 64 bits", ErrorCode::unsupported);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < length; ++i) value |= static_cast<std::uint64_t>(p[i]) << (8 * i);
    if (length > 0 && length < 8 && (static_cast<unsigned char>(p[length - 1]) & 0x80u) != 0) {
      value |= ~std::uint64_t{0} << (8 * length);  // two's complement of `length` bytes
    }
    return static_cast<std::int64_t>(value);
  }

  double big_endian_double() {
    std::array<std::byte, 8> reversed{};
    const std::byte* p = take(8);
    std::reverse_copy(p, p + 8, reversed.begin());
    return load_le<double>(reversed.data());
  }

  void step(unsigned char op);

  std::span<const std::byte> bytes_;
  const std::string& name_;
  std::deque<PickleValue>& arena_;
  std::size_t at_ = 0;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;  // heights of stack_
  std::vector<PickleValue*> memo_;
};

void Machine::step(unsigned char op) {
  switch (op) {
    case kProto: {
      const unsigned version = number<std::uint8_t>();
      if (version < 2 || version > 5) fail(fmt::format("is of protocol {}", version), ErrorCode::unsupported);
      break;
    }
    case kFrame:
      number<std::uint64_t>();
      break;  // a hint for buffering, of no use here
    case kMark:
      if (marks_.size() >= kDeepestMarks) fail("is nested deeper than any checkpoint", ErrorCode::too_large);
      marks_.push_back(stack_.size());
      break;
    case kPop:
      pop();
      break;

    case kNone:
      push(PickledNone{});
      break;
    case kNewTrue:
      push(true);
      break;
    case kNewFalse:
      push(false);
      break;
    case kBinInt:
      push(std::int64_t{number<std::int32_t>()});
      break;
    case kBinInt1:
      push(std::int64_t{number<std::uint8_t>()});
      break;
    case kBinInt2:
      push(std::int64_t{number<std::uint16_t>()});
      break;
    case kLong1:
      push(long1());
      break;
    case kBinFloat:
      push(big_endian_double());
      break;
    case kBinUnicode:
      push(std::string(text(number<std::uint32_t>())));
      break;
    case kShortBinUnicode:
    case kShortBinString:
      push(std::string(text(number<std::uint8_t>())));
      break;

    case kEmptyTuple:
      push(PickledTuple{});
      break;
    case kTuple1:
      push_tuple(1);
      break;
    case kTuple2:
      push_tuple(2);
      break;
    case kTuple3:
      push_tuple(3);
      break;
    case kTuple: {
      const auto values = pop_marked();
      push(PickledTuple{{values.begin(), values.end()}});
      break;
    }
    case kEmptyList:
      push(PickledList{});
      break;
    case kAppend: {
      PickleValue* value = pop();
      append({value});
      break;
    }
    case kAppends:
      append(pop_marked());
      break;
    case kEmptyDict:
      push(PickledDict{});
      break;
    case kSetItem: {
      PickleValue* value = pop();
      PickleValue* key = pop();
      set_items({key, value});
      break;
    }
    case kSetItems:
      set_items(pop_marked());
      break;

    case kBinPut:
      put(number<std::uint8_t>());
      break;
    case kLongBinPut:
      put(number<std::uint32_t>());
      break;
    case kMemoize:
      put(memo_.size());
      break;
    case kBinGet:
      get(number<std::uint8_t>());
      break;
    case kLongBinGet:
      get(number<std::uint32_t>());
      break;

    case kGlobal: {
      const std::string_view module = line();
      push_global(module, line());
      break;
    }
    case kStackGlobal: {
      const auto* name = pop()->as<std::string>();
      const auto* module = pop()->as<std::string>();
      if (module == nullptr || name == nullptr) fail("names a global by something else than text");
      push_global(*module, *name);
      break;
    }
    case kReduce:
      reduce();
      break;
    case kBinPersId:
      persistent_id();
      break;
    case kBuild:
      // Sets attributes; a state_dict's only one is _metadata, which says nothing about the weights.
      pop();
      if (top()->as<PickledDict>() == nullptr) {
        fail("sets attributes of something that is not a dict", ErrorCode::unsafe);
      }
      break;
    default:
      fail(fmt::format("uses instruction 0x{:02x}, which no state_dict needs", static_cast<unsigned>(op)),
           ErrorCode::unsafe);
  }
}

}  // namespace

Pickle::Pickle(std::span<const std::byte> bytes, const std::string& name) {
  Machine machine(bytes, name, arena_);
  root_ = machine.run();
  size_ = machine.position();
}

}  // namespace resnet::formats
