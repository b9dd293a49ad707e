"""LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition", §II.B).

| layer | tensor | shape |
| --- | --- | --- |
| C1: convolution 5×5, padding 2 on 28×28 and 0 on 32×32, tanh | `conv1.weight`, `.bias` | [6, C, 5, 5], [6] |
| S2: mean over 2×2 | | |
| C3: convolution 5×5, tanh | `conv2.weight`, `.bias` | [16, 6, 5, 5], [16] |
| S4: mean over 2×2 | | |
| C5: 16·5·5 values (channel, row, column) to 120, tanh | `fc1.weight`, `.bias` | [120, 400], [120] |
| F6: tanh | `fc2.weight`, `.bias` | [84, 120], [84] |
| output: logits | `fc3.weight`, `.bias` | [outputs, 84], [outputs] |

C is the number of channels of the images. Deviations from the paper, all usual today: S2 and S4 have no
weights and no squashing; C3 sees all six maps; tanh is not scaled; the output is affine, not Euclidean
distances to fixed codes. A 28×28 image is padded with zeros to the paper's 32×32. Initial values: PyTorch's
defaults, U(±1/√fan_in) for weights and biases.
"""

from __future__ import annotations

from torch import Tensor, nn

from benchrun_kit import Data, Unsupported

#: By height and width of the images: the padding that makes them 32×32.
PADDING = {(28, 28): 2, (32, 32): 0}


class LeNet5(nn.Module):
    """The network; `padding` is that of the first convolution."""

    def __init__(self, channels: int, padding: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=padding)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.AvgPool2d(2)
        self.tanh = nn.Tanh()
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [b, outputs] of images [b, C, 28, 28] or [b, C, 32, 32]."""
        x = self.pool(self.tanh(self.conv1(x)))
        x = self.pool(self.tanh(self.conv2(x)))
        x = self.tanh(self.fc1(x.flatten(1)))
        x = self.tanh(self.fc2(x))
        return self.fc3(x)


def make(data: Data) -> LeNet5:
    """The network for these images."""
    channels, *size = data.example_shape
    if tuple(size) not in PADDING:
        raise Unsupported(f"lenet5 takes images of 28×28 or 32×32, not of {'×'.join(map(str, size))}")
    return LeNet5(channels, PADDING[tuple(size)], data.outputs)


ARCHITECTURES = {"lenet5": make}
