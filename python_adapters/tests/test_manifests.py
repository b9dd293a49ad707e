"""Every adapter's folder: a manifest in the format of README.md, and a lock that pip can verify."""

from __future__ import annotations

import re
import tomllib
import unittest
from pathlib import Path
from typing import Any

from support import ADAPTERS

MANIFESTS = sorted(ADAPTERS.glob("*/adapter.toml"))
KEYS = {"implementation", "module", "lock", "python", "doc", "algorithms"}
ALGORITHM = {"task", "name", "doc"}
ALGORITHM_MAY = {"settings", "cannot", "parameters"}
PARAMETER = {"name", "type", "default", "doc"}
PARAMETER_MAY = {"minimum", "exclusive_minimum", "maximum", "choices", "binding"}
TYPES = {"bool": bool, "int": int, "float": (int, float), "choice": str, "float_list": list}


class ManifestTest(unittest.TestCase):
    def each(self) -> list[tuple[Path, dict[str, Any]]]:
        self.assertTrue(MANIFESTS)
        return [(path.parent, tomllib.loads(path.read_text())) for path in MANIFESTS]

    def keys(self, found: dict[str, Any], must: set[str], may: set[str] = frozenset()) -> None:
        self.assertLessEqual(must, found.keys())
        self.assertLessEqual(found.keys(), must | may)

    def test_keys(self) -> None:
        for folder, manifest in self.each():
            with self.subTest(folder=folder.name):
                self.keys(manifest, KEYS)
                self.assertRegex(manifest["implementation"], r"^python/[a-z0-9-]+(\+[a-z0-9-]+)?$")
                self.assertTrue((folder / f"{manifest['module']}.py").is_file())
                self.assertRegex(manifest["python"], r"^>=3\.\d+$")

    def test_algorithms(self) -> None:
        for folder, manifest in self.each():
            offered = [(entry["task"], entry["name"]) for entry in manifest["algorithms"]]
            self.assertEqual(len(offered), len(set(offered)))
            for entry in manifest["algorithms"]:
                with self.subTest(folder=folder.name, algorithm=entry["name"]):
                    self.keys(entry, ALGORITHM, ALGORITHM_MAY)
                    if "parameters" in entry:
                        self.assertIn(":", entry["name"], "only a vendor's algorithm defines parameters")
                    for refusal in entry.get("cannot", []):
                        self.keys(refusal, {"parameter", "values", "reason"})
                    for parameter in entry.get("settings", []) + entry.get("parameters", []):
                        self.check_parameter(parameter)

    def check_parameter(self, parameter: dict[str, Any]) -> None:
        self.keys(parameter, PARAMETER, PARAMETER_MAY)
        default = parameter["default"]
        if default in parameter.get("choices", []):
            return
        self.assertIsInstance(default, TYPES[parameter["type"]])
        self.assertNotEqual(parameter["type"], "choice")
        if parameter["type"] in ("int", "float"):
            self.assertGreaterEqual(default, parameter.get("minimum", default))
            self.assertLessEqual(default, parameter.get("maximum", default))
            self.assertGreater(default, parameter.get("exclusive_minimum", default - 1))

    def test_locks(self) -> None:
        for folder, manifest in self.each():
            with self.subTest(folder=folder.name):
                lock = (folder / manifest["lock"]).read_text()
                pins = re.split(r"\n(?=\S)", lock.strip())
                self.assertTrue(all(re.match(r"[a-z0-9._-]+==[\w.]+ ", pin) for pin in pins))
                self.assertTrue(all("--hash=sha256:" in pin for pin in pins))
                # The kit's own needs.
                names = {pin.partition("==")[0] for pin in pins}
                self.assertLessEqual({"numpy", "safetensors", "threadpoolctl"}, names)
                # A lock names no place: where packages come from is the user's configuration.
                self.assertNotRegex(lock, r"https?:|file:|@ |-index|#")


if __name__ == "__main__":
    unittest.main()
