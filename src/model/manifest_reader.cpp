#include "model/facts.hpp"
#include "model/manifest.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::array kKinds{TensorKind::conv_weight, TensorKind::bn_param, TensorKind::bn_buffer,
                            TensorKind::fc_weight,   TensorKind::fc_bias,  TensorKind::quant_param};
constexpr std::array kTypes{DType::f32, DType::i32, DType::i8, DType::u8};
constexpr std::size_t kMostDimensions = 4;

class ManifestReader {
 public:
  explicit ManifestReader(const FileView& file) : file_(file), directory_(fs::path(file.name).parent_path()) {
    if (directory_.empty()) directory_ = ".";
  }

  RawModel read() {
    const nlohmann::json manifest = parse_json(as_text(file_.bytes), file_.name);
    if (!manifest.is_object() || !manifest.contains("tensors")) {
      fail("JSON, but no manifest of a model (it has no \"tensors\")");
    }
    require_equal(manifest, "version", 1);
    const bool int8 = manifest.contains("dtype") && manifest["dtype"] == "int8";
    if (!int8) require_equal(manifest, "dtype", "fp32");
    require_equal(manifest, "layout", "NCHW");
    for (const char* key : {"model", "preprocess"}) {
      if (!manifest.contains(key)) fail(fmt::format("has no \"{}\"", key));
    }
    const auto quant = manifest.find("quant");
    if ((quant != manifest.end() && !quant->is_null()) != int8)
      fail("\"quant\" must be an object where \"dtype\" is \"int8\", and null where it is \"fp32\"");
    RawModel raw;
    raw.facts = facts_from_json(manifest, file_.name);
    raw.facts.precision = int8 ? Precision::int8 : Precision::fp32;
    if (int8) read_scales(*quant, raw);
    const nlohmann::json& tensors = manifest["tensors"];
    if (!tensors.is_object()) fail("\"tensors\" must be an object");
    for (const auto& [name, entry] : tensors.items()) {
      if (!raw.tensors.emplace(name, tensor(name, entry)).second)
        fail_tensor(name, "is also a scale of \"quant\"");
      raw.kinds.emplace(name, kind(name, entry));
    }
    return raw;
  }

 private:
  [[noreturn]] void fail(const std::string& what, ErrorCode code = ErrorCode::bad_format) const {
    throw Error(code, file_.name + ": " + what);
  }
  [[noreturn]] void fail_tensor(const std::string& name, const std::string& what,
                                ErrorCode code = ErrorCode::bad_format) const {
    fail(fmt::format("tensor {}: {}", printable(name), what), code);
  }

  void require_equal(const nlohmann::json& manifest, const char* key, const nlohmann::json& wanted) const {
    const auto it = manifest.find(key);
    if (it == manifest.end()) fail(fmt::format("has no \"{}\"; it should be {}", key, wanted.dump()));
    if (*it != wanted) {
      fail(fmt::format("\"{}\" is {}; only {} is read", key, printable(it->dump(-1, ' ', true)),
                       wanted.dump()),
           ErrorCode::unsupported);
    }
  }

  const nlohmann::json& member(const std::string& name, const nlohmann::json& entry, const char* key) const {
    const auto it = entry.is_object() ? entry.find(key) : entry.end();
    if (!entry.is_object() || it == entry.end()) fail_tensor(name, fmt::format("has no \"{}\"", key));
    return *it;
  }

  TensorKind kind(const std::string& name, const nlohmann::json& entry) const {
    const nlohmann::json& value = member(name, entry, "kind");
    const auto it =
        std::find_if(kKinds.begin(), kKinds.end(), [&](TensorKind k) { return value == to_string(k); });
    if (it == kKinds.end()) {
      fail_tensor(name,
                  "its kind must be conv_weight, bn_param, bn_buffer, fc_weight, fc_bias or quant_param");
    }
    return *it;
  }

  DType dtype(const std::string& name, const nlohmann::json& entry) const {
    if (!entry.is_object() || !entry.contains("dtype")) return DType::f32;
    const auto it = std::find_if(kTypes.begin(), kTypes.end(),
                                 [&](DType type) { return entry["dtype"] == to_string(type); });
    if (it == kTypes.end()) fail_tensor(name, "its dtype must be f32, i32, i8 or u8");
    return *it;
  }

  void read_scales(const nlohmann::json& quant, RawModel& raw) const {
    const auto scales = quant.find("scales");
    if (scales == quant.end() || !scales->is_object()) fail("\"quant\" has no object \"scales\"");
    for (const auto& [name, number] : scales->items()) {
      if (!number.is_number()) fail_tensor(name, "its scale must be a number");
      auto owner = std::make_shared<const float>(number.get<float>());
      const auto* data = reinterpret_cast<const std::byte*>(owner.get());
      raw.tensors.emplace(
          name, RawTensor{.dtype = DType::f32, .shape = Shape{1}, .data = data, .owner = std::move(owner)});
      raw.kinds.emplace(name, TensorKind::quant_scale);
    }
  }

  RawTensor tensor(const std::string& name, const nlohmann::json& entry) const {
    std::vector<std::int64_t> dims;
    const nlohmann::json& shape = member(name, entry, "shape");
    if (!shape.is_array() || shape.size() > kMostDimensions)
      fail_tensor(name, "its shape must be a list of counts");
    for (const nlohmann::json& dim : shape) {
      if (!dim.is_number_unsigned() || dim.get<std::uint64_t>() > (std::uint64_t{1} << 40)) {
        fail_tensor(name, "its shape must be a list of counts");
      }
      dims.push_back(dim.get<std::int64_t>());
    }
    RawTensor raw{.dtype = dtype(name, entry), .shape = Shape(std::move(dims))};
    const char* layout = raw.shape.rank() == 4 ? "OIHW" : raw.shape.rank() == 2 ? "OI" : "O";
    if (member(name, entry, "layout") != layout) {
      fail_tensor(name, fmt::format("its layout must be {} for shape {}", layout, raw.shape.to_string()));
    }

    const fs::path path = resolve(name, member(name, entry, "path"));
    const FileView data = map_file(path);
    const std::int64_t numel = numel_of(raw.shape, fmt::format("{}: tensor {}", file_.name, printable(name)));
    const std::size_t item = size_of(raw.dtype);
    if (data.bytes.size() % item != 0 || static_cast<std::int64_t>(data.bytes.size() / item) != numel) {
      const ErrorCode code = data.bytes.size() / item < static_cast<std::uint64_t>(numel)
                                 ? ErrorCode::truncated
                                 : ErrorCode::bad_format;
      fail_tensor(name,
                  fmt::format("{} has {} bytes; shape {} needs {} x {}", path.string(), data.bytes.size(),
                              raw.shape.to_string(), numel, item),
                  code);
    }
    raw.data = data.bytes.data();
    raw.owner = data.owner;
    raw.evictable = data.evictable;
    return raw;
  }

  // The tensor's file, which must lie inside the manifest's directory, symbolic links followed.
  fs::path resolve(const std::string& name, const nlohmann::json& value) const {
    if (!value.is_string()) fail_tensor(name, "its path must be a string");
    const auto& text = value.get_ref<const std::string&>();
    const fs::path relative(text);
    const bool climbs = std::find(relative.begin(), relative.end(), "..") != relative.end();
    if (text.empty() || relative.is_absolute() || climbs || text.find('\0') != std::string::npos) {
      fail_tensor(name,
                  fmt::format("its path \"{}\" does not stay in the manifest's directory", printable(text)),
                  ErrorCode::unsafe);
    }
    std::error_code error;
    const fs::path home = fs::canonical(directory_, error);
    const fs::path target = error ? fs::path() : fs::canonical(directory_ / relative, error);
    if (error) {
      fail_tensor(
          name,
          fmt::format("its file {} cannot be found: {}", (directory_ / relative).string(), error.message()),
          ErrorCode::not_found);
    }
    if (std::mismatch(home.begin(), home.end(), target.begin(), target.end()).first != home.end()) {
      fail_tensor(
          name,
          fmt::format("its path \"{}\" is a link that leaves the manifest's directory", printable(text)),
          ErrorCode::unsafe);
    }
    return directory_ / relative;
  }

  const FileView& file_;
  fs::path directory_;
};

}  // namespace

bool is_manifest(const FileView& file) {
  const std::string_view text = as_text(file.bytes);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

RawModel read_manifest(const FileView& file) {
  return ManifestReader(file).read();
}

}  // namespace resnet::formats
