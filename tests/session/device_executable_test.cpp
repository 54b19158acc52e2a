// Runs shared out to several devices; processors stand for GPUs.
#include "session/device_executable.hpp"

#include "session/options.hpp"
#include "session/workspace_pool.hpp"
#include "support/pixel_run.hpp"
#include "support/random_values.hpp"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr std::uint64_t kWorkspaceBytes = 1000;

// Computes on the processor, counts its runs, and takes memory as a GPU does.
class Counted final : public Executable {
 public:
  struct Memory final : Workspace {
    explicit Memory(std::unique_ptr<Workspace> its_own)
        : own(std::move(its_own)), budget(MemoryScope::budget()) {
      budget->take(kWorkspaceBytes, MemoryScope::purpose());
    }
    ~Memory() override { budget->give_back(kWorkspaceBytes); }
    std::unique_ptr<Workspace> own;
    std::shared_ptr<MemoryBudget> budget;
  };

  Counted(std::unique_ptr<Executable> inner, int& runs) : inner_(std::move(inner)), runs_(runs) {}
  std::unique_ptr<Workspace> make_workspace(const Shape& shape) const override {
    return std::make_unique<Memory>(inner_->make_workspace(shape));
  }
  void run(const float* input, const Shape& shape, float* output, Workspace& workspace,
           const Trace* trace) const override {
    ++runs_;
    inner_->run(input, shape, output, *static_cast<Memory&>(workspace).own, trace);
  }

 private:
  std::unique_ptr<Executable> inner_;
  int& runs_;
};

class SharedRuns : public testing::Test {
 protected:
  std::unique_ptr<Executable> compile() const {
    SessionOptions options;
    options.backend = "cpu";
    options.device = "cpu";
    options.precision = Precision::fp32;
    options.threads = 1;
    options.height = options.width = 32;
    const Backend& backend = choose_backend(options, Precision::fp32);
    return compile_on_devices(model_, backend, resolve_options(model_, options, backend));
  }
  // As many devices as there are caps.
  std::unique_ptr<Executable> several(const std::vector<std::uint64_t>& caps) {
    runs_.assign(caps.size(), 0);
    std::vector<OfDevice> devices;
    for (std::size_t i = 0; i < caps.size(); ++i) {
      devices.push_back(
          {std::make_shared<MemoryBudget>(caps[i]), std::make_unique<Counted>(compile(), runs_[i])});
    }
    return share_runs(std::move(devices));
  }
  std::vector<float> run(const Executable& executable, Workspace& workspace) const {
    std::vector<float> output(5);
    executable.run(input_.data(), shape_, output.data(), workspace, nullptr);
    return output;
  }

  const Model model_ = make_random_model(18, 5, 1);
  const Shape shape_{1, 3, 32, 32};
  const std::vector<float> input_ = test::random_values(shape_.numel(), 1);
  std::vector<int> runs_;
};

TEST_F(SharedRuns, GoToAllDevicesAndGiveTheSameBits) {
  const auto one = compile();
  const auto workspace = one->make_workspace(shape_);
  const std::vector<float> expected = run(*one, *workspace);
  const auto executable = several({0, 0, 0});
  ASSERT_EQ(executable->devices(), 3);
  WorkspacePool pool;
  const auto a = pool.lend(*executable, shape_, 5), b = pool.lend(*executable, shape_, 5),
             c = pool.lend(*executable, shape_, 5);
  for (Workspace* lent : {&*a, &*b, &*c, &*c}) EXPECT_EQ(run(*executable, *lent), expected);
  std::sort(runs_.begin(), runs_.end());
  EXPECT_EQ(runs_, (std::vector{1, 1, 2}));
}

TEST_F(SharedRuns, NormaliseOnTheirDevice) {
  const auto executable = several({0});
  const auto workspace = executable->make_workspace(shape_);
  const std::vector<std::uint8_t> rgb = test::random_pixels(shape_, 2);
  const PixelTable table = pixel_table(model_.preprocess.mean, model_.preprocess.std);
  const std::vector<float> input = test::normalised(rgb, shape_, model_.preprocess);
  std::vector<float> pixels(5), floats(5);
  executable->prepare_pixels(table, shape_, *workspace);
  executable->run_pixels(rgb.data(), table, shape_, pixels.data(), *workspace, nullptr);
  executable->run(input.data(), shape_, floats.data(), *workspace, nullptr);
  EXPECT_EQ(pixels, floats);
}

TEST_F(SharedRuns, EachDeviceHasItsOwnBudget) {
  const auto executable = several({kWorkspaceBytes, 2 * kWorkspaceBytes});
  auto a = executable->make_workspace_on(0, shape_);
  const auto b = executable->make_workspace_on(1, shape_), c = executable->make_workspace_on(1, shape_);
  for (const int device : {0, 1}) {
    try {
      executable->make_workspace_on(device, shape_);
      ADD_FAILURE() << "device " << device << " is full";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::out_of_memory);
      EXPECT_EQ(std::string(e.what()).rfind("a run on [1, 3, 32, 32] needs", 0), 0u) << e.what();
    }
  }
  a.reset();
  EXPECT_NO_THROW(executable->make_workspace_on(0, shape_));
  EXPECT_EQ(MemoryScope::budget(), nullptr);
}

}  // namespace
}  // namespace resnet
