// Every key of a configuration: its name, where its value lies, what it means. Reading, writing, overriding
// on the command line and the documented defaults all go through this list.
#pragma once

#include "train/config.hpp"

namespace resnet::train {

// Calls visit(section, key, value&, meaning) for every key, section by section. Config may be const.
template <class ConfigType, class Visit>
void visit_config(ConfigType& c, const Visit& visit) {
  visit("model", "network", c.model.network, "resnet18, resnet34 or resnet50");
  visit("model", "start", c.model.start,
        "weights to start from, any file that resnet reads; layers that it lacks are initialised. Empty: "
        "from scratch");

  visit("model", "adapt_batchnorm", c.model.adapt_batchnorm,
        "before the first step BatchNorm takes the statistics of a training batch, and its weights follow so "
        "that the "
        "network answers as before: for weights whose BatchNorm was folded away");

  visit("data", "train", c.data.train,
        "coco:ANN.json,DIR (multi-label), csv:LABELS.csv,DIR or folders:DIR (one class)");
  visit("data", "validation", c.data.validation, "the same for validation; empty: pictures of data.train");
  visit("data", "validation_list", c.data.validation_list,
        "file with the names of those pictures of data.train, one a line");
  visit("data", "validation_count", c.data.validation_count,
        "without a list: how many are chosen, by their names; 0: a tenth");
  visit("data", "exclude_list", c.data.exclude_list, "file with names of pictures to use for neither");
  visit("data", "crowd", c.data.crowd, "COCO's crowd boxes: positive, or ignore them");
  visit("data", "workers", c.data.workers, "threads that decode and augment; 0: one a processor");
  visit("data", "prefetch", c.data.prefetch, "batches prepared ahead");
  visit("data", "cache_gb", c.data.cache_gb, "decoded pictures kept in memory, in GB");

  visit("augment", "size", c.augment.size, "height and width that are trained on, in pixels");
  visit("augment", "crop_scale", c.augment.crop_scale, "area of a crop, as a share of the picture's");
  visit("augment", "crop_ratio", c.augment.crop_ratio, "width of a crop over its height");
  visit("augment", "relative_ratio", c.augment.relative_ratio,
        "that ratio over the picture's own: for a preprocessing that resizes whole pictures to a square");
  visit("augment", "box_aware", c.augment.box_aware,
        "labels of a crop are those of the boxes it shows (where there are boxes), not all of its picture");
  visit("augment", "min_visible", c.augment.min_visible,
        "a box is shown if this share of its area is in the crop");
  visit("augment", "min_cover", c.augment.min_cover,
        "or if what is in the crop fills this share of the crop");
  visit("augment", "min_ignored", c.augment.min_ignored,
        "a label of whose boxes less is shown, but at least this share of one, counts neither way");
  visit("augment", "redraws", c.augment.redraws, "how often a crop that shows no box is drawn anew");
  visit("augment", "flip", c.augment.flip, "probability of turning left to right");
  visit("augment", "brightness", c.augment.brightness, "colour jitter: factors from 1 - x to 1 + x");
  visit("augment", "contrast", c.augment.contrast, "the same");
  visit("augment", "saturation", c.augment.saturation, "the same");
  visit("augment", "randaugment_ops", c.augment.randaugment_ops,
        "operations of RandAugment a sample; 0: none");
  visit("augment", "randaugment_magnitude", c.augment.randaugment_magnitude, "their strength, 0 to 30");
  visit("augment", "cutout", c.augment.cutout, "probability of erasing a rectangle");
  visit("augment", "cutout_scale", c.augment.cutout_scale, "its area, as a share of the sample's");
  visit("augment", "cutout_ratio", c.augment.cutout_ratio, "its width over its height");
  visit("augment", "mixup", c.augment.mixup, "blend with another sample by Beta(x, x); 0: none");

  visit("preprocess", "resize", c.preprocess.resize,
        "of validation, and of the exported model: the short side, or [height, width]");
  visit("preprocess", "crop", c.preprocess.crop,
        "side of the centre crop; 0: none, which needs a square resize");
  visit("preprocess", "interpolation", c.preprocess.interpolation,
        "bilinear or bicubic (training crops too)");
  visit("preprocess", "mean", c.preprocess.mean, "of R, G, B in 0 to 1");
  visit("preprocess", "std", c.preprocess.std, "of R, G, B");

  visit("train", "epochs", c.train.epochs, "passes over the training pictures");
  visit("train", "batch", c.train.batch, "samples of a forward pass in one process");
  visit("train", "micro_batches", c.train.micro_batches, "forward passes whose gradients make one step");
  visit("train", "device", c.train.device, "auto (a GPU if there is one), cpu, cuda or cuda:N");
  visit("train", "precision", c.train.precision,
        "fp32, bf16 (autocast) or fp16 (autocast with loss scaling; CUDA)");
  visit("train", "channels_last", c.train.channels_last, "memory layout NHWC, which tensor cores want");
  visit("train", "seed", c.train.seed, "of initialisation, order and augmentation");
  visit("train", "threads", c.train.threads, "of LibTorch on the CPU; 0: its own choice");
  visit("train", "optimizer", c.train.optimizer, "sgd or adamw");
  visit("train", "lr", c.train.lr, "largest learning rate");
  visit("train", "backbone_lr_scale", c.train.backbone_lr_scale, "of all layers but fc: a factor on lr");
  visit("train", "weight_decay", c.train.weight_decay, "of weights; biases and BatchNorm have none");
  visit("train", "momentum", c.train.momentum, "sgd");
  visit("train", "nesterov", c.train.nesterov, "sgd");
  visit("train", "betas", c.train.betas, "adamw");
  visit("train", "schedule", c.train.schedule, "cosine (linear warm-up, then cosine), one_cycle or constant");
  visit("train", "warmup_epochs", c.train.warmup_epochs,
        "epochs in which lr rises; -1: 0.3 of all epochs for one_cycle, else none");
  visit("train", "final_lr_scale", c.train.final_lr_scale, "cosine: lr at the end, as a factor");
  visit("train", "clip_gradient", c.train.clip_gradient, "largest norm of the gradient; 0: any");
  visit("train", "freeze_batchnorm_epoch", c.train.freeze_batchnorm_epoch,
        "from this epoch on (counted from 1) BatchNorm's statistics stay; -1: never");
  visit("train", "sync_batchnorm", c.train.sync_batchnorm, "BatchNorm over the batches of all processes");

  visit("ema", "decay", c.ema.decay,
        "validate and export the moving average of the weights, with this decay a step; 0: the weights "
        "themselves");

  visit("loss", "kind", c.loss.kind,
        "bce, focal or asl (multi-label), cross_entropy (one class); auto: asl or cross_entropy");
  visit("loss", "focal_gamma", c.loss.focal_gamma, "focal: how little easy samples count");
  visit("loss", "focal_alpha", c.loss.focal_alpha, "focal: weight of positives (negatives: 1 - alpha)");
  visit("loss", "asl_gamma_positive", c.loss.asl_gamma_positive, "asl: focusing of positives");
  visit("loss", "asl_gamma_negative", c.loss.asl_gamma_negative, "asl: focusing of negatives");
  visit("loss", "asl_clip", c.loss.asl_clip, "asl: negatives below this probability count nothing");
  visit("loss", "label_smoothing", c.loss.label_smoothing, "targets move this share towards even odds");

  visit("distill", "teacher", c.distill.teacher, "model file whose answers are learned as well; empty: none");
  visit("distill", "weight", c.distill.weight, "share of the teacher in the loss, 0 to 1");
  visit("distill", "positions", c.distill.positions,
        "weight of what both answer at every position of the last feature map, on top; 0: not asked for");
  visit("distill", "temperature", c.distill.temperature, "logits of both are divided by it");

  visit("quant", "enabled", c.quant.enabled,
        "quantisation-aware training (LSQ); the export is an int8 model");
  visit("quant", "weight_bits", c.quant.weight_bits, "8, 4, 3 or 2");
  visit("quant", "activation_bits", c.quant.activation_bits, "8, 4, 3 or 2");
  visit("quant", "per_channel", c.quant.per_channel,
        "a weight step for every output channel, or one a layer");
  visit("quant", "exclude", c.quant.exclude, "parts left in fp32: conv1, layer1.0, fc, ...");

  visit("output", "directory", c.output.directory, "folder of checkpoints/ and logs/");
  visit("output", "name", c.output.name,
        "of the run's folders in these; empty: resnet50_fp32, resnet18_qat, ...");
  visit("output", "log_every", c.output.log_every, "steps from one record of loss and speed to the next");
  visit("output", "keep_checkpoints", c.output.keep_checkpoints, "how many of the last epochs'; 0: all");
  visit("output", "histograms_every", c.output.histograms_every,
        "epochs from one set of histograms to the next; 0: none");
  visit("output", "images", c.output.images, "validation pictures that TensorBoard shows with their tags");
  visit("output", "thresholds", c.output.thresholds,
        "multi-label, chosen on the validation pictures: per_class, one (for all classes) or none (0.5)");
}

}  // namespace resnet::train
