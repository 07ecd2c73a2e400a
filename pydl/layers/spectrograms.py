"""Layers that make spectrograms of signals, in NumPy."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from pydl import config, initializers, ops
from pydl._base.args import one_of, optional_real, optional_whole, real, whole
from pydl._base.errors import WrongTypeError
from pydl._base.tapers import taper
from pydl._engine.graph import Shape
from pydl._engine.tape import value_of
from pydl._engine.variable import Variable
from pydl._engine.windows import windows
from pydl.layers.base import Layer
from pydl.layers.spatial import channels_last

Array = np.ndarray

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


def _plain(window: Any) -> Any:
    return window.tolist() if isinstance(window, np.ndarray) else window


def _signal(layer: Layer, x: Any) -> Any:
    """The input, which has to be of floats."""
    if np.asarray(value_of(x)).dtype.kind != "f":
        raise WrongTypeError(
            f'{type(layer).__name__} "{layer.name}": Invalid input type. Expected float32 or float64, got '
            f"{np.asarray(value_of(x)).dtype}: x.astype('float32')"
        )
    return x


class MelSpectrogram(Layer):
    """Signals to spectrograms on the mel scale: `(batch, time)` to `(batch, num_mel_bins, frames)`; one signal as well.

    The magnitude of `pydl.ops.stft`, to the power of `mag_exp`, is summed in bands that are equally wide in
    `1127 ln(1 + f / 700)`, triangles that overlap by half. In decibels, if `power_to_db`: `10 log10(max(y, min_power) /
    ref_power)`, and no less than the largest value *of the batch* less `top_db`, as Keras has it. There are
    `time // sequence_stride + 1` frames for an even `fft_length`. Cost: `fft_length log fft_length` a frame, in NumPy.

    Parameters
    ----------
    fft_length : int
        Samples of a frame.
    sequence_stride : int
        How far frames are apart.
    sequence_length : int, optional
        Of the window, at most `fft_length`, which it is by default.
    window : str, array or None
        See `pydl.ops.stft`.
    sampling_rate : int
        Samples in a second.
    num_mel_bins : int
    min_freq : float
        Where the lowest band begins, in Hz.
    max_freq : float, optional
        Where the highest band ends; default half the sampling rate.
    power_to_db : bool
    top_db, mag_exp, min_power, ref_power : float
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes below 1, a window longer than a frame, bands that end below their beginning.

    References
    ----------
    The Hidden Markov Model Toolkit's mel scale.
    """

    def __init__(
        self, fft_length: int = 2048, sequence_stride: int = 512, sequence_length: int | None = None,
        window: Any = "hann", sampling_rate: int = 16000, num_mel_bins: int = 128, min_freq: float = 20.0,
        max_freq: float | None = None, power_to_db: bool = True, top_db: float = 80.0, mag_exp: float = 2.0,
        min_power: float = 1e-10, ref_power: float = 1.0, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        owner = "MelSpectrogram"
        self.fft_length = whole(owner, "fft_length", fft_length, at_least=2)
        self.sequence_stride = whole(owner, "sequence_stride", sequence_stride, at_least=1)
        length = optional_whole(owner, "sequence_length", sequence_length, at_least=1)
        self.sequence_length = self.fft_length if length is None else length
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"{owner}: `fft_length` must be greater than or equal to `sequence_length`, got {fft_length} and "
                f"{sequence_length}"
            )
        taper(owner, window, self.sequence_length)  # refuses what is none
        self.window = _plain(window)
        self.sampling_rate = whole(owner, "sampling_rate", sampling_rate, at_least=1)
        self.num_mel_bins = whole(owner, "num_mel_bins", num_mel_bins, at_least=1)
        self.min_freq = real(owner, "min_freq", min_freq, at_least=0)
        most = optional_real(owner, "max_freq", max_freq, above=self.min_freq)
        self.max_freq = int(self.sampling_rate / 2) if most is None else most
        self.power_to_db = bool(power_to_db)
        self.top_db = real(owner, "top_db", top_db, at_least=0)
        self.mag_exp = real(owner, "mag_exp", mag_exp, above=0)
        self.min_power = real(owner, "min_power", min_power, above=0)
        self.ref_power = real(owner, "ref_power", ref_power)

    def _frames(self, time: int | None) -> int | None:
        return None if time is None else (time + self.fft_length // 2 * 2 - self.fft_length) // self.sequence_stride + 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) not in (1, 2):
            raise ValueError(
                f'MelSpectrogram "{self.name}": expected signals (batch, time) or one (time,), got {tuple(input_shape)}'
            )
        return (*input_shape[:-1], self.num_mel_bins, self._frames(input_shape[-1]))

    def _applied(self, inputs: Any, training: Any, tape: Any = None) -> Any:
        if np.ndim(value_of(inputs)) != 1:
            return super()._applied(inputs, training, tape)
        return super()._applied(inputs[None], training, tape)[0]

    def call(self, x: Any) -> Any:
        spectra = ops.stft(
            _signal(self, x), self.sequence_length, self.sequence_stride, self.fft_length, self.window, center=True
        )
        power = ops.add(*(ops.square(part) for part in spectra))
        y = ops.matmul(power if self.mag_exp == 2 else ops.power(power, self.mag_exp / 2), self._bands)
        if self.power_to_db:
            y = 10 * ops.log10(ops.maximum(y, self.min_power))
            y = y - 10 * float(np.log10(max(abs(self.ref_power), self.min_power)))
            y = ops.maximum(y, ops.stop_gradient(ops.max(y)) - self.top_db)
        return ops.swapaxes(y, -1, -2)

    @cached_property
    def _bands(self) -> Array:
        return self.linear_to_mel_weight_matrix(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, self.min_freq, self.max_freq, self.dtype
        )

    def linear_to_mel_weight_matrix(
        self, num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sampling_rate: int = 8000,
        lower_edge_hertz: float = 125.0, upper_edge_hertz: float = 3800.0, dtype: str = "float32",
    ) -> Array:  # fmt: skip
        """What each frequency counts in each band: `(num_spectrogram_bins, num_mel_bins)`; the frequency 0 in none."""
        at = _mel(np.linspace(0, sampling_rate / 2, num_spectrogram_bins)[1:, None])
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (at - low) / (middle - low), (high - at) / (high - middle)
        return np.pad(np.maximum(0, np.minimum(rising, falling)), ((1, 0), (0, 0))).astype(dtype)


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log(1 + np.asarray(hertz, np.float64) / 700.0)


class STFTSpectrogram(Layer):
    """Signals to spectra of their frames: `(batch, time, channels)` to `(batch, frames, channels * frequencies)`.

    Frames are multiplied by two kernels `(frame_length, 1, fft_length // 2 + 1)`, the cosines and the sines of the
    Fourier transform times the window, which are weights: training changes them unless `trainable=False`. Cost:
    `4 frame_length fft_length` flops a frame, in NumPy.

    Parameters
    ----------
    mode : {"log", "magnitude", "psd", "real", "imag", "angle", "stft"}
        What becomes of real part and imaginary part: the logarithm of the magnitude; the magnitude; its square, twice
        it for frequencies that stand for two; one of the parts; the angle; both parts, one behind the other.
    frame_length : int
    frame_step : int, optional
        How far frames are apart, at most `frame_length`; default half of that.
    fft_length : int, optional
        At least `frame_length`; default the next power of two.
    window : str, array or None
        "hann", "hamming", ...; the weights themselves; None for ones.
    periodic : bool
        Whether the window is one period of a function rather than symmetric.
    scaling : {"density", "spectrum", None}
        Whether the window is divided by the root of the sum of its squares, by the sum of its weights, or not.
    padding : {"valid", "same"}
        As of a convolution.
    expand_dims : bool
        Whether channels stay an axis: `(batch, frames, frequencies, channels)`, an image.
    data_format : {"channels_last"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes that do not fit, names that are not known.
    TypeError
        Signals of whole numbers.
    """

    def __init__(
        self, mode: str = "log", frame_length: int = 256, frame_step: int | None = None, fft_length: int | None = None,
        window: Any = "hann", periodic: bool = False, scaling: str | None = "density", padding: str = "valid",
        expand_dims: bool = False, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        owner = "STFTSpectrogram"
        self.mode = one_of(owner, "mode", mode, MODES)
        self.frame_length = whole(owner, "frame_length", frame_length, at_least=1)
        self.frame_step = optional_whole(owner, "frame_step", frame_step, at_least=1, below=self.frame_length + 1)
        self.fft_length = optional_whole(owner, "fft_length", fft_length, at_least=self.frame_length)
        self._step = self.frame_step or max(self.frame_length // 2, 1)
        self._frequencies = (self.fft_length or 1 << (self.frame_length - 1).bit_length()) // 2 + 1
        taper(owner, window, self.frame_length)  # refuses what is none
        self.window, self.periodic = _plain(window), bool(periodic)
        self.scaling = one_of(owner, "scaling", scaling, ("density", "spectrum", None))
        self.padding = one_of(owner, "padding", padding, ("valid", "same"))
        self.expand_dims = bool(expand_dims)
        self.data_format = channels_last(owner, data_format, 1)
        self.real_kernel: Variable | None = None
        self.imag_kernel: Variable | None = None

    def build(self, input_shape: Any) -> None:
        shape = (self.frame_length, 1, self._frequencies)
        made = [
            self.add_weight(
                shape, initializers.STFT(side, self.window, self.scaling, self.periodic), name=f"{side}_kernel"
            )
            for side in ("real", "imag")
            if self.mode not in {"real", "imag"} - {side}
        ]
        self.real_kernel = made[0] if self.mode != "imag" else None
        self.imag_kernel = made[-1] if self.mode != "real" else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise ValueError(
                f'STFTSpectrogram "{self.name}": expected input (batch, time, channels) of a known number of channels, '
                f"got {tuple(input_shape)}"
            )
        batch, time, channels = *input_shape[:2], input_shape[2] or 0
        found = None if time is None else self._along(time).out
        if found is not None and found < 1:
            raise ValueError(
                f'STFTSpectrogram "{self.name}": expected a signal of {self.frame_length} samples at least, got '
                f"{tuple(input_shape)}"
            )
        frequencies = self._frequencies * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, found, frequencies, channels)
        return (batch, found, channels * frequencies)

    def _along(self, time: int) -> Any:
        return windows(time, self.frame_length, self._step, 1, self.padding)

    def call(self, x: Any) -> Any:
        self.compute_output_shape(np.shape(value_of(x)))  # refuses what does not fit
        x = ops.swapaxes(_signal(self, x), 1, 2)
        along = self._along(x.shape[-1])
        if along.before or along.after:
            x = ops.pad(x, [(0, 0), (0, 0), (along.before, max(along.after, 0))])
        frames = ops.extract_sequences(x, self.frame_length, self._step)
        size = (self.frame_length, self._frequencies)
        y = self._of_parts(*(
            None if kernel is None else ops.matmul(frames, ops.reshape(kernel, size))
            for kernel in (self.real_kernel, self.imag_kernel)
        ))  # fmt: skip
        if self.expand_dims:
            return ops.transpose(y, (0, 2, 3, 1))
        y = ops.swapaxes(y, 1, 2)
        return ops.reshape(y, (*y.shape[:2], y.shape[2] * y.shape[3]))

    def _of_parts(self, re: Any, im: Any) -> Any:
        """What the mode makes of real and imaginary parts, `(batch, channels, frames, frequencies)`."""
        if self.mode in ("real", "imag"):
            return re if im is None else im
        if self.mode == "angle":
            return ops.arctan2(im, re)
        if self.mode == "stft":
            return ops.concatenate([re, im], axis=-1)
        power = ops.add(ops.square(re), ops.square(im))
        if self.mode == "psd":
            counts = np.full(self._frequencies, 2, self.dtype)
            counts[[0, -1]] = 1
            return ops.multiply(power, counts)
        magnitude = ops.sqrt(ops.maximum(power, config.epsilon()))
        return magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, config.epsilon()))
