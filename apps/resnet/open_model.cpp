#include "open_model.hpp"

namespace resnet::cli {

Model open_model(const ModelArguments& args) {
  Model model = load_model(find_model(args.model));
  if (!args.labels.empty()) model.labels = read_labels(args.labels, model.architecture.classes());
  return model;
}

SessionOptions session_options(const ComputeArguments& args) {
  SessionOptions options;
  options.device = args.device;
  if (!args.gpu_memory.empty()) options.gpu_memory = *parse_memory_size(args.gpu_memory);
  options.backend = args.backend;
  if (!args.precision.empty()) options.precision = parse_precision(args.precision);
  options.plan = parse_plan(args.plan);
  options.isa = args.isa;
  options.threads = args.threads;
  return options;
}

}  // namespace resnet::cli
