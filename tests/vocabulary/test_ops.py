"""pydl.ops: NumPy's values, gradients as differences give them, and the same from layers, given symbolic tensors."""

import json

import numpy as np
import pytest

import pydl
from pydl import ops
from pydl._engine.tape import UNKNOWN, Op, Tape, Traced

RNG = np.random.default_rng(3)
A = RNG.normal(size=(3, 4))  # no two alike, none 0
B = RNG.normal(size=(3, 4)) + 3
POSITIVE = np.abs(A) + 0.3
INSIDE = np.clip(A, -0.9, 0.9)
SQUARE = RNG.normal(size=(4, 4))
ONE_ZERO = A * (A[0, 0] != A)
CUBE = RNG.normal(size=(2, 3, 4))

#: For each function that has a gradient: tensors and other arguments of calls.
CALLS = {
    "add": [(A, B), (A, B[0]), (A, 2.0), (CUBE, B)], "subtract": [(A, B), (1.0, A)], "multiply": [(A, B), (A[0], B)],
    "divide": [(A, B), (2.0, B)], "divide_no_nan": [(A, B)], "mod": [(A, np.full_like(A, 0.7))],
    "power": [(POSITIVE, B), (A, 2), (A, 3.0)], "maximum": [(A, B - 3), (A, 0.0)], "minimum": [(A, B - 3)],
    "arctan2": [(A, B)], "logaddexp": [(A, B)], "hypot": [(A, B)], "squared_difference": [(A, B)],
    "negative": [(A,)], "absolute": [(A,)], "square": [(A,)], "sqrt": [(POSITIVE,)], "rsqrt": [(POSITIVE,)],
    "reciprocal": [(B,)], "exp": [(A,)], "exp2": [(A,)], "expm1": [(A,)], "log": [(POSITIVE,)], "log2": [(POSITIVE,)],
    "log10": [(POSITIVE,)], "log1p": [(POSITIVE,)], "sin": [(A,)], "cos": [(A,)], "tan": [(INSIDE,)],
    "arcsin": [(INSIDE,)], "arccos": [(INSIDE,)], "arctan": [(A,)], "sinh": [(A,)], "cosh": [(A,)], "arcsinh": [(A,)],
    "arccosh": [(B,)], "arctanh": [(INSIDE,)], "clip": [(A, -0.5, 0.5)], "nan_to_num": [(A,)],
    "cast": [(A, "float64")], "copy": [(A,)], "_choose": [(A > 0, A, B)],
    "_affine": [(CUBE[..., None], [0.9, 0.2, 0.3, -0.1, 1.1, 0.2, 0.02, -0.01], "bilinear", fill, 0.5)
                for fill in ("constant", "nearest", "wrap", "reflect")],
    "cumprod": [(A,), (A, 1), (CUBE, 1), (ONE_ZERO, 0)], "median": [(A,), (A, 1), (CUBE, (0, 2), True)],
    "quantile": [(A, 0.3), (A, [0.1, 0.75], 1), (CUBE, 0.4, (0, 2), "linear", True)],
    "_each": [(A, B, '{"class_name": "MeanSquaredError", "config": {}}', True)],
    "sum": [(A,), (A, 1), (CUBE, (0, 2), True)], "mean": [(A,), (A, -1), (CUBE, (1, 2)), (A, 0, True)],
    "max": [(A,), (A, 1)], "min": [(A, -1, True)], "prod": [(A,), (A, 1), (ONE_ZERO, 1)],
    "var": [(A,), (A, 1)], "std": [(A,), (A, 1, True)], "logsumexp": [(A,), (A, -1), (A, 1, True)],
    "cumsum": [(A,), (A, 1), (CUBE, 0)], "sort": [(A,), (A, 0)], "norm": [
        (A,), (A, None, 1), (A, 1, -1, True), (A, 3, 1), (A, np.inf, 0), (A, 2), (A, 1, (0, 1)), (A, np.inf, (1, 0)),
        (CUBE, 2, (1, 2)), (CUBE, "nuc", (0, 2), True), (CUBE, 1, (0, 1)), (A, 1, (1,)),
    ],
    "reshape": [(A, (4, 3)), (A, (2, -1)), (A, (None, 2, 2))], "transpose": [(A,), (CUBE, (1, 2, 0))],
    "swapaxes": [(CUBE, 0, 2)], "moveaxis": [(CUBE, 0, -1), (CUBE, (0, 1), (2, 0))], "expand_dims": [(A, 1)],
    "_squeeze": [(A[:, None], 1), (A[None], 0)], "ravel": [(A,)], "broadcast_to": [(A[0], (3, 4))],
    "flip": [(A,), (A, 1)],
    "roll": [(A, 1), (A, (1, -1), (0, 1))], "repeat": [(A, 2), (A, 2, 1), (A, [1, 0, 2], 0)],
    "tile": [(A, 2), (A, (2, 3)), (A, (2, 1, 1))], "pad": [(A, 1), (A, ((0, 1), (2, 0)))] + [
        (A, ((2, 1), (0, 3)), mode) for mode in ("reflect", "symmetric", "edge", "wrap")
    ],
    "_rfft": [(A,), (A, 7), (A, 3)], "_irfft": [(CUBE[..., :2],), (CUBE[..., :2], 7), (CUBE[..., :2], 2)],
    "_dft": [(CUBE[..., :2],), (CUBE[..., :2], 2), (CUBE[..., :2], 2, True)],
    "_conv": [
        (CUBE, RNG.normal(size=(2, 4, 3)), (1,), "valid", (1,)), (CUBE, RNG.normal(size=(2, 4, 3)), (2,), "same", (1,)),
        (CUBE, RNG.normal(size=(3, 2, 4)), (1,), "causal", (2,)),
        (CUBE, RNG.normal(size=(1, 1, 8)), (1,), "same", (1,)),
    ],
    "_conv_transpose": [
        (CUBE, RNG.normal(size=(2, 3, 4)), (2,), "valid", (None,), (1,)),
        (CUBE, RNG.normal(size=(3, 2, 4)), (2,), "same", (1,), (1,)),
        (CUBE, RNG.normal(size=(3, 2, 4)), (1,), "valid", (None,), (2,)),
    ],
    "_overlap": [(A, 2), (CUBE, 4), (CUBE, 5)],
    "get_item": [(A, 1), (A, (slice(None), [0, 0, 2])), (A, (slice(None, None, 2), -1)), (CUBE, (Ellipsis, 1))],
    "take": [(A, [0, 2, 0], 1), (A, 5), (CUBE, [[0, 1]], -1)],
    "take_along_axis": [(A, [[0], [3], [3]], 1), (A, [5, 2, 5])],
    "concatenate": [([A, B],), ([A, B], 1)], "stack": [([A, B],), ([A, B], -1)],
    "stacked_matmul": [(A, SQUARE), (CUBE, SQUARE), (A[0], SQUARE), (A, SQUARE[0]), (A[0], B[0]),
                       (CUBE, CUBE.swapaxes(1, 2))],
    "tensordot": [(A, SQUARE, 1), (CUBE, A, ((1, 2), (0, 1))), (CUBE, CUBE, ((2, 0), (2, 0)))],
    "_einsum": [([A, SQUARE], "ij,jk->ik"), ([A, B], "ij,ij->i"), ([CUBE, A], "bij,ij->b"), ([A, B], "ij,kl->ik")],
    "triu": [(SQUARE,), (SQUARE, 1)], "tril": [(SQUARE, -1)], "diag": [(A[0],), (SQUARE, 1), (SQUARE, -1)],
    "trace": [(SQUARE,), (A, 1), (CUBE, 0, 1, 2), (CUBE, -1, 2, 0)],
    "ctc_loss": [(np.array([[1, 2], [2, 0]]), np.stack([SQUARE, SQUARE[::-1]]), [2, 1], [3, 2])],
    "cbrt": [(A,)], "fmod": [(B, np.full_like(A, 0.7)), (A, B - 2)], "sinc": [(A,)], "i0": [(A,)],
    "erfinv": [(INSIDE,)],
    "logaddexp2": [(A, B)], "ldexp": [(A, B)], "real": [(A,)],
    "diagonal": [(SQUARE,), (A, 1), (CUBE, -1, 2, 0), (CUBE, 0, 1, 2)],
    "inv": [(SQUARE,), (CUBE[:, :3, :3],)], "det": [(SQUARE,), (CUBE[:, :3, :3],)],
    "solve": [(SQUARE, A[0, :4]), (SQUARE, A.T), (CUBE[:, :3, :3], CUBE)],
    "scatter_update": [(A, [[0, 1], [2, 3], [0, 1]], A[0, :3]), (A, [[2], [0]], B[:2]),
                       (A, [[1, 1], [1, 1]], A[0, :2], "add")],
    "_for_each": [(A, A[:1]), (CUBE, CUBE[:1, :2])], "_of_batch": [(A, 2.0)],
    "_penalty": [(A, '{"class_name": "L1L2", "config": {"l1": 0.1, "l2": 0.2}}'),
                 (SQUARE, '{"class_name": "OrthogonalRegularizer", "config": {"factor": 0.3}}')],
    "_updated": [(A, SQUARE[:2, :3], [1, 0])],
    "segment_sum": [(A, [1, 0, 1]), (A[0], [2, 0, 2, 9], 3)],
    "activate": [(A, "tanh", 0.0), (A, "elu", 1.0), (A, "softmax", 0.0), (A, "softmax", 0.0, 0), (A, "linear", 0.0)],
}  # fmt: skip
CASES = [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]


def called(name, args, tensors):
    """The function, with these tensors in the place of its own."""
    op = Op.known[name]
    if op.tensors == 0:
        return op(list(tensors), *args[1:])
    return op(*tensors, *args[op.tensors :])


def tensors_of(name, args):
    op = Op.known[name]
    return list(args[0]) if op.tensors == 0 else list(args[: op.tensors])


def test_every_function_with_a_gradient_is_tried():
    assert {name for name, op in Op.known.items() if op.gradient not in (None, UNKNOWN)} == set(CALLS)


@pytest.mark.parametrize("name", [name for name, op in Op.known.items() if op.gradient is UNKNOWN])
def test_a_gradient_that_is_not_known_is_told(name):
    """Where it was taken for zero, a model learnt nothing, and nobody was told."""
    op = Op.known[name]
    given = [A @ A.T, A[:, 0]][: op.tensors]
    with pytest.raises(ValueError, match=rf"{name}: its gradient is not known; stop_gradient"):
        op.pull(np.ones(3), np.ones(3), given, {})


@pytest.mark.parametrize(("name", "i"), CASES)
def test_gradients(name, i):
    args = CALLS[name][i]
    given = [np.asarray(t) for t in tensors_of(name, args)]
    tape = Tape()
    traced = [tape.watch(t) for t in given]
    y = called(name, args, traced)
    np.testing.assert_array_equal(y.value, called(name, args, given))
    dy = np.random.default_rng(5).normal(size=y.shape)
    tape.take_back([y], [dy])
    for k, (tensor, start) in enumerate(zip(given, traced, strict=True)):
        if tensor.dtype.kind != "f" or isinstance(tensors_of(name, args)[k], int | float):  # conditions, indices
            continue
        step = 1e-6
        wanted = np.zeros_like(tensor)
        for at in np.ndindex(tensor.shape):
            sides = []
            for sign in (1, -1):
                moved = [t.copy() for t in given]
                moved[k][at] += sign * step
                sides.append(called(name, args, moved))
            wanted[at] = ((sides[0] - sides[1]) * dy).sum() / (2 * step)
        found = np.zeros_like(tensor) if start.gradient is None else start.gradient
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize(("name", "i"), CASES)
def test_on_symbolic_tensors(name, i):
    """A sample has the shape of the tensors, one axis behind the batch: what moves or joins batches is refused."""
    args = CALLS[name][i]
    given = [np.stack([t, t[..., ::-1]]).astype("float32") for t in map(np.asarray, tensors_of(name, args)) if t.ndim]
    inputs = [pydl.Input(t.shape[1:]) for t in given]
    try:
        wanted = called(name, args, given)
        short = called(name, args, [t[:1] for t in given])
    except (ValueError, IndexError, TypeError, UserWarning):
        return  # of another rank the call means nothing
    if np.shape(wanted) == () and len(given) == 1:  # as often as there are samples
        wanted = np.full(2, wanted)
    elif np.shape(wanted)[:1] != (2,) or np.shape(short)[:1] != (1,) or len(given) < len(tensors_of(name, args)):
        with pytest.raises((ValueError, IndexError, TypeError)):
            pydl.Model(inputs, called(name, args, inputs))(given)
        return
    try:
        y = called(name, args, inputs)
    except ValueError as error:
        if "batch as its first axis" in str(error) or "failed on zeros" in str(error):
            return
        raise
    assert y.shape == (None, *np.shape(wanted)[1:])
    model = pydl.Model(inputs, y)
    again = pydl.Model.from_config(json.loads(json.dumps(model.get_config())))
    x = given if len(given) > 1 else given[0]
    np.testing.assert_allclose(model(x), wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(again(x), model(x))


def test_operators():
    x, y = A, B
    tape = Tape()
    a, b = tape.watch(x), tape.watch(y)
    pairs = [
        (a + b, x + y), (1 - a, 1 - x), (a * y, x * y), (x / b, x / y), (b // 1, y // 1), (b % 2, y % 2), (b**2, y**2),
        (2**a, 2**x), (-a, -x), (abs(a), abs(x)), (a @ b.T, x @ y.T), (a[0], x[0]), (np.exp(a), np.exp(x)),
        (np.mean(a, axis=1), x.mean(1)), (a < b, x < y), (a >= 0, x >= 0), (a == a, x == x), (a != b, x != y),
    ]  # fmt: skip
    for found, wanted in pairs:
        np.testing.assert_allclose(found.value if isinstance(found, Traced) else found, wanted, rtol=1e-12)


def test_numpy_is_not_given_what_it_cannot_differentiate():
    x = Tape().watch(A)
    with pytest.raises(TypeError, match=r"functions of pydl\.ops"):
        np.asarray(x)
    with pytest.raises(TypeError, match=r"pydl\.ops has no apply_along_axis"):
        np.apply_along_axis(np.sum, 0, x)
    with pytest.raises(TypeError, match=r"complex numbers cannot be differentiated: pydl\.ops\.rfft"):
        np.fft.rfft(x)


def test_constants_send_nothing_back():
    tape = Tape()
    x = tape.watch(A)
    y = ops.stop_gradient(x) * x + ops.floor(x)
    tape.take_back([y], [np.ones_like(A)])
    np.testing.assert_array_equal(x.gradient, A)


def test_divided_by_zero_and_nothing_is_sent_back():
    tape = Tape()
    x, z = tape.watch(np.array([1.0, 2.0])), tape.watch(np.array([0.0, 4.0]))
    y = ops.divide_no_nan(x, z)
    np.testing.assert_array_equal(y.value, [0, 0.5])
    tape.take_back([y], [np.ones(2)])
    np.testing.assert_array_equal(x.gradient, [0, 0.25])
    np.testing.assert_array_equal(z.gradient, [0, -0.125])


def test_a_value_used_twice_and_one_not_used():
    tape = Tape()
    x, unused = tape.watch(A), tape.watch(B)
    tape.take_back([x * x + x], [np.ones_like(A)])
    np.testing.assert_allclose(x.gradient, 2 * A + 1)
    assert unused.gradient is None


@pytest.mark.parametrize(
    ("value", "dtype"),
    [([1.0, 2], "float32"), ([1, 2], "int32"), (np.float64(1), "float64"), (np.int64([1]), "int64"), (True, "bool")],
)
def test_dtypes_of_what_is_converted(value, dtype):
    assert ops.convert_to_tensor(value).dtype == dtype


def test_float32_stays_and_whole_numbers_become_floatx():
    x = np.arange(6, dtype="float32")
    assert ops.sqrt(x).dtype == ops.mean(x * 2.0).dtype == ops.std(x).dtype == "float32"
    assert ops.mean(np.arange(3)).dtype == ops.sqrt([1, 2]).dtype == ops.divide([1], [2]).dtype == "float32"
    assert ops.argmax(x).dtype == ops.arange(3).dtype == "int32"
    assert ops.ones(3).dtype == ops.eye(2).dtype == ops.arange(0, 1, 0.5).dtype == "float32"


def test_values():
    np.testing.assert_array_equal(ops.one_hot([0, 2, 5], 3), [[1, 0, 0], [0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(ops.multi_hot([[0, 2], [1, 1]], 3), [[1, 0, 1], [0, 1, 0]])
    values, indices = ops.top_k([[1.0, 4.0, 2.0]], 2)
    np.testing.assert_array_equal(values, [[4, 2]])
    np.testing.assert_array_equal(indices, [[1, 2]])
    np.testing.assert_array_equal(ops.in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], 1), [True, False])
    np.testing.assert_array_equal(ops.unique([3, 1, 3]), [1, 3])
    found = ops.unique([3, 1, 3], size=4, fill_value=-1, return_index=True, return_inverse=True, return_counts=True)
    for part, wanted in zip(found, ([1, 3, -1, -1], [1, 0, 0, 0], [1, 0, 1], [1, 2, 0, 0]), strict=True):
        np.testing.assert_array_equal(part, wanted)
    np.testing.assert_array_equal(ops.unique([[1, 2], [1, 2], [0, 1]], axis=0, size=1), [[0, 1]])
    for axis, weights in ((1, [1.0, 2.0, 0.0, 3.0]), (0, B), (None, B), (-2, [1, 0, 2])):
        np.testing.assert_allclose(ops.average(A, axis, weights), np.average(A, axis, weights))
    inputs = pydl.Input((4,), dtype="float64")
    model = pydl.Model(inputs, ops.average(inputs, 1, [1.0, 2.0, 0.0, 3.0]))
    np.testing.assert_allclose(model(A), np.average(A, 1, [1.0, 2.0, 0.0, 3.0]))
    numbers, step = ops.linspace(0, 1, 5, retstep=True)
    np.testing.assert_array_equal(numbers, [0, 0.25, 0.5, 0.75, 1])
    assert step == 0.25
    parts = ops.split(np.arange(6), 3)
    np.testing.assert_array_equal(np.stack(parts), [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(ops.where([True, False], 1.0, 2.0), [1, 2])
    np.testing.assert_array_equal(ops.where([False, True])[0], [1])
    np.testing.assert_allclose(ops.normalize([[3.0, 4.0]]), [[0.6, 0.8]])
    np.testing.assert_allclose(ops.einsum("ij,jk->ik", A, SQUARE), A @ SQUARE)
    np.testing.assert_allclose(ops.dot(A, SQUARE), A @ SQUARE)
    np.testing.assert_array_equal(ops.outer([1, 2], [3, 4]), [[3, 4], [6, 8]])
    assert ops.fori_loop(0, 4, lambda i, v: v + i, 0) == 6
    assert ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0) == 6
    carry, ys = ops.scan(lambda c, x: (c + x, c), 0.0, np.array([1.0, 2.0]))
    assert carry == 3
    np.testing.assert_array_equal(ys, [0, 1])
    carry, ys = ops.scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 4.0]), reverse=True)
    np.testing.assert_array_equal(ys, [7, 6, 4])
    np.testing.assert_array_equal(ops.vectorized_map(function=lambda x: 2 * x, elements=np.arange(3)), [0, 2, 4])


@pytest.mark.parametrize("logits", [False, True])
def test_cross_entropies(logits):
    z, t = A, np.eye(4)[[0, 3, 1]]
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    wanted = -(t * np.log(p)).sum(-1)
    given = z if logits else p
    np.testing.assert_allclose(ops.categorical_crossentropy(t, given, logits), wanted, rtol=1e-6)
    np.testing.assert_allclose(ops.sparse_categorical_crossentropy([0, 3, 1], given, logits), wanted, rtol=1e-6)
    s = 1 / (1 + np.exp(-z))
    wanted = -t * np.log(s) - (1 - t) * np.log(1 - s)
    np.testing.assert_allclose(ops.binary_crossentropy(t, z if logits else s, logits), wanted, rtol=1e-5)
    np.testing.assert_allclose(ops.binary_crossentropy([1.0, 0.0], [-30.0, 200.0], True), [30, 200])


def test_squeezed_without_axes_a_batch_of_one_stays():
    y = ops.squeeze(pydl.Input((1, 3, 1)))
    assert y.shape == (None, 3)
    assert ops.squeeze(np.ones((1, 3, 1))).shape == (3,)


def test_samples_must_not_meet():
    with pytest.raises(ValueError, match="batch as its first axis"):
        ops.matmul(pydl.Input((4,)), pydl.Input((4, 4)))


def test_errors():
    with pytest.raises(TypeError, match=r"pydl\.ops\.add: expected x1, x2"):
        ops.add(1)
    with pytest.raises(ValueError, match="batch as its first axis"):
        ops.mean(pydl.Input((3,)), axis=0)
    with pytest.raises(TypeError, match="not iterable"):
        tuple(pydl.Input((3,)))
    with pytest.raises(ValueError, match="unknown operation 'sinn'; did you mean 'sin'"):
        pydl.layers.deserialize({"class_name": "Operation", "config": {"op": "sinn", "operands": []}})


@pytest.mark.parametrize(("size", "strides", "padding", "holes"), [
    (2, None, "valid", 1), ((3, 2), 1, "valid", 1), (3, 2, "same", 1), (2, (1, 2), "same", 2),
])  # fmt: skip
def test_patches_are_the_windows_of_pictures(size, strides, padding, holes):
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3))
    h, w = (size, size) if isinstance(size, int) else size
    sh, sw = (h, w) if strides is None else (strides, strides) if isinstance(strides, int) else strides
    spans = (h - 1) * holes + 1, (w - 1) * holes + 1
    padded, rows, columns = x, (6 - spans[0]) // sh + 1, (5 - spans[1]) // sw + 1
    if padding == "same":
        rows, columns = -(-6 // sh), -(-5 // sw)
        more = [max((n - 1) * s + span - given, 0)
                for n, s, span, given in zip((rows, columns), (sh, sw), spans, (6, 5), strict=True)]  # fmt: skip
        padded = np.pad(x, [(0, 0), *((m // 2, m - m // 2) for m in more), (0, 0)])
    expected = np.stack([
        np.stack([padded[:, i * sh : i * sh + spans[0] : holes, j * sw : j * sw + spans[1] : holes].reshape(2, -1)
                  for j in range(columns)], 1)
        for i in range(rows)
    ], 1)  # fmt: skip
    arguments = {"strides": strides, "padding": padding, "dilation_rate": holes}
    np.testing.assert_array_equal(ops.image.extract_patches(x, size, **arguments), expected)
    np.testing.assert_array_equal(ops.image.extract_patches(x[0], size, **arguments), expected[0])
    pictures = pydl.Input((6, 5, 3), dtype="float64")
    model = pydl.Model(pictures, ops.image.extract_patches(pictures, size, **arguments))
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


def test_windows_larger_than_pictures_are_refused():
    with pytest.raises(ValueError, match="larger than the pictures"):
        ops.image.extract_patches(np.zeros((1, 2, 2, 1)), 3)


def test_names_of_numpy_by_their_own_module() -> None:
    assert pydl.ops.numpy.maximum is pydl.ops.maximum


def test_parts_and_squares_of_pixels():
    np.testing.assert_array_equal(ops.slice(CUBE, (0, 1, 1), (2, -1, 2)), CUBE[:, 1:, 1:3])
    x = np.arange(2 * 4 * 6 * 3.0, dtype=np.float32).reshape(2, 4, 6, 3)
    deep = ops.space_to_depth(x, 2)
    assert deep.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(deep[1, 1, 2], x[1, 2:4, 4:6].ravel())
    np.testing.assert_array_equal(ops.depth_to_space(deep, 2), x)
    given = pydl.Input((4, 6, 3))
    model = pydl.Model(given, [ops.depth_to_space(ops.space_to_depth(given, 2), 2), given[:, 1:]])
    np.testing.assert_array_equal(model(x)[0], x)
    with pytest.raises(ValueError, match="multiple of 4 channels"):
        ops.depth_to_space(x, 2)
    with pytest.raises(ValueError, match="multiples of 5"):
        ops.space_to_depth(x, 5)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_a_cast_to_what_is_no_float_has_no_gradient(dtype: str) -> None:
    x = pydl.Input((2,))
    y = pydl.layers.Dense(1, use_bias=False, kernel_initializer="ones")(x)
    model = pydl.Model(x, ops.cast(ops.cast(y, dtype), "float32") + 0 * y)
    model.compile(pydl.optimizers.SGD(0.1), "mse")
    model.fit(np.array([[1.0, 2.0]], np.float32), np.array([0.0]), verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], [[1], [1]])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
def test_functions_of_bytes_are_as_exact_as_others(dtype: str) -> None:
    x = np.array([0, 1, 1], dtype) if dtype == "bool" else np.array([0, 17, 100], dtype)
    for name in ("exp", "sqrt", "log1p", "sin", "logsumexp", "sigmoid"):
        found = getattr(ops, name)(x)
        assert found.dtype == np.float32
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(found, getattr(ops, name)(x.astype(np.float32)), rtol=1e-6)
    np.testing.assert_array_equal(ops.square(np.ones(3, bool)) + 127, [128] * 3)
    assert ops.add(np.ones(2, "float16"), x[:2]).dtype == np.float16


def test_truth_values_and_bits_of_tensors() -> None:
    x = pydl.Input((4,))
    inside, outside = (x > 1) & (x < 4), ~(x > 1) | (x > 3)
    model = pydl.Model(x, [ops.where(inside, x, 0.0), ops.where(outside, x, 0.0), ops.where(inside ^ outside, x, 0.0)])
    given = np.array([[1, 2, 3, 5]], np.float32)
    found = model.predict(given, verbose=0)
    np.testing.assert_array_equal(np.concatenate(found), [[0, 2, 3, 0], [1, 0, 0, 5], [1, 2, 3, 5]])
    codes = pydl.Input((2,), dtype="int32")
    both = pydl.Model(codes, ops.where(codes & 3, 1.0, 0.0)).predict(np.array([[0, 4]]), verbose=0)
    np.testing.assert_array_equal(both, [[0, 1]])


def test_normalize_over_several_axes() -> None:
    x = np.array([[3.0, 4.0], [0.0, 5.0]], np.float32)
    np.testing.assert_allclose(ops.normalize(x, axis=(0, 1)), x / np.sqrt(50), rtol=1e-6)
    np.testing.assert_allclose(ops.normalize(np.array([[200, 200]], "uint8"), axis=(0, 1)), [[0.5**0.5] * 2], rtol=1e-6)


def test_parts_of_the_functions_by_name() -> None:
    import pydl.ops.nn as parts
    from pydl.ops.numpy import add

    assert parts.relu is ops.relu
    assert ops.nn.relu is ops.relu
    assert add is ops.add
