"""A graph of ONNX operators under way: every operator adds a node and gives the name of what it puts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from train.runs.export.libraries import library

OPSET, IR_VERSION = 17, 8  # of 2022: what runtimes of today know
PRODUCER = "emi-fusion"
Array = npt.NDArray[Any]
Value = str  # the name of a tensor of the graph
Shape = Sequence[int | str]


class Graph:
    """Nodes, constants, inputs and outputs of a graph."""

    def __init__(self, prefix: str = "") -> None:
        self._onnx = library("onnx")
        self._prefix = prefix
        self._nodes: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Value] = {}
        self._initializers: list[Any] = []
        self._inputs: list[Any] = []
        self._done: dict[tuple[Any, ...], list[Value]] = {}
        self._names = 0

    def _name(self, kind: str) -> Value:
        self._names += 1
        return f"{self._prefix}{kind}_{self._names}"

    def input(self, name: str, dtype: Any, shape: Shape) -> Value:
        """Add an input and return its name; a dimension is a number or, where it varies, a name."""
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def constant(self, values: Tensor | Array | Sequence[float] | float, dtype: Any = np.float32) -> Value:
        """Return a constant; equal ones are held once."""
        given = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        array = np.ascontiguousarray(np.asarray(given, dtype=dtype))
        shape = np.shape(given)
        key = (array.dtype.name, shape, array.tobytes())
        if key not in self._constants:
            name = self._name("constant")
            self._initializers.append(self._onnx.numpy_helper.from_array(array.reshape(shape), name))
            self._constants[key] = name
        return self._constants[key]

    def several(self, kind: str, inputs: Sequence[Value], outputs: int, **attributes: Any) -> list[Value]:
        """Add an operator, unless the same one is there already, and return all it puts out."""
        key = (kind, *inputs, outputs, *((name, str(value)) for name, value in sorted(attributes.items())))
        if key in self._done:
            return self._done[key]
        names = [self._name(kind.lower()) for _ in range(outputs)]
        self._nodes.append(
            self._onnx.helper.make_node(kind, list(inputs), names, name=names[0], **attributes)
        )
        self._done[key] = names
        return names

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> Value:
        """Add an operator that puts out one tensor and return it."""
        return self.several(kind, inputs, 1, **attributes)[0]

    def cast(self, value: Value, dtype: Any) -> Value:
        """Return a tensor in another dtype."""
        return self.op("Cast", value, to=self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def total(self, value: Value, axis: int, *, keep: bool = False) -> Value:
        """Return the sum over an axis."""
        return self.op("ReduceSum", value, self.constant([axis], np.int64), keepdims=int(keep))

    def insert(self, value: Value, *axes: int) -> Value:
        """Return a tensor with axes of length 1 inserted."""
        return self.op("Unsqueeze", value, self.constant(list(axes), np.int64))

    def slice(self, value: Value, start: int, end: int, axis: int) -> Value:
        """Return a part along an axis."""
        bounds = [self.constant([each], np.int64) for each in (start, end, axis)]
        return self.op("Slice", value, *bounds)

    def reshape(self, value: Value, *shape: int) -> Value:
        """Return a tensor of another shape; 0 keeps an axis, -1 takes what is left."""
        return self.op("Reshape", value, self.constant(list(shape), np.int64))

    def size(self, value: Value, axis: int) -> Value:
        """Return the length of an axis, (1,) int64."""
        return self.slice(self.op("Shape", value), axis, axis + 1, 0)

    def times(self, count: Value) -> Value:
        """Return 0, 1, 2 … as (1, count) int64; ``count`` is (1,)."""
        none, one = self.constant(0, np.int64), self.constant(1, np.int64)
        return self.insert(self.op("Range", none, self.reshape(count), one), 0)

    def last(self, value: Value, lengths: Value, width: int) -> Value:
        """Return (clips, width) of a tensor (clips, frames, width) at each clip's last valid frame."""
        before = self.op("Sub", self.insert(lengths, 1, 2), self.constant(1, np.int64))
        index = self.op("Expand", before, self.constant([1, 1, width], np.int64))
        return self.reshape(self.op("GatherElements", value, index, axis=1), 0, width)

    def scan(self, step: Callable[..., tuple[Value, Value]], first: Value, given: Sequence[Value]) -> Value:
        """Return what a step puts out each time it is taken, along axis 0; all is float32.

        Args:
            step: writes the step: from a graph of its own, the state before it, and what it is given, to the state
                after it and what it puts out.
            first: the state before the first step.
            given: tensors whose first axis is the steps.
        """
        body = Graph(f"{self._name('step')}_")
        state, *each = (body._name("given") for _ in range(1 + len(given)))
        outputs = [body.op("Identity", value) for value in step(body, state, *each)]
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        infos = [
            [helper.make_tensor_value_info(name, kind, None) for name in names]
            for names in ((state, *each), outputs)
        ]
        made = helper.make_graph(body._nodes, body._prefix, *infos, body._initializers)
        return self.several("Scan", [first, *given], 2, body=made, num_scan_inputs=len(given))[1]

    def linear(self, value: Value, layer: Any) -> Value:
        """Return what a linear layer of torch makes of the last axis."""
        product = self.op("MatMul", value, self.constant(layer.weight.t()))
        return product if layer.bias is None else self.op("Add", product, self.constant(layer.bias))

    def model(self, output: Value, name: str, shape: Shape, metadata: Mapping[str, str]) -> bytes:
        """Return the file of the graph, checked, with one output ``name`` float32.

        Args:
            output: the tensor to put out.
            name: what to call it.
            shape: of it.
            metadata: what the file says of itself.
        """
        helper = self._onnx.helper
        self._nodes.append(helper.make_node("Identity", [output], [name], name=name))
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(np.float32))
        outputs = [helper.make_tensor_value_info(name, kind, list(shape))]
        graph = helper.make_graph(
            self._nodes, "emotional mimicry intensity", self._inputs, outputs, self._initializers
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name=PRODUCER)
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data
