"""Spectrograms and functions of signals: SciPy's values, gradients as differences give them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal

import pydl
from pydl import layers as L
from pydl import ops
from tests.differences import check_gradients

X = np.random.default_rng(0).normal(size=(3, 400, 2))


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", None])
def test_stft_is_scipys_and_istft_takes_it_back(window: Any, center: bool) -> None:
    x = X[..., 0]
    re, im = ops.stft(x, 32, 8, 32, window, center)
    given = np.pad(x, ((0, 0), (16, 16)), mode="reflect") if center else x
    weights = scipy.signal.get_window(window or "boxcar", 32)
    wanted = scipy.signal.stft(given, window=weights, nperseg=32, noverlap=24, boundary=None, padded=False)[-1]
    np.testing.assert_allclose(re + 1j * im, wanted.swapaxes(1, 2) * weights.sum(), atol=1e-12)
    inside = slice(None) if center else slice(32, -32)  # where frames overlap
    back = ops.istft((re, im), 32, 8, 32, window=window, center=center)
    np.testing.assert_allclose(back[:, inside], x[:, inside], atol=1e-12)
    np.testing.assert_array_equal(ops.istft((re, im), 32, 8, 32, 100, window, center), back[:, :100])


def test_transforms_are_numpys() -> None:
    x, y = X[:2, :12, 0], X[:2, :12, 1]
    z = x + 1j * y
    for found, wanted in (
        (ops.rfft(x), np.fft.rfft(x)), (ops.rfft(x, 20), np.fft.rfft(x, 20)), (ops.rfft(x, 7), np.fft.rfft(x, 7)),
        (ops.fft((x, y)), np.fft.fft(z)), (ops.fft2((x, y)), np.fft.fft2(z)), (ops.ifft2((x, y)), np.fft.ifft2(z)),
    ):  # fmt: skip
        np.testing.assert_allclose(found[0] + 1j * found[1], wanted, atol=1e-13)
    for n in (None, 20, 7):
        np.testing.assert_allclose(ops.irfft((x, y), n), np.fft.irfft(z, n), atol=1e-13)
    assert ops.rfft(x.astype("float32"))[0].dtype == np.float32
    with pytest.raises(ValueError, match="a tuple of two arrays"):
        ops.fft(x)
    with pytest.raises(ValueError, match="32 samples at least, got 12"):
        ops.extract_sequences(x, 32, 1)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("mode", "window", "scaling"), [
    ("magnitude", "hann", "density"), ("psd", "hamming", "spectrum"), ("angle", "tukey", "density"),
])  # fmt: skip
def test_spectra_are_scipys(mode: str, window: str, scaling: Any, padding: str) -> None:
    layer = L.STFTSpectrogram(
        mode, 50, 13, 64, window, scaling=scaling, padding=padding, expand_dims=True, dtype="float64"
    )
    y = np.asarray(layer(X))
    missing = (-(-400 // 13) - 1) * 13 + 50 - 400 if padding == "same" else 0
    x = np.pad(X, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)))
    weights = scipy.signal.get_window(window, 50, fftbins=False)
    options: Any = {"nperseg": 50, "noverlap": 37, "nfft": 64, "detrend": False, "scaling": scaling, "mode": mode}
    wanted = scipy.signal.spectrogram(x.swapaxes(1, 2), window=weights, **options)[-1]
    if mode == "angle":
        np.testing.assert_allclose(np.exp(1j * y), np.exp(1j * wanted.transpose(0, 3, 2, 1)), atol=1e-6)
    else:
        least = 1e-3 if mode == "magnitude" else 0  # the root of the least power
        np.testing.assert_allclose(y, np.maximum(wanted.transpose(0, 3, 2, 1), least), atol=1e-3)
    assert layer.compute_output_shape((3, 400, 2)) == y.shape


def test_kernels_are_trained() -> None:
    """And a first layer's input gets its gradient."""
    for mode in ("magnitude", "psd", "stft", "imag"):
        layers = [pydl.Input((18, 1), dtype="float64"), L.Conv1D(2, 3, dtype="float64"),
                  L.STFTSpectrogram(mode, 4, 2, dtype="float64"), L.Flatten(dtype="float64"),
                  L.Dense(1, dtype="float64")]  # fmt: skip
        model = pydl.Sequential(layers)
        model.compile("sgd", "mse")
        check_gradients(model, X[:2, :18, :1], np.ones((2, 1)), rel=1e-5, abs=1e-7)
        assert len(layers[2].weights) == (1 if mode == "imag" else 2)


@pytest.mark.parametrize("options", [{}, {"power_to_db": False, "mag_exp": 1.0}, {"sequence_length": 100, "top_db": 9}])
def test_mel_spectra(options: dict[str, Any]) -> None:
    layer = L.MelSpectrogram(128, 30, num_mel_bins=20, sampling_rate=8000, dtype="float64", **options)
    x = X[..., 0]
    y = np.asarray(layer(x))
    re, im = ops.stft(x, options.get("sequence_length", 128), 30, 128)
    bands = layer.linear_to_mel_weight_matrix(20, 65, 8000, 20, 4000, dtype="float64")
    assert (bands >= 0).all()
    assert bands.max() <= 1
    wanted = np.hypot(re, im) ** options.get("mag_exp", 2) @ bands
    if options.get("power_to_db", True):
        wanted = 10 * np.log10(np.maximum(wanted, 1e-10))
        wanted = np.maximum(wanted, wanted.max() - options.get("top_db", 80))
    np.testing.assert_allclose(y, wanted.swapaxes(1, 2), rtol=1e-9, atol=1e-9)
    assert y.shape == layer.compute_output_shape(x.shape) == (3, 20, 14)
    np.testing.assert_allclose(layer(x[0]), layer(x[:1])[0], rtol=1e-12)
    a = pydl.Input((400,), dtype="float64")
    np.testing.assert_allclose(pydl.Model(a, layer(a)).predict(x), y, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: L.MelSpectrogram(256, sequence_length=512), "`fft_length` must be greater"),
        (lambda: L.MelSpectrogram(max_freq=10.0), "`max_freq`"),
        (lambda: L.STFTSpectrogram(frame_length=8, frame_step=9), "`frame_step`"),
        (lambda: L.STFTSpectrogram(frame_length=8, fft_length=4), "`fft_length`"),
        (lambda: L.STFTSpectrogram(window="none of these"), "window"),
        (lambda: L.STFTSpectrogram(window=[1.0, 2.0]), r"shape \(256,\), got shape \(2,\)"),
        (lambda: L.STFTSpectrogram(data_format="channels_first"), "channels_first"),
        (lambda: L.STFTSpectrogram()(np.ones((1, 300, 1), "int64")), r"float64, got int64: x\.astype"),
        (lambda: L.STFTSpectrogram()(np.ones((1, 30, 1))), "256 samples at least"),
        (lambda: pydl.initializers.STFT()((3, 4)), "frequencies"),
    ],
)
def test_what_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
