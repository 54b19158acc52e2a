"""OpenVINO's CPU plugin."""
import worker


class OpenVino:
    name = "OpenVINO"

    def load(self, model, batch, threads):
        import openvino

        core = openvino.Core()
        options = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
        int8 = model["precision"] == "int8"
        if int8:
            network = core.read_model(model["openvino"])
            network.reshape([batch, 3, 224, 224])
        else:
            network = core.read_model(model["onnx"][str(batch)])
            # Left to itself the plugin computes in bf16 where the processor has AMX.
            wanted = {"fp32": "f32", "bf16": "bf16"}[model["precision"]]
            options["INFERENCE_PRECISION_HINT"] = wanted
        self.compiled = core.compile_model(network, "CPU", options)
        precision = self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if int8:
            kernels = self._convolutions()
            if model["vnni_only"] and "amx" in kernels:
                raise RuntimeError(f"OpenVINO uses AMX: {kernels}")
            remark = f"what is not int8; convolutions by {kernels}"
        elif precision == wanted:
            remark = "asserted" if wanted == "f32" else f"asserted; convolutions by {self._convolutions()}"
        else:
            raise RuntimeError(f"OpenVINO computes in {precision}, not in {wanted}")
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
            f"({remark}), static batch",
        }

    def _convolutions(self):
        """The kernels chosen, by which the instruction set can be told."""
        kinds = set()
        for node in self.compiled.get_runtime_model().get_ordered_ops():
            facts = node.get_rt_info()
            if facts["layerType"].value == "Convolution":
                kinds.add(facts["primitiveType"].value)
        return " and ".join(sorted(kinds))

    def run(self, x):
        if self.tensor is None:  # shares the array's memory
            self.tensor = self.openvino.Tensor(x, shared_memory=True)
            self.request.set_input_tensor(self.tensor)
        self.request.infer()
        return self.request.get_output_tensor().data


if __name__ == "__main__":
    worker.main(OpenVino)
