"""A small convolutional network with batch normalisation (Ioffe, Szegedy 2015) and dropout.

| layer | tensor | shape |
| --- | --- | --- |
| convolution 3×3, padding 1, no bias | `conv1.weight` | [32, C, 3, 3] |
| normalisation, ReLU, maximum over 2×2 | `bn1.weight`, `.bias`, `.running_mean`, `.running_var` | [32] each |
| convolution 3×3, padding 1, no bias | `conv2.weight` | [64, 32, 3, 3] |
| normalisation, ReLU, maximum over 2×2 | `bn2.weight`, `.bias`, `.running_mean`, `.running_var` | [64] each |
| dropout, on the flat row (channel, row, column) | | |
| logits | `fc.weight`, `.bias` | [outputs, 64·⌊H/4⌋·⌊W/4⌋], [outputs] |

Initial values: PyTorch's defaults, U(±1/√fan_in) for convolutions and the linear layer with its bias; 1, 0, 0
and 1 for weight, bias, mean and variance of a normalisation (momentum 0.1, eps 1e-5).
"""

from __future__ import annotations

from torch import Tensor, nn

from benchrun_kit import Data, Unsupported


class SimpleCNN(nn.Module):
    """The network for images of `channels` × `height` × `width`."""

    def __init__(self, channels: int, height: int, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(64 * (height // 4) * (width // 4), outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [b, outputs] of images [b, C, H, W]."""
        x = self.pool(self.relu(self.bn1(self.conv1(x))))
        x = self.pool(self.relu(self.bn2(self.conv2(x))))
        return self.fc(self.dropout(x.flatten(1)))


def make(data: Data, dropout: float) -> SimpleCNN:
    """The network for these images."""
    channels, height, width = data.example_shape
    if min(height, width) < 4:
        raise Unsupported(f"simple_cnn takes images from 4×4, not of {height}×{width}")
    return SimpleCNN(channels, height, width, data.outputs, dropout)


ARCHITECTURES = {"simple_cnn": make}
