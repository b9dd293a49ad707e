"""Reading the request: whatever is not the protocol is refused with a message that helps."""

from __future__ import annotations

import io
import json
import unittest
from typing import Any

import support
from benchrun_kit.request import RequestError, read_request


def request(**changed: Any) -> dict[str, Any]:
    return {
        "protocol": 1,
        "trial": "t",
        "implementation": "python/toy",
        "task": "regression",
        "algorithm": "ridge",
        "hyperparameters": {"alpha": 0.1, "list": [1, 2.5], "none": "none"},
        "settings": {},
        "bundle": "/b/manifest.json",
        "output_dir": "/o",
        "seed": 2**64 - 1,
        "threads": 2,
        "device": "cpu",
        "dtype": "float64",
        "phases": [
            support.FIT,
            {"kind": "predict", "name": "predict@2", "batch_rows": 2, "repeat": support.ONCE},
        ],
        **changed,
    }


class RequestTest(unittest.TestCase):
    def read(self, raw: Any) -> Any:
        line = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
        return read_request(io.BytesIO(line))

    def refused(self, raw: Any, message: str) -> None:
        with self.assertRaises(RequestError) as caught:
            self.read(raw)
        self.assertIn(message, str(caught.exception))

    def test_every_field_arrives(self) -> None:
        read = self.read(request())
        self.assertEqual(read.hyperparameters, {"alpha": 0.1, "list": [1, 2.5], "none": "none"})
        self.assertEqual(read.seed, 2**64 - 1)
        self.assertEqual([phase.batch_rows for phase in read.phases], [None, 2])
        self.assertEqual(vars(read.phases[1].repeat), support.ONCE)

    def test_nothing_is_slowed_unless_asked(self) -> None:
        self.assertEqual(self.read(request()).slowdown, 0)
        self.assertEqual(self.read(request(slowdown=0.05)).slowdown, 0.05)
        self.assertEqual(self.read(request(slowdown=3)).slowdown, 3)
        self.refused(request(slowdown="5%"), 'request.slowdown is "5%", but must be a number')
        self.refused(request(slowdown=-0.1), "request.slowdown is -0.1, but must be at least 0")

    def test_draws_are_a_path_or_absent(self) -> None:
        self.assertIsNone(self.read(request()).draws)
        self.assertIsNone(self.read(request(draws=None)).draws)
        self.assertEqual(self.read(request(draws="/d.safetensors")).draws, "/d.safetensors")
        self.refused(request(draws=3), "request.draws is 3, but must be a text")

    def test_only_the_first_line_is_read(self) -> None:
        stream = io.BytesIO(json.dumps(request()).encode() + b"\nmore")
        read_request(stream)
        self.assertEqual(stream.read(), b"more")

    def test_nothing_to_read(self) -> None:
        self.refused(b"", "no request on standard input")
        self.refused(b"\n", "no request on standard input")

    def test_not_json(self) -> None:
        self.refused(b'{"protocol": 1', "the request is not JSON")
        self.refused(b"\xff\xfe", "the request is not JSON")
        self.refused(
            json.dumps(request(hyperparameters={"alpha": float("nan")})).encode(), "NaN is not a number"
        )
        self.refused([], "request is [], but must be an object")

    def test_another_version_is_named_before_its_unknown_keys(self) -> None:
        self.refused({"protocol": 2, "new_key": 1}, "the request speaks protocol 2, but this kit speaks 1")
        self.refused({}, "the request speaks protocol null")

    def test_keys(self) -> None:
        self.refused(request(colour="red"), "request has the unknown key `colour`")
        lacking = request()
        del lacking["seed"]
        self.refused(lacking, "request lacks the key `seed`")
        phase = {**support.FIT, "repeat": {**support.ONCE, "warm_up": 1}}
        self.refused(request(phases=[phase]), "request.phases[0].repeat has the unknown key `warm_up`")

    def test_types(self) -> None:
        self.refused(request(threads="1"), 'request.threads is "1", but must be a whole number')
        self.refused(request(threads=True), "request.threads is true, but must be a whole number")
        self.refused(request(threads=1.0), "request.threads is 1.0, but must be a whole number")
        self.refused(request(seed=-1), "request.seed is -1, but must be at least 0")
        self.refused(request(phases={}), "request.phases is {}, but must be a list")
        self.refused(request(settings=[]), "request.settings is [], but must be an object")

    def test_bounds_of_repetition(self) -> None:
        for change, message in [
            ({"min_samples": 0}, "min_samples is 0, but must be at least 1"),
            ({"min_samples": 3, "max_samples": 2}, "max_samples is 2, but min_samples is 3"),
        ]:
            phase = {**support.FIT, "repeat": {**support.ONCE, **change}}
            self.refused(request(phases=[phase]), message)


if __name__ == "__main__":
    unittest.main()
