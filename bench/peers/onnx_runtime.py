"""ONNX Runtime: a session over a graph of Gemm and Relu nodes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench.nets import Array, Net


def graph(net: Net) -> bytes:
    """The net as an ONNX model."""
    nodes, constants, value = [], [], "x"
    for k, pair in enumerate(net.weights()):
        constants += [numpy_helper.from_array(array, f"{name}{k}") for array, name in zip(pair, "wb", strict=True)]
        nodes.append(helper.make_node("Gemm", [value, f"w{k}", f"b{k}"], [f"z{k}"]))
        value = f"z{k}"
        if k < len(net.layers) - 1:
            nodes.append(helper.make_node("Relu", [value], [f"y{k}"]))
            value = f"y{k}"
    if net.classes:
        nodes.append(helper.make_node("Softmax", [value], ["p"], axis=1))
        value = "p"
    ends = [(("x", net.sizes[0]),), ((value, net.sizes[-1]),)]
    x, y = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, size]) for n, size in end] for end in ends)
    opset = [helper.make_opsetid("", 17)]
    made: Any = helper.make_model(helper.make_graph(nodes, "net", x, y, constants), opset_imports=opset, ir_version=8)
    return bytes(made.SerializeToString())


def predictor(net: Net) -> Callable[[Array], Array]:
    """`session.run`, on as many threads as all have."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph(net), options, providers=["CPUExecutionProvider"])
    outputs = [session.get_outputs()[0].name]

    def predict(x: Array) -> Array:
        y: Array = session.run(outputs, {"x": x})[0]
        return y

    return predict
