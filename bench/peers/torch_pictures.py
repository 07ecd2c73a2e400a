"""Convolutional nets in torch, in the training loop of `torch_eager`; images are (batch, channels, rows, columns)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from bench.nets import Array
from bench.peers import torch_eager
from bench.pictures import Layer, PictureNet


class Residual(nn.Module):
    """The sum of two branches."""

    def __init__(self, *branches: Any) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Any) -> Any:
        return self.branches[0](x) + self.branches[1](x)


class Mean(nn.Module):
    """Over all positions."""

    def forward(self, x: Any) -> Any:
        return x.flatten(2).mean(2)


def modules(description: Sequence[Layer], rank: int) -> Any:
    """The net, without its softmax. What has "same" padding is padded alike on both sides."""
    made: list[Any] = []
    conv, norm = (nn.LazyConv1d, nn.LazyBatchNorm1d) if rank == 1 else (nn.LazyConv2d, nn.LazyBatchNorm2d)
    activations = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}
    for name, *args in description:
        match name:
            case "conv":
                filters, kernel, stride, padding, activation = args
                made.append(conv(filters, kernel, stride, kernel // 2 if padding == "same" else 0))
                made += [activations[activation]()] if activation else []
            case "transposed":
                made += [nn.LazyConvTranspose2d(args[0], 3, 2, 1, 1), nn.ReLU()]
            case "separable":
                made += [Depthwise(), nn.LazyConv2d(args[0], 1, bias=False)]
            case "norm":
                made.append(norm(eps=1e-3, momentum=0.01))
            case "relu":
                made.append(nn.ReLU())
            case "max":
                size, stride, padding = args
                made.append(nn.MaxPool2d(size, stride, size // 2 if padding == "same" and size > 2 else 0))
            case "mean":
                made.append(Mean())
            case "flatten":
                made.append(nn.Flatten())
            case "dropout":
                made.append(nn.Dropout(args[0]))
            case "dense":
                made.append(nn.LazyLinear(args[0]))
                made += [nn.ReLU()] if args[1] == "relu" else []
            case "residual":
                made.append(Residual(*(modules(part, rank) for part in args)))
    return nn.Sequential(*made)


class Depthwise(nn.Module):
    """3 x 3 by channel, without a bias; made when the number of channels is known."""

    def __init__(self) -> None:
        super().__init__()
        self.layer: Any = None

    def forward(self, x: Any) -> Any:
        if self.layer is None:
            channels = x.shape[1]
            self.layer = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        return self.layer(x)


class PictureTraining(torch_eager.Training):
    """forward, backward, step; the loss's value is left unread."""

    memory_format: Any = torch.contiguous_format

    def __init__(self, net: PictureNet) -> None:
        self.batch = net.batch
        self.module = modules(net.layers, len(net.shape) - 1)
        self._arrange = torch.contiguous_format if len(net.shape) == 2 else self.memory_format
        self.module(self._images(net.data(2)[0]))  # makes the weights
        self.module = self.module.to(memory_format=self._arrange)
        self.optimizer = torch.optim.Adam(self.module.parameters(), eps=1e-7, fused=True)
        self.criterion = torch.nn.MSELoss() if net.classes is None else torch.nn.CrossEntropyLoss()

    def _images(self, x: Array) -> Any:
        return torch.from_numpy(x).movedim(-1, 1).contiguous(memory_format=self._arrange)

    def prepare(self, x: Array, y: Array) -> tuple[Any, Any]:
        return self._images(x), torch.from_numpy(y) if y.ndim == 1 else self._images(y)


class ChannelsLast(PictureTraining):
    """The same with images, and weights, in the order (batch, rows, columns, channels)."""

    memory_format = torch.channels_last


class Compiled(ChannelsLast):
    """The faster order of them, compiled."""

    def __init__(self, net: PictureNet) -> None:
        super().__init__(net)
        self.loss = torch.compile(self.loss)  # type: ignore[method-assign]
