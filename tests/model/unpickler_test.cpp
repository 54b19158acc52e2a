#include "model/unpickler.hpp"

#include "file_builders.hpp"
#include "model_test_support.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

using namespace formats;
using test::error_of;
using test::le;
namespace build = test::pickle;

// Reads `program` and keeps it alive beside its values.
struct Parsed {
  explicit Parsed(const std::string& program) : pickle(std::as_bytes(std::span(program)), "test.pth") {}
  Pickle pickle;
  const PickleValue& root() const { return pickle.root(); }
};

Error refusal(const std::string& program) {
  return error_of([&] { Parsed{program}; });
}

TEST(Unpickler, PlainValues) {
  EXPECT_EQ(*Parsed("\x80\x02K\x07.").root().as<std::int64_t>(), 7);
  EXPECT_EQ(*Parsed("\x80\x02J\xfe\xff\xff\xff.").root().as<std::int64_t>(), -2);
  EXPECT_EQ(*Parsed("M\x34\x12.").root().as<std::int64_t>(), 0x1234);
  EXPECT_EQ(*Parsed("\x8a\x02" + le(0xff00, 2) + ".").root().as<std::int64_t>(), -256);
  EXPECT_EQ(*Parsed(build::number(-5) + ".").root().as<std::int64_t>(), -5);
  EXPECT_EQ(*Parsed("\x88.").root().as<bool>(), true);
  EXPECT_NE(Parsed("N.").root().as<PickledNone>(), nullptr);
  EXPECT_EQ(*Parsed("\x8c\x03"
                    "abc.")
                 .root()
                 .as<std::string>(),
            "abc");
  const std::string half = std::string("G\x3f\xe0", 3) + std::string(6, '\0') + ".";
  EXPECT_EQ(*Parsed(half).root().as<double>(), 0.5);
  EXPECT_EQ(Parsed("](K\x01K\x02"
                   "e.")
                .root()
                .as<PickledList>()
                ->items.size(),
            2u);
  EXPECT_EQ(Parsed("K\x01K\x02\x86.").root().as<PickledTuple>()->items.size(), 2u);
}

TEST(Unpickler, StopsAtStop) {
  EXPECT_EQ(Parsed("N.rest").pickle.size(), 2u);
}

TEST(Unpickler, ATensorAndItsStorage) {
  const Parsed p(
      build::program({{"w", build::tensor(build::storage("HalfStorage", "17", 12), 2, {2, 3}, {3, 1})}}));
  const auto* tensor = p.root().as<PickledDict>()->entries.at(0).second->as<PickledTensor>();
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->storage->key, "17");
  EXPECT_EQ(tensor->storage->dtype, DType::f16);
  EXPECT_EQ(tensor->storage->numel, 12);
  EXPECT_EQ(tensor->offset, 2);
  EXPECT_EQ(tensor->sizes, (std::vector<std::int64_t>{2, 3}));
}

TEST(Unpickler, ForeignNamesAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> evil{
      {"os", "system"},           {"posix", "system"},
      {"builtins", "eval"},       {"builtins", "exec"},
      {"subprocess", "Popen"},    {"builtins", "getattr"},
      {"torch", "load"},          {"torch", "FloatTensor"},
      {"nt", "system"},           {"runpy", "run_path"},
      {"collections", "Counter"}, {"torch.hub", "load"},
      {"__main__", "Model"},      {"numpy.core.multiarray", "_reconstruct"}};
  for (const auto& [module, name] : evil) {
    const std::string call = "(" + build::text("touch evil") + "tR.";
    for (const std::string& program :
         {"\x80\x02" + build::global(module, name) + call,
          "\x80\x04" + build::text(module) + build::text(name) + "\x93" + call,
          build::program({{"state_dict", build::global(module, name) + ")R"}})}) {
      const Error e = refusal(program);
      EXPECT_EQ(e.code(), ErrorCode::unsafe) << module;
      EXPECT_NE(std::string(e.what()).find(module + "." + name), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("test.pth"), std::string::npos) << e.what();
    }
  }
}

TEST(Unpickler, AForeignNameCannotGarbleTheMessage) {
  const Error e = refusal(build::global("os\x1b[2J", std::string(5000, 'x')) + ".");
  EXPECT_EQ(std::string(e.what()).find('\x1b'), std::string::npos);
  EXPECT_LT(std::string(e.what()).size(), 600u);
}

TEST(Unpickler, ForeignInstructionsAreRefused) {
  // INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, PERSID, REDUCE of data, BUILD on data, DUP, BINBYTES, BYTEARRAY8.
  for (const std::string& program :
       std::vector<std::string>{"(ios\nsystem\n.", "(" + build::global("collections", "OrderedDict") + "o.",
                                "N)\x81.", "N)}\x92.", "\x82\x01.", "P1\n.", "N)R.",
                                "NN"
                                "b.",
                                "N2.", "B" + le(1, 4) + "x.", "\x96" + le(1, 8) + "x."}) {
    EXPECT_EQ(refusal(program).code(), ErrorCode::unsafe) << testing::PrintToString(program);
  }
}

TEST(Unpickler, CallingAStorageTypeIsRefused) {
  EXPECT_EQ(refusal(build::global("torch", "FloatStorage") + ")R.").code(), ErrorCode::unsafe);
}

TEST(Unpickler, EveryTruncationIsCalledThat) {
  const std::string whole = build::program(
      {{"w", build::tensor(build::storage("FloatStorage", "0", 4), 0, {4}, {1})}, {"x", "\x8c\x01y"}});
  Parsed{whole};
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(refusal(whole.substr(0, length)).code(), ErrorCode::truncated) << length;
  }
}

TEST(Unpickler, LengthsThatLie) {
  EXPECT_EQ(refusal("X\xff\xff\xff\x7f"
                    "abc.")
                .code(),
            ErrorCode::truncated);
  EXPECT_EQ(refusal("\x8a\x0a" + std::string(10, '\x01') + ".").code(), ErrorCode::unsupported);
  EXPECT_EQ(refusal("\x80\x09N.").code(), ErrorCode::unsupported);
}

TEST(Unpickler, TheStackIsGuarded) {
  for (const char* program : {".", "R.", "\x85.", "\x87.", "t.", "e.", "s.", "u.", "b.", "Q.", "q", "0.",
                              "NN.", "(.", "(N.", "N(\x85.", "\x93.", "]N(s."}) {
    const Error e = refusal(std::string(program) + std::string(4, '\0'));
    EXPECT_NE(e.code(), ErrorCode::internal) << program;
  }
}

TEST(Unpickler, TheMemoIsGuarded) {
  EXPECT_EQ(refusal("h" + le(0, 1) + ".").code(), ErrorCode::bad_format);
  EXPECT_EQ(refusal("Nr" + le(0xfffffff0, 4) + ".").code(), ErrorCode::bad_format);
  EXPECT_EQ(*Parsed("K\x05q" + le(0, 1) + "0h" + le(0, 1) + ".").root().as<std::int64_t>(), 5);
}

TEST(Unpickler, DeepAndSelfReferringStructuresCostNothing) {
  EXPECT_EQ(refusal(std::string(100'000, '(') + ".").code(), ErrorCode::too_large);
  std::string chain = "N";
  for (int i = 0; i < 200'000; ++i) chain += '\x85';  // ((((None,),),),)
  Parsed{chain + "."};
  Parsed{"]q" + le(0, 1) + "h" + le(0, 1) + "a."};  // a list that holds itself
}

TEST(Unpickler, MoreValuesThanACheckpointNeedsAreRefused) {
  EXPECT_EQ(refusal("(" + std::string(1'100'000, 'N') + "t.").code(), ErrorCode::too_large);
  std::string recalls = "Nq" + le(0, 1) + "(";
  for (int i = 0; i < 1'100'000; ++i) recalls += std::string("h\0", 2);
  EXPECT_EQ(refusal(recalls + "t.").code(), ErrorCode::too_large);
}

TEST(Unpickler, StorageReferencesAreChecked) {
  const std::string type = build::global("torch", "FloatStorage");
  for (const std::string& id :
       {"(" + build::text("module") + type + build::text("0") + build::text("cpu") + build::number(1) + "t",
        "(" + build::text("storage") + build::text("FloatStorage") + build::text("0") + build::text("cpu") +
            build::number(1) + "t",
        "(" + build::text("storage") + type + build::text("0") + build::text("cpu") + build::number(-1) + "t",
        "(" + build::text("storage") + type + "t", std::string("N")}) {
    EXPECT_EQ(refusal(id + "Q.").code(), ErrorCode::bad_format);
  }
}

TEST(Unpickler, ShapesAreChecked) {
  const std::string storage = build::storage("FloatStorage", "0", 4);
  EXPECT_EQ(refusal(build::tensor(storage, 0, {2, 2}, {1}) + ".").code(), ErrorCode::bad_format);
  EXPECT_EQ(refusal(build::tensor(storage, -1, {2}, {1}) + ".").code(), ErrorCode::bad_format);
  EXPECT_EQ(refusal(build::tensor(storage, 0, {-2}, {1}) + ".").code(), ErrorCode::bad_format);
  EXPECT_EQ(refusal(build::tensor(storage, 0, {2}, {-1}) + ".").code(), ErrorCode::bad_format);
  EXPECT_EQ(refusal(build::tensor("N", 0, {2}, {1}) + ".").code(), ErrorCode::bad_format);
  const std::vector<std::int64_t> many(100, 1);
  EXPECT_EQ(refusal(build::tensor(storage, 0, many, many) + ".").code(), ErrorCode::bad_format);
}

}  // namespace
}  // namespace resnet
