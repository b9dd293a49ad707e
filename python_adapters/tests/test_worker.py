"""The worker's loop with a toy adapter in a temporary folder, driven as the runner drives it."""

from __future__ import annotations

import json
import re
import time
import unittest

import numpy as np

import support
from benchrun_kit.build import build
from support import FIT, ONCE, WorkerCase

PREDICT = {
    "kind": "predict",
    "name": "predict@5",
    "batch_rows": 5,
    "repeat": {**ONCE, "max_samples": 8, "min_samples": 8},
}
#: Notes what `predict` is given.
SPY = "seen.append((X.shape, X.flags.c_contiguous, float(X[0, 0])))"


class TrialTest(WorkerCase):
    def test_a_trial_that_works(self) -> None:
        adapter = self.toy()
        before = time.monotonic_ns()
        answer = self.answer(adapter, self.request(phases=[FIT, PREDICT]))
        after = time.monotonic_ns()
        self.assertEqual(
            answer.names,
            ["ready"]
            + ["phase_begin", "phase_end"]
            + ["phase_begin", "phase_end", "samples"] * 2
            + ["receipt", "outputs", "done"],
        )
        phases = [event["phase"] for event in answer.events if "phase" in event]
        self.assertEqual(phases, ["load"] * 2 + ["fit_first"] * 3 + ["predict@5"] * 3)
        clocks = [event["monotonic_ns"] for event in answer.events if "monotonic_ns" in event]
        self.assertTrue(before < min(clocks) < max(clocks) < after)

    def test_ready(self) -> None:
        adapter = self.toy()
        ready = self.answer(adapter, self.request()).one("ready")
        self.assertEqual((ready["protocol"], ready["implementation"]), (1, "python/toy"))
        self.assertEqual(ready["build"], build(support.KIT, adapter))
        self.assertEqual(ready["versions"]["numpy"], np.__version__)
        self.assertRegex(ready["versions"]["python"], r"^3\.\d+\.\d+")

    def test_outputs_are_the_models(self) -> None:
        answer = self.answer(self.toy(), self.request())
        x, y = self.arrays["train_features"], self.arrays["train_target"]
        w = np.linalg.solve(x.T @ x + 1.5 * np.eye(4), x.T @ y)
        outputs = self.outputs(answer)
        self.assertEqual(list(outputs), ["predictions"])
        self.assertEqual(outputs["predictions"].dtype, np.float64)
        np.testing.assert_allclose(outputs["predictions"], self.arrays["test_features"] @ w, rtol=1e-12)

    def test_memory_grows_with_the_work_and_never_falls_at_its_peak(self) -> None:
        answer = self.answer(self.toy(fit="self.held = np.ones(4_000_000)"), self.request())
        ready, load, fit = (event["memory"] for event in answer.events if "memory" in event)
        self.assertGreater(fit["rss_bytes"], load["rss_bytes"] + 30_000_000)
        peaks = [memory["peak_rss_bytes"] for memory in (ready, load, fit)]
        self.assertEqual(peaks, sorted(peaks))
        self.assertTrue(all(m["peak_rss_bytes"] >= m["rss_bytes"] > 10_000_000 for m in (ready, load, fit)))

    def test_loading_takes_no_more_memory_than_the_arrays(self) -> None:
        arrays = support.problem(rows=200_000, features=32)
        self.bundle = support.write_bundle(self.folder / "large", arrays)
        size = sum(array.nbytes for role, array in arrays.items() if role != "test_target")
        answer = self.answer(self.toy(fit="X, y = X[:9], y[:9]"), self.request())
        ready, load, _ = (event["memory"]["peak_rss_bytes"] for event in answer.events if "memory" in event)
        self.assertLess(load - ready, 1.1 * size + 2**22)

    def test_samples_time_the_phase(self) -> None:
        repeat = {**ONCE, "warmup": 1, "min_samples": 3, "max_samples": 3}
        adapter = self.toy(top="import time", fit="time.sleep(0.01)")
        answer = self.answer(adapter, self.request(phases=[{**FIT, "repeat": repeat}]))
        samples = answer.one("samples")
        self.assertEqual(samples["calls"], [1, 1, 1])
        self.assertGreaterEqual(min(samples["wall_ns"]), 10_000_000)
        begin, end = (
            e["monotonic_ns"] for e in answer.events if e.get("phase") == "fit_first" and "monotonic_ns" in e
        )
        # The warm-up lies within the phase.
        self.assertGreaterEqual(end - begin, sum(samples["wall_ns"]) + 10_000_000)

    def test_long_phases_give_signs_of_life(self) -> None:
        repeat = {**ONCE, "min_samples": 3, "max_samples": 3}
        adapter = self.toy(top="import time", fit="time.sleep(0.6)")
        answer = self.answer(adapter, self.request(phases=[{**FIT, "repeat": repeat}]))
        progress = [(e["done"], e["total"]) for e in answer.events if e["event"] == "progress"]
        # A second passes with the second sample, or on a laden machine with the first.
        self.assertIn(progress, ([(2, 3)], [(1, 3), (2, 3)], [(1, 3), (2, 3), (3, 3)], [(2, 3), (3, 3)]))

    def test_the_fit_sees_row_major_arrays_of_the_bundle(self) -> None:
        facts = "(a.flags.c_contiguous, a.flags.writeable, a.shape, float(a.ravel()[3]))"
        planted = f"self.seen = [{facts} for a in (X, y)]"
        adapter = self.toy(fit=planted, read_back="raise AssertionError(self.seen)")
        x, y = self.arrays["train_features"], self.arrays["train_target"]
        expected = [(True, True, a.shape, float(a.ravel()[3])) for a in (x, y)]
        self.assert_failed(self.answer(adapter, self.request()), "AssertionError", str(expected))

    def test_batches_rotate_over_the_test_rows(self) -> None:
        adapter = self.toy(top="seen = []", predict=SPY, outputs="raise AssertionError(seen)")
        answer = self.answer(adapter, self.request(phases=[FIT, PREDICT]))
        x = self.arrays["test_features"]
        # 17 rows hold three whole batches of five; the last call is the check of the answer's shape.
        starts = [0, 5, 10, 0, 5, 10, 0, 5, 0]
        seen = [((5, 4), True, float(x[start, 0])) for start in starts]
        self.assert_failed(answer, "AssertionError", str(seen))

    def test_short_predictions_are_batched(self) -> None:
        repeat = {**ONCE, "warmup": 1, "min_samples": 3, "max_samples": 3, "min_sample_ns": 1_000_000}
        phase = {"kind": "predict", "name": "predict@1", "batch_rows": 1, "repeat": repeat}
        answer = self.answer(self.toy(), self.request(phases=[FIT, phase]))
        samples = answer.events[-4]
        self.assertEqual((samples["event"], samples["phase"]), ("samples", "predict@1"))
        self.assertGreater(min(samples["calls"]), 10)
        self.assertEqual(len(set(samples["calls"])), 1)


class ReadmeTest(WorkerCase):
    def test_the_example_works(self) -> None:
        (code,) = re.findall(r"```python\n(.*?)```", (support.ADAPTERS / "README.md").read_text(), re.DOTALL)
        adapter = self.toy()
        (adapter / "toy_adapter.py").write_text(code)
        answer = self.answer(adapter, self.request(phases=[FIT, PREDICT]))
        self.assertEqual(answer.one("receipt")["hyperparameters"], {"alpha": 1.5})
        self.assertEqual(list(self.outputs(answer)), ["coefficients", "intercept", "predictions"])
        answer = self.answer(adapter, self.request(device="cuda"))
        self.assertEqual(answer.names, ["ready", "unsupported"])


class ReceiptTest(WorkerCase):
    def test_receipt(self) -> None:
        receipt = self.answer(self.toy(), self.request(threads=3)).one("receipt")
        self.assertEqual(receipt["hyperparameters"], {"alpha": 1.5})
        self.assertEqual(
            (receipt["dtype"], receipt["layout"], receipt["device"]), ("float64", "row-major", "cpu")
        )
        self.assertEqual((receipt["train_rows"], receipt["features"]), (60, 4))
        self.assertEqual(receipt["work"], {"iterations": 1})
        self.assertEqual(receipt["threads"]["allowed"], 3)
        self.assertEqual(receipt["threads"]["pool"], 1)
        self.assertEqual({library["name"] for library in receipt["blas"]}, {"openblas"})
        self.assertEqual(receipt["build"]["profile"], "release")
        self.assertTrue(any("openblas" in name for name in receipt["libraries"]), receipt["libraries"])
        self.assertEqual(receipt["libraries"], sorted(set(receipt["libraries"])))
        self.assertFalse(any("/" in name for name in receipt["libraries"]))

    def test_it_tells_what_was_used_and_not_what_was_asked(self) -> None:
        receipt = self.answer(self.toy(fit="self.alpha = 7.25"), self.request()).one("receipt")
        self.assertEqual(receipt["hyperparameters"], {"alpha": 7.25})

    def test_numpy_values_and_none_become_plain(self) -> None:
        planted = (
            "return ReadBack({'alpha': np.float32(0.5)}, {'cap': None}, 'float64', 'row-major', "
            "{'a': np.arange(2)})"
        )
        receipt = self.answer(self.toy(read_back=planted), self.request(settings={"cap": 3})).one("receipt")
        self.assertEqual(receipt["hyperparameters"], {"alpha": 0.5})
        self.assertEqual(receipt["settings"], {"cap": "none"})
        self.assertEqual(receipt["work"], {"a": [0, 1]})

    def test_work_may_be_not_finite_but_parameters_may_not(self) -> None:
        planted = (
            "return ReadBack({'alpha': 1.0}, {}, 'float64', 'row-major', "
            "{'gap': np.inf, 'x': [float('nan')]})"
        )
        receipt = self.answer(self.toy(read_back=planted), self.request()).one("receipt")
        self.assertEqual(receipt["work"], {"gap": "inf", "x": ["nan"]})
        answer = self.answer(self.toy(fit="self.alpha = float('nan')"), self.request())
        self.assertEqual(answer.events[-1]["event"], "failed")

    def test_values_outside_the_protocol(self) -> None:
        for value in ("float('inf')", "2**63", "{}", "object"):
            planted = f"return ReadBack({{'alpha': {value}}}, {{}}, 'float64', 'row-major')"
            answer = self.answer(self.toy(read_back=planted), self.request())
            self.assert_failed(answer, "ReceiptError", "is no value of the protocol")

    def test_hyperparameters_are_read_back_whole(self) -> None:
        planted = "return ReadBack({}, {}, 'float64', 'row-major')"
        answer = self.answer(self.toy(read_back=planted), self.request())
        self.assert_failed(answer, "ReceiptError", "read_back lacks the hyperparameter `alpha`")
        planted = "return ReadBack({'alpha': 1.0}, {'tol': 1}, 'float64', 'row-major')"
        answer = self.answer(self.toy(read_back=planted), self.request())
        self.assert_failed(answer, "ReceiptError", "read_back adds the setting `tol`")

    def test_what_the_framework_tells_goes_before_what_it_was_given(self) -> None:
        planted = (
            "return ReadBack({'alpha': 1.0}, {}, 'float64', 'row-major', train_rows=9, features=2, pool=64)"
        )
        receipt = self.answer(self.toy(read_back=planted), self.request()).one("receipt")
        self.assertEqual((receipt["train_rows"], receipt["features"], receipt["threads"]["pool"]), (9, 2, 64))

    def test_threads_alive_are_counted(self) -> None:
        planted = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
        alive = [
            self.answer(self.toy(fit=fit), self.request()).one("receipt")["threads"]["alive"]
            for fit in ("pass", planted)
        ]
        self.assertEqual(alive[1], alive[0] + 1)

    def test_warnings_are_listed_and_still_shown(self) -> None:
        planted = "import warnings; warnings.warn('did not converge', RuntimeWarning)"
        repeat = {**ONCE, "min_samples": 3, "max_samples": 3}
        answer = self.answer(self.toy(fit=planted), self.request(phases=[{**FIT, "repeat": repeat}]))
        self.assertEqual(answer.one("receipt")["work"]["warnings"], ["RuntimeWarning: did not converge"])
        self.assertEqual(answer.stderr.count("RuntimeWarning: did not converge"), 1)

    def test_warnings_are_shown_also_before_a_failure(self) -> None:
        planted = "import warnings; warnings.warn('the matrix is singular'); raise ValueError"
        answer = self.answer(self.toy(fit=planted), self.request())
        self.assertIn("UserWarning: the matrix is singular", answer.stderr)

    def test_showing_a_warning_is_not_timed(self) -> None:
        top = (
            "import time, warnings\ndef slow(*_): time.sleep(3); return 'slow'\nwarnings.formatwarning = slow"
        )
        adapter = self.toy(top=top, fit="warnings.warn('w')")
        answer = self.answer(adapter, self.request())
        self.assertLess(answer.one("samples")["wall_ns"][0], 3_000_000_000)
        self.assertIn("slow", answer.stderr)


class PollutionTest(WorkerCase):
    def test_nothing_that_libraries_print_reaches_the_protocol(self) -> None:
        ways = {
            "print": "print('noise')",
            "descriptor": "import os; os.write(1, b'noise')",
            "original file": "import sys; sys.__stdout__.write('noise'); sys.__stdout__.flush()",
            "C": "import ctypes; c = ctypes.CDLL(None); c.puts(b'noise'); c.fflush(None)",
            "child": "import subprocess; subprocess.run(['echo', 'noise'])",
        }
        for way, code in ways.items():
            for place in ("top", "create", "fit", "predict", "outputs"):
                with self.subTest(way=way, place=place):
                    answer = self.answer(self.toy(**{place: code}), self.request())
                    self.assertEqual(answer.names[-1], "done")
                    self.assertIn("noise", answer.stderr)

    def test_children_do_not_inherit_the_protocols_descriptor(self) -> None:
        code = "import subprocess; print(subprocess.run(['ls', '/proc/self/fd'], capture_output=True).stdout)"
        answer = self.answer(self.toy(fit=code), self.request())
        # standard input, output and error, and the folder that `ls` reads
        self.assertIn(repr(b"0\n1\n2\n3\n"), answer.stderr)


class FailureTest(WorkerCase):
    def test_exceptions_anywhere_are_failures(self) -> None:
        for place in ("top", "create", "fit", "read_back", "outputs"):
            answer = self.answer(
                self.toy(**{place: "raise ZeroDivisionError('planted here')"}), self.request()
            )
            self.assert_failed(answer, "ZeroDivisionError", "planted here")
            self.assertIn("toy_adapter.py", answer.events[-1]["traceback"])

    def test_a_phase_that_fails_does_not_end(self) -> None:
        answer = self.answer(self.toy(fit="raise ValueError"), self.request())
        self.assertEqual(answer.names, ["ready", "phase_begin", "phase_end", "phase_begin", "failed"])
        self.assert_failed(answer, "ValueError", "ValueError")

    def test_memory_errors(self) -> None:
        answer = self.answer(self.toy(fit="np.ones(2**55)"), self.request())
        self.assert_failed(answer, "MemoryError", "Unable to allocate")
        answer = self.answer(self.toy(fit="raise MemoryError"), self.request())
        self.assert_failed(answer, "MemoryError", "MemoryError")

    def test_a_missing_library(self) -> None:
        answer = self.answer(self.toy(top="import no_such_library"), self.request())
        self.assert_failed(answer, "ModuleNotFoundError", "no_such_library")
        self.assertEqual(answer.names, ["failed"])

    def test_a_library_that_exits(self) -> None:
        answer = self.answer(self.toy(fit="raise SystemExit(0)"), self.request())
        self.assert_failed(answer, "SystemExit", "0")

    def test_a_message_that_is_not_text(self) -> None:
        answer = self.answer(self.toy(fit=r"raise ValueError('caf\udce9')"), self.request())
        self.assert_failed(answer, "ValueError", "caf\\udce9")

    def test_unsupported_is_said_after_ready(self) -> None:
        for place, names in [
            ("create", ["ready"]),
            ("fit", ["ready", "phase_begin", "phase_end", "phase_begin"]),
        ]:
            answer = self.answer(self.toy(**{place: "raise Unsupported('has no kernel')"}), self.request())
            self.assertEqual(answer.names, [*names, "unsupported"])
            self.assertEqual(answer.events[-1]["reason"], "has no kernel")

    def test_algorithms_that_the_manifest_does_not_offer(self) -> None:
        answer = self.answer(self.toy(), self.request(algorithm="lasso"))
        self.assertEqual(answer.names, ["ready", "unsupported"])
        reason = "python/toy has no algorithm `lasso` of task `regression`; it offers ridge"
        self.assertEqual(answer.events[-1]["reason"], reason)

    def test_requests_for_somebody_else(self) -> None:
        answer = self.answer(self.toy(), self.request(implementation="python/other"))
        self.assert_failed(answer, "RequestError", "the request is for python/other, but this is python/toy")

    def test_protocol_version(self) -> None:
        answer = self.answer(self.toy(), self.request(protocol=99))
        self.assert_failed(answer, "RequestError", "the request speaks protocol 99, but this kit speaks 1")
        self.assertEqual(answer.names, ["failed"])

    def test_requests_that_are_not_json(self) -> None:
        self.assert_failed(self.answer(self.toy(), b"{]\n"), "RequestError", "the request is not JSON")
        self.assert_failed(self.answer(self.toy(), b""), "RequestError", "no request on standard input")

    def test_phases(self) -> None:
        def fails(message: str, *phases: object) -> None:
            self.assert_failed(
                self.answer(self.toy(), self.request(phases=list(phases))), "RequestError", message
            )

        fails(
            "phase x is of kind `dance`; known are fit, predict", FIT, {**FIT, "kind": "dance", "name": "x"}
        )
        manifest = support.TOY_MANIFEST.replace('"regression"', '"juggling"')
        answer = self.answer(self.toy(manifest=manifest), self.request(task="juggling"))
        known = "known are regression, classification, clustering, decomposition, image, sequence"
        self.assert_failed(answer, "RequestError", f"the task is `juggling`; {known}")
        fails("the first phase must be of kind `fit`", PREDICT)
        fails("the first phase must be of kind `fit`")
        answer = self.answer(self.toy(), self.request(draws="/d.safetensors"))
        self.assert_failed(answer, "RequestError", "the task `regression` has no draws")
        for rows in (0, 18, None):
            fails(
                f"batch_rows of phase predict@5 is {rows}, but must be from 1 to 17",
                FIT,
                {**PREDICT, "batch_rows": rows},
            )

    def test_manifests(self) -> None:
        answer = self.answer(self.folder / "nowhere", self.request())
        self.assert_failed(answer, "ManifestError", "No such file")
        answer = self.answer(self.toy(manifest="implementation = 3 ="), self.request())
        self.assert_failed(answer, "ManifestError", "cannot read")
        answer = self.answer(self.toy(manifest="implementation = 'python/toy'"), self.request())
        self.assert_failed(answer, "ManifestError", "lacks the key 'algorithms'")


class BundleTest(WorkerCase):
    def fails(self, message: str, **changed: object) -> None:
        answer = self.answer(self.toy(), self.request(**changed))
        self.assert_failed(answer, "BundleError", message)
        self.assertEqual(answer.names, ["ready", "phase_begin", "failed"])

    def test_missing_bundle(self) -> None:
        self.fails("No such file", bundle=str(self.folder / "nowhere" / "manifest.json"))

    def test_missing_or_broken_files(self) -> None:
        file = self.bundle.parent / "train_target.safetensors"
        file.write_bytes(b"not safetensors")
        self.fails("cannot read role train_target")
        file.unlink()
        self.fails("cannot read role train_target")

    def test_roles_that_no_worker_needs_are_not_loaded(self) -> None:
        (self.bundle.parent / "test_target.safetensors").unlink()
        self.assertEqual(self.answer(self.toy(), self.request()).names[-1], "done")

    def test_manifests_that_lie(self) -> None:
        for name, changed, message in [
            ("shape", {"shape": [60, 5]}, "but the manifest says float64 [60, 5]"),
            ("dtype", {"dtype": "float32"}, "but the manifest says float32 [60, 4]"),
            ("tensor", {"tensor": "other"}, "cannot read role train_features"),
        ]:
            bundle = support.write_bundle(self.folder / name, self.arrays, **changed)
            self.fails(message, bundle=str(bundle))

    def test_incomplete_manifests(self) -> None:
        self.bundle.write_text("{}")
        self.fails("lacks the key 'roles'")
        self.bundle.write_text(json.dumps({"roles": {"images": {}, "labels": {}}}))
        self.fails("has no role train_features; it has images, labels")
        self.bundle.write_text(json.dumps({"roles": {"train_features": {"file": "x"}}}))
        self.fails("role train_features of")

    def test_another_dtype_than_asked(self) -> None:
        self.fails("is float64, but the request asks for float32", dtype="float32")

    def test_code_that_writes_into_its_input(self) -> None:
        for planted in ("X -= X.mean(axis=0)", "y[3] = np.nan"):
            answer = self.answer(self.toy(fit=planted, predict="return np.ones(len(X))"), self.request())
            self.assert_failed(answer, "BundleError", "was modified during the trial")


class OutputTest(WorkerCase):
    def test_predictions_that_are_none(self) -> None:
        for planted, kind, message in [
            (
                "return (X @ self.w).tolist()",
                "TypeError",
                "predict must return a NumPy array, but returned list",
            ),
            ("return np.ones(3)", "ValueError", "one entry for each of 5 rows, but returned (3,)"),
            ("return np.float64(1.0)", "TypeError", "but returned float64"),
        ]:
            answer = self.answer(self.toy(predict=planted), self.request(phases=[FIT, PREDICT]))
            self.assert_failed(answer, kind, message)

    def test_outputs_of_other_kinds(self) -> None:
        for planted, kind, message in [
            (
                "return {'predictions': X[:3, 0]}",
                "ValueError",
                "one entry for each of 17 rows, but returned (3,)",
            ),
            (
                "return {'predictions': np.array(['a'] * 17)}",
                "TypeError",
                "output `predictions` is of type <U1",
            ),
        ]:
            self.assert_failed(self.answer(self.toy(outputs=planted), self.request()), kind, message)

    def test_outputs_are_written_in_canonical_types(self) -> None:
        planted = (
            "return {'predictions': X[:, 0].astype('f4'), 'labels': np.arange(3, dtype='u1'), "
            "'f': np.asfortranarray(X)}"
        )
        outputs = self.outputs(self.answer(self.toy(outputs=planted), self.request()))
        self.assertEqual(
            {n: a.dtype.name for n, a in outputs.items()},
            {"predictions": "float64", "labels": "int64", "f": "float64"},
        )
        np.testing.assert_array_equal(outputs["f"], self.arrays["test_features"])


if __name__ == "__main__":
    unittest.main()
