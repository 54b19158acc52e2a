"""ONNX Runtime on the CPU."""
import worker


class OnnxRuntime:
    name = "ONNX Runtime"

    def load(self, model, batch, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        int8 = model["precision"] == "int8"
        if int8:
            options.add_free_dimension_override_by_name("batch", batch)
        self.session = onnxruntime.InferenceSession(
            model["onnxruntime"] if int8 else model["onnx"][str(batch)], options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name
        return {
            "version": onnxruntime.__version__,
            "settings": "intra-op threads spinning (the default), sequential, all graph optimisations, "
            "static batch",
        }

    def run(self, x):
        return self.session.run(None, {self.input: x})[0]


if __name__ == "__main__":
    worker.main(OnnxRuntime)
