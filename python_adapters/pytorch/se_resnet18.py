"""SE-ResNet-18: ResNet-18 with squeeze and excitation (Hu, Shen, Sun 2018, §3 and Fig. 3).

Every basic block weighs its channels after its second normalisation, before the identity is added: their
means over the image, a 1×1 convolution to a sixteenth of the channels (the paper's reduction ratio), ReLU, a
1×1 convolution back, and the logistic function. Both are `torchvision.ops.SqueezeExcitation`.

The tensors are ResNet-18's, and for each block `layer{1..4}.{0,1}` of p channels (64, 128, 256, 512):

| tensor | shape |
| --- | --- |
| `layer1.0.se.fc1.weight`, `.bias` | [p/16, p, 1, 1], [p/16] |
| `layer1.0.se.fc2.weight`, `.bias` | [p, p/16, 1, 1], [p] |

Initial values: ResNet's rule holds for these convolutions too (Kaiming-normal by fan_out, with ReLU's gain);
their biases have PyTorch's default, U(±1/√fan_in).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops import SqueezeExcitation

from benchrun_kit import Data
from torchvision_models import take_channels

REDUCTION = 16


class SEBasicBlock(BasicBlock):
    """torchvision's basic block, with its channels weighed."""

    def __init__(self, inplanes: int, planes: int, *arguments: Any, **named: Any) -> None:  # noqa: ANN401, its own
        super().__init__(inplanes, planes, *arguments, **named)
        # Modules stand in the order of their use: gradients are clipped by a sum in that order.
        downsample, self.downsample = self.downsample, None
        del self.downsample
        self.se = SqueezeExcitation(planes, planes // REDUCTION)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """As `BasicBlock.forward`, but for `se`."""
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.se(self.bn2(self.conv2(out)))
        out += identity
        return self.relu(out)


def make(data: Data) -> ResNet:
    """The network for these images."""
    channels, _, _ = data.example_shape
    model = ResNet(SEBasicBlock, [2, 2, 2, 2], num_classes=data.outputs)
    if channels != 3:
        take_channels(model, "conv1", channels, kaiming=True)
    return model


ARCHITECTURES = {"se_resnet18": make}
