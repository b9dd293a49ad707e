"""The build digest: its value by the specification's own words, and what changes it."""

from __future__ import annotations

import hashlib
import tempfile
import unittest
from pathlib import Path

import support
from benchrun_kit.build import build

FILES = {
    "kit/run.py": b"start",
    "kit/pack/z.py": b"z",
    "kit/pack/a.py": b"",
    "kit/pack-b.py": b"sorts before pack/ because - is before /",
    "adapter/adapter.toml": b"[x]",
    "adapter/requirements.lock": b"l",
    "adapter/notes.txt": "é".encode(),
}
LEFT_OUT = {
    "kit/__pycache__/x.py": b"",
    "kit/tests/test.py": b"",
    "adapter/deep/tests/test.py": b"",
    "adapter/README.md": b"",
    "adapter/requirements.in": b"",
}


class BuildTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name, content in {**FILES, **LEFT_OUT}.items():
            self.write(name, content)

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def build(self) -> str:
        return build(self.root / "kit", self.root / "adapter")

    def test_value(self) -> None:
        order = [
            "kit/pack-b.py",
            "kit/pack/a.py",
            "kit/pack/z.py",
            "kit/run.py",
            "adapter/adapter.toml",
            "adapter/notes.txt",
            "adapter/requirements.lock",
        ]
        text = "".join(f"{name}\n{hashlib.sha256(FILES[name]).hexdigest()}\n" for name in order)
        self.assertEqual(self.build(), hashlib.sha256(text.encode()).hexdigest())
        # The same value is expected of the runner's own implementation.
        self.assertEqual(self.build(), "096b3a93d482cccea76bcd1651dac7eb4e96276cdcf558d760fa5013acfb508a")

    def test_every_counted_file_counts(self) -> None:
        before = self.build()
        for name, content in FILES.items():
            self.write(name, content + b"x")
            self.assertNotEqual(self.build(), before, name)
            self.write(name, content)
        self.assertEqual(self.build(), before)

    def test_no_other_file_counts(self) -> None:
        before = self.build()
        for name in LEFT_OUT:
            self.write(name, b"other")
        (self.root / "kit" / "link.py").symlink_to(self.root / "kit" / "run.py")
        (self.root / "kit" / "linked").symlink_to(self.root / "kit" / "pack", target_is_directory=True)
        self.assertEqual(self.build(), before)

    def test_our_own_files(self) -> None:
        self.assertRegex(build(support.KIT, support.ADAPTERS / "scikit-learn"), "^[0-9a-f]{64}$")


if __name__ == "__main__":
    unittest.main()
