"""OpenVINO's CPU plugin."""
import worker


class OpenVino:
    name = "OpenVINO"

    def load(self, model, batch, threads):
        import openvino

        core = openvino.Core()
        self.compiled = core.compile_model(
            core.read_model(model["onnx"][str(batch)]),
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "NUM_STREAMS": 1,
                "INFERENCE_NUM_THREADS": threads,
                # On processors with AMX the plugin would compute in bf16.
                "INFERENCE_PRECISION_HINT": "f32",
            },
        )
        precision = self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if precision != "f32":
            raise RuntimeError(f"OpenVINO computes in {precision}, not in f32")
        streams = self.compiled.get_property("NUM_STREAMS")
        used = self.compiled.get_property("INFERENCE_NUM_THREADS")
        if used != threads:
            raise RuntimeError(f"OpenVINO took {used} threads, not {threads}")
        self.request = self.compiled.create_infer_request()
        self.tensor = None
        self.openvino = openvino
        return {
            "version": openvino.__version__.split("-")[0],
            "settings": f"LATENCY hint, {streams} stream, INFERENCE_PRECISION_HINT={precision} "
            "(asserted), static batch",
        }

    def run(self, x):
        if self.tensor is None:  # shares the array's memory
            self.tensor = self.openvino.Tensor(x, shared_memory=True)
            self.request.set_input_tensor(self.tensor)
        self.request.infer()
        return self.request.get_output_tensor().data


if __name__ == "__main__":
    worker.main(OpenVino)
