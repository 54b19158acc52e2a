// Manifests that lie, and directories that must not be lost to an export.
#include "model_test_support.hpp"

#include <filesystem>
#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::contents;
using test::error_of;
using test::write;

class Manifest : public testing::Test {
 protected:
  Manifest() : home_(folder_.path() / "model"), file_(home_ / "manifest.json") {
    save_model(make_random_model(18, 2, 3), home_, ModelFormat::manifest);
  }

  json read() const { return json::parse(contents(file_)); }
  // The error after an edit, which must name the manifest and hold `words`.
  void expect_refused(const std::function<void(json&)>& edit, ErrorCode code,
                      const std::string& words) const {
    const std::string before = contents(file_);
    json manifest = json::parse(before);
    edit(manifest);
    write(file_, manifest.dump());
    const Error e = error_of([&] { load_model(home_); });
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("manifest.json"), std::string::npos) << e.what();
    write(file_, before);
  }
  void expect_path_refused(const std::string& path, ErrorCode code) const {
    expect_refused([&](json& m) { m["tensors"]["fc.bias"]["path"] = path; }, code, "tensor fc.bias");
  }

  test::TemporaryFolder folder_;
  fs::path home_, file_;
};

TEST_F(Manifest, LoadsByDirectoryAndByFile) {
  EXPECT_EQ(load_model(home_).architecture.classes(), 2);
  EXPECT_EQ(load_model(home_ / "").architecture.classes(), 2);
  EXPECT_EQ(load_model(file_).architecture.classes(), 2);
  const fs::path before = fs::current_path();
  fs::current_path(home_);
  EXPECT_EQ(load_model("manifest.json").architecture.classes(), 2);
  EXPECT_EQ(load_model(".").architecture.classes(), 2);
  fs::current_path(before);
}

TEST_F(Manifest, PathsMayNotLeaveTheDirectory) {
  fs::copy_file(home_ / "fc.bias.bin", folder_.path() / "outside.bin");
  fs::create_directory(home_ / "sub");
  for (const std::string& path :
       {std::string("../outside.bin"), (folder_.path() / "outside.bin").string(),
        std::string("sub/../../outside.bin"), std::string("/dev/zero"), std::string(""),
        std::string("fc.bias.bin\0x", 13), std::string("sub/../fc.bias.bin")}) {
    expect_path_refused(path, ErrorCode::unsafe);
  }
}

TEST_F(Manifest, LinksMayNotLeaveTheDirectoryEither) {
  fs::copy_file(home_ / "fc.bias.bin", folder_.path() / "outside.bin");
  fs::create_symlink("../outside.bin", home_ / "link.bin");
  expect_path_refused("link.bin", ErrorCode::unsafe);
  fs::create_directory_symlink("..", home_ / "up");
  expect_path_refused("up/outside.bin", ErrorCode::unsafe);
  // A sibling whose name starts alike is outside too.
  fs::create_directory(folder_.path() / "model2");
  fs::copy_file(home_ / "fc.bias.bin", folder_.path() / "model2" / "x.bin");
  fs::create_symlink("../model2/x.bin", home_ / "twin.bin");
  expect_path_refused("twin.bin", ErrorCode::unsafe);
}

TEST_F(Manifest, LinksAndFoldersInsideAreFine) {
  fs::create_directory(home_ / "sub");
  fs::rename(home_ / "fc.bias.bin", home_ / "sub" / "b.bin");
  fs::create_symlink("sub/b.bin", home_ / "link.bin");
  for (const char* path : {"sub/b.bin", "link.bin", "./link.bin"}) {
    json manifest = read();
    manifest["tensors"]["fc.bias"]["path"] = path;
    write(file_, manifest.dump());
    EXPECT_NO_THROW(load_model(home_)) << path;
  }
}

TEST_F(Manifest, TensorFilesMustBeThereAndWhole) {
  expect_path_refused("nothing.bin", ErrorCode::not_found);
  write(home_ / "short.bin", "1234567");
  expect_path_refused("short.bin", ErrorCode::truncated);
  write(home_ / "long.bin", "123456789abc");
  expect_path_refused("long.bin", ErrorCode::bad_format);
  write(home_ / "odd.bin", "123456789");
  expect_path_refused("odd.bin", ErrorCode::bad_format);
  write(home_ / "empty.bin", "");
  expect_path_refused("empty.bin", ErrorCode::truncated);
}

TEST_F(Manifest, TensorFilesMustBeRegularFiles) {
  fs::create_directory(home_ / "folder.bin");
  ASSERT_EQ(mkfifo((home_ / "fifo.bin").c_str(), 0600), 0);
  for (const char* name : {"folder.bin", "fifo.bin"}) {
    json manifest = read();
    manifest["tensors"]["fc.bias"]["path"] = name;
    write(file_, manifest.dump());
    const Error e = error_of([&] { load_model(home_); });
    EXPECT_EQ(e.code(), ErrorCode::io);
    EXPECT_NE(std::string(e.what()).find(name), std::string::npos) << e.what();
  }
}

TEST_F(Manifest, FieldsAreChecked) {
  const auto tensor = [](const char* key, const json& value) {
    return [=](json& m) { m["tensors"]["fc.bias"][key] = value; };
  };
  const auto top = [](const char* key, const json& value) { return [=](json& m) { m[key] = value; }; };
  const auto drop = [](const char* key) { return [=](json& m) { m.erase(key); }; };
  expect_refused(tensor("kind", "weight"), ErrorCode::bad_format, "kind");
  expect_refused(tensor("kind", "bn_param"), ErrorCode::bad_format,
                 "fc.bias is of kind fc_bias, not bn_param");
  expect_refused(tensor("layout", "OI"), ErrorCode::bad_format, "layout must be O");
  expect_refused(tensor("shape", json{-2}), ErrorCode::bad_format, "shape");
  expect_refused(tensor("shape", json{1, 1, 1, 1, 2}), ErrorCode::bad_format, "shape");
  expect_refused(tensor("shape", json{1, 2}), ErrorCode::bad_format, "layout");
  expect_refused(tensor("path", 3), ErrorCode::bad_format, "path");
  expect_refused(top("version", 2), ErrorCode::unsupported, "version");
  expect_refused(top("dtype", "fp16"), ErrorCode::unsupported, "dtype");
  expect_refused(top("layout", "NHWC"), ErrorCode::unsupported, "layout");
  expect_refused(top("quant", json::object()), ErrorCode::bad_format, "\"quant\"");
  expect_refused(top("model", "resnet50"), ErrorCode::bad_format, "resnet18");
  expect_refused(top("tensors", json::array()), ErrorCode::bad_format, "tensors");
  expect_refused(top("labels", json{"one"}), ErrorCode::shape_mismatch, "1 label for 2 classes");
  expect_refused(top("head", {{"kind", "sigmoid"}, {"thresholds", {0.5}}}), ErrorCode::shape_mismatch,
                 "1 threshold for");
  expect_refused(top("head", {{"kind", "sigmoid"}, {"thresholds", {0.5, 2}}}), ErrorCode::invalid_argument,
                 "0 to 1");
  expect_refused(top("head", {{"kind", "tanh"}}), ErrorCode::bad_format, "softmax");
  for (const char* key : {"version", "dtype", "layout", "model", "preprocess", "tensors"}) {
    expect_refused(drop(key), ErrorCode::bad_format, key);
  }
  const auto preprocess = [](const char* key, const json& value) {
    return [=](json& m) { m["preprocess"][key] = value; };
  };
  expect_refused(preprocess("resize", 1 << 30), ErrorCode::bad_format, "resize");
  expect_refused(preprocess("resize", 16), ErrorCode::invalid_argument, "32");
  expect_refused(preprocess("center_crop", json{224}), ErrorCode::bad_format, "center_crop");
  expect_refused(preprocess("mean", json{0.5, 0.5}), ErrorCode::bad_format, "mean");
  expect_refused(preprocess("std", json{0.5, 0, 0.5}), ErrorCode::invalid_argument, "std");
  expect_refused(preprocess("interpolation", "nearest"), ErrorCode::bad_format, "interpolation");
}

TEST_F(Manifest, MissingAndExtraTensorsAreNamedWithTheirShapes) {
  expect_refused([](json& m) { m["tensors"].erase("layer3.1.bn2.running_mean"); }, ErrorCode::not_found,
                 "layer3.1.bn2.running_mean [256]");
  expect_refused([](json& m) { m["tensors"]["fc.scale"] = m["tensors"]["fc.bias"]; }, ErrorCode::bad_format,
                 "fc.scale [2]");
}

TEST_F(Manifest, DamagedJson) {
  const std::string whole = contents(file_);
  for (const std::size_t length : {std::size_t{1}, std::size_t{40}, whole.size() / 2, whole.size() - 3}) {
    write(file_, whole.substr(0, length));
    EXPECT_EQ(error_of([&] { load_model(home_); }).code(), ErrorCode::bad_format) << length;
  }
  write(file_, "");
  EXPECT_EQ(error_of([&] { load_model(home_); }).code(), ErrorCode::truncated);
  write(file_, R"({"version": 1, "version": 1})");
  EXPECT_NE(std::string(error_of([&] { load_model(home_); }).what()).find("occurs twice"), std::string::npos);
  write(file_, R"({"tensors":)" + std::string(100'000, '['));
  EXPECT_NE(std::string(error_of([&] { load_model(home_); }).what()).find("too deeply"), std::string::npos);
}

TEST_F(Manifest, AnExportNeverReplacesWhatIsNotAnExport) {
  const Model model = make_random_model(18, 2, 4);
  write(home_ / "thesis.doc", "years of work");
  const Error e = error_of([&] { save_model(model, home_, ModelFormat::manifest); });
  EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
  EXPECT_NE(std::string(e.what()).find("thesis.doc"), std::string::npos) << e.what();
  EXPECT_EQ(contents(home_ / "thesis.doc"), "years of work");

  const fs::path plain = write(folder_.path() / "plain.txt", "text");
  EXPECT_EQ(error_of([&] { save_model(model, plain, ModelFormat::manifest); }).code(),
            ErrorCode::invalid_argument);
  EXPECT_EQ(contents(plain), "text");

  fs::create_directory(folder_.path() / "empty");
  save_model(model, folder_.path() / "empty" / "", ModelFormat::manifest);
  EXPECT_EQ(load_model(folder_.path() / "empty").architecture.classes(), 2);
}

}  // namespace
}  // namespace resnet
