"""A small JPEG, the pixels that Pillow decodes, and the middle square that Pillow's bilinear filter makes of them.

Usage: reference_image.py FOLDER, which gets reference_image.jpg and reference_image.json. Needs Pillow 13 and NumPy.

The filter is applied to each channel as 32-bit floating-point numbers (mode F), so that nothing is rounded to whole ones.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT, SIZE = 30, 20, 7

folder = Path(sys.argv[1])
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
colours = np.stack([8 * x, 12 * y, 120 + 60 * np.sin(x / 4) * np.cos(y / 3)], axis=-1)
Image.fromarray(colours.clip(0, 255).astype(np.uint8)).save(
    folder / "reference_image.jpg", quality=95, subsampling=0
)
image = np.asarray(Image.open(folder / "reference_image.jpg").convert("RGB"))
width = WIDTH * SIZE // HEIGHT
left = (width - SIZE) // 2


def square(pixels, size=SIZE):
    channels = [Image.fromarray(pixels[..., c].astype(np.float32)) for c in range(3)]
    resized = [np.asarray(c.resize((width, size), Image.Resampling.BILINEAR)) for c in channels]
    return np.stack(resized)[:, :, left : left + size]


reference = {
    "width": WIDTH,
    "height": HEIGHT,
    "pixels": image.ravel().tolist(),
    "size": SIZE,
    "square": [round(float(value), 4) for value in square(image).ravel()],
}
(folder / "reference_image.json").write_text(json.dumps(reference) + "\n")
