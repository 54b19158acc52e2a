"""This project, through its C API (include/resnet/resnet.h)."""
import ctypes
import os

import worker


class _Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("device", ctypes.c_char_p),
        ("backend", ctypes.c_char_p),
        ("precision", ctypes.c_char_p),
        ("isa", ctypes.c_char_p),
        ("plan", ctypes.c_char_p),
        ("threads", ctypes.c_int32),
        ("max_batch", ctypes.c_int32),
    ]


class Ours:
    name = "resnet.cpp"

    def load(self, model, batch, threads):
        # Functions return int unless told otherwise; arguments that are pointers are passed as c_void_p.
        self.api = ctypes.CDLL(model["library"])
        for function in ("resnet_version", "resnet_last_error", "resnet_session_backend", "resnet_session_isa"):
            getattr(self.api, function).restype = ctypes.c_char_p
        int8 = model["precision"] == "int8"
        handle = ctypes.c_void_p()
        self._check(self.api.resnet_model_load(os.fsencode(model["ours" if int8 else "weights"]), ctypes.byref(handle)))
        self.classes = self.api.resnet_model_classes(handle)
        # `latency` is for a few images at a time, `throughput` for batches of eight and more.
        plan = model.get("plan") or ("throughput" if batch >= 8 else "latency")
        options = _Options(
            struct_size=ctypes.sizeof(_Options),
            precision=model["precision"].encode(),
            isa=model["isa"].encode() if model.get("isa") else None,
            plan=plan.encode(),
            threads=threads,
            max_batch=batch,
        )
        self.session = ctypes.c_void_p()
        self._check(self.api.resnet_session_open(handle, ctypes.byref(options), ctypes.byref(self.session)))
        self.api.resnet_model_free(handle)
        backend = self.api.resnet_session_backend(self.session).decode()
        isa = self.api.resnet_session_isa(self.session).decode()
        if self.api.resnet_session_threads(self.session) != threads:
            raise RuntimeError("the session has another number of threads than asked for")
        self.logits = (ctypes.c_float * (batch * self.classes))()
        return {
            "version": self.api.resnet_version().decode(),
            # Sessions of int8 models have no use for the plan.
            "settings": f"backend {backend}, {isa}, " + ("int8" if int8 else f"plan {plan}"),
        }

    def run(self, x):
        n, _, h, w = x.shape
        self._check(
            self.api.resnet_run(
                self.session, ctypes.c_void_p(x.ctypes.data), n, h, w, self.logits, ctypes.c_size_t(len(self.logits))
            )
        )
        return self.logits

    def _check(self, status):
        if status != 0:
            raise RuntimeError(self.api.resnet_last_error().decode(errors="replace"))


if __name__ == "__main__":
    worker.main(Ours)
