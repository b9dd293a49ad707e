"""Trials of language models with a toy of NumPy alone: the kit's loop, what it times, and what it shows."""

from __future__ import annotations

import hashlib
import json
import unittest
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from languages import (
    BUILD,
    SAMPLING,
    TEXTS,
    TOKENIZE,
    LanguageCase,
    by_phase,
    generate,
    generating,
    predict,
    repeat,
)
from support import ADAPTERS, Answer

from benchrun_kit.bundle import BundleError  # isort: skip
from benchrun_kit.draws import digest  # isort: skip
from benchrun_kit.model_files import documents, tokens_digest  # isort: skip
from benchrun_kit.request import RequestError  # isort: skip
from benchrun_kit.sampling import Sampler, softmax  # isort: skip

REFERENCE = ADAPTERS.parent / "tests" / "reference" / "language_models.json"


class Trials(LanguageCase):
    def logits(self, rows: np.ndarray) -> np.ndarray:
        """The toy's logits after every token, in float64."""
        table = self.table.astype(float)[rows]
        return table + table.cumsum(-2) / np.arange(1, rows.shape[-1] + 1)[:, None]

    def written(self, row: np.ndarray, new_tokens: int, column: int | None = None) -> list[int]:
        """The tokens that follow a prompt: the likeliest, or those of a column of the uniform numbers."""
        text = list(row)
        for step in range(new_tokens):
            logits = self.logits(np.array(text))[-1]
            if column is None:
                text.append(int(logits.argmax()))
            else:
                u = self.uniforms[step, column]
                text.append(Sampler(**SAMPLING).choose(logits, np.array(text), u)[0])
        return text[len(row) :]

    def series(self, answer: Answer) -> dict[str, list[int]]:
        return {event["phase"]: event["wall_ns"] for event in answer.events if event["event"] == "samples"}

    def work(self, answer: Answer) -> dict[str, Any]:
        return answer.one("receipt")["work"]


class TellingTest(Trials):
    """Embeddings, and what is made of next tokens."""

    def test_the_order_of_events(self) -> None:
        for algorithm, last in [("mean", predict("encode", 4)), ("perplexity", predict("score", 4))]:
            answer = self.answer(self.toy_model(), self.asked(algorithm, last))
            told = [(event["event"], event.get("phase")) for event in answer.events]
            ends = ["phase_begin", "phase_end"]
            self.assertEqual(
                told,
                [("ready", None), *((name, "load") for name in ends)]
                + [(n, p) for p in ("build", "tokenize", last["name"]) for n in (*ends, "samples")]
                + [(name, None) for name in ("receipt", "outputs", "done")],
            )

    def test_embeddings(self) -> None:
        self.rows[2, 4:] = 0
        phases = [predict("encode", 2), predict("encode", 4)]
        seen = "self.seen.append(tokens.shape)"
        planted = {"encode": seen, "reference": "import sys; print(self.seen, file=sys.stderr)"}
        answer = self.answer(self.toy_model(**planted), self.asked("mean", *phases))
        outputs = self.outputs(answer)
        self.assertEqual(sorted(outputs), ["embeddings", "reference"])
        table = self.table.astype(float)
        expected = np.stack([table[row[row != 0]].sum(0) for row in self.rows])
        np.testing.assert_allclose(outputs["embeddings"], expected, atol=1e-5)
        np.testing.assert_allclose(outputs["reference"], expected[:4], rtol=1e-12)
        self.assertEqual(outputs["embeddings"].dtype, np.float64)
        # A sample and a check of each phase, and then all rows in batches of the last one's size.
        shapes = [(2, 7)] * 2 + [(4, 7)] * 4 + [(1, 7)]
        self.assertIn(str(shapes), answer.stderr)

    def test_embeddings_without_a_phase_come_row_by_row(self) -> None:
        planted = "raise AssertionError(self.seen)"
        toy = self.toy_model(encode="self.seen.append(len(tokens))", reference=planted)
        self.assert_failed(self.answer(toy, self.asked("mean")), "AssertionError", str([1] * 9))

    def test_a_framework_without_a_reference(self) -> None:
        toy = self.toy_model(reference="return None")
        self.assertEqual(list(self.outputs(self.answer(toy, self.asked("mean")))), ["embeddings"])
        outputs = self.outputs(self.answer(toy, self.asked("perplexity")))
        self.assertNotIn("reference", outputs)
        self.assertIn("first_logits", outputs)

    def test_what_is_made_of_next_tokens(self) -> None:
        answer = self.answer(self.toy_model(), self.asked("perplexity", predict("score", 4)))
        outputs = self.outputs(answer)
        logits = self.logits(self.rows)[:, :-1]
        shares = logits - np.log(np.exp(logits).sum(2, keepdims=True))
        told = np.take_along_axis(shares, self.rows[:, 1:, None], 2)[:, :, 0]
        np.testing.assert_allclose(outputs["log_probabilities"], told, atol=1e-5)
        np.testing.assert_array_equal(outputs["answers"], logits.argmax(2))
        self.assertEqual(outputs["answers"].dtype, np.int64)
        # All of the 9 · 6 places, since they are fewer than 64.
        np.testing.assert_allclose(outputs["logits"], logits.reshape(54, 11), atol=1e-5)
        # All seven tokens of the first row are fewer than eight; the last one is answered too.
        np.testing.assert_allclose(outputs["first_logits"], self.logits(self.rows[0]), atol=1e-5)
        np.testing.assert_allclose(outputs["reference"], self.logits(self.rows[0]), rtol=1e-12)
        self.assertEqual(answer.one("receipt")["hyperparameters"], {"context": 2})
        self.assertEqual(self.work(answer)["produced"], 0)

    def test_some_places_of_many(self) -> None:
        self.rows = np.random.default_rng(1).integers(1, 11, (9, 20))
        outputs = self.outputs(self.answer(self.toy_model(), self.asked("perplexity", predict("score", 4))))
        places = [j * 171 // 64 for j in range(64)]
        expected = self.logits(self.rows)[:, :-1].reshape(171, 11)[places]
        np.testing.assert_allclose(outputs["logits"], expected, atol=1e-5)
        self.assertEqual(outputs["first_logits"].shape, (8, 11))

    def test_the_receipt(self) -> None:
        answer = self.answer(self.toy_model(), self.asked("mean", special := predict("encode", 4)))
        receipt = answer.one("receipt")
        self.assertEqual((receipt["train_rows"], receipt["features"]), (0, 7))
        self.assertEqual(receipt["hyperparameters"], {"normalize": False})
        self.assertNotIn("draws", receipt)
        work = receipt["work"]
        self.assertEqual(work["weights"], digest({"table": self.table}))
        self.assertEqual(work["mine"], 1)
        sha = hashlib.sha256()
        for text in TEXTS:
            for token in [1, *(ord(c) % 11 for c in text), -1]:
                sha.update(token.to_bytes(8, "little", signed=True))
        self.assertEqual(work["tokens"], sha.hexdigest())
        # Another use of the tokenizer is other tokens.
        others = [
            self.work(self.answer(self.toy_model(), self.asked("mean", special, bundle=self.texts(**says))))
            for says in ({"special_tokens": False}, {"truncate": 4})
        ]
        self.assertEqual(len({work["tokens"], *(other["tokens"] for other in others)}), 3)


class WritingTest(Trials):
    """Generations."""

    def phases(self, answer: Answer) -> dict[str, np.ndarray]:
        return by_phase(self.outputs(answer))

    def test_the_likeliest_tokens(self) -> None:
        phases = [generate(1), generate(4, repeat=repeat(3, warmup=1))]
        answer = self.answer(self.toy_model(), self.asked("greedy", *phases))
        lengths = {name: len(samples) for name, samples in self.series(answer).items()}
        self.assertEqual(
            lengths,
            {"build": 1, "tokenize": 1, "prefill@1": 1, "decode@1": 4, "prefill@4": 3, "decode@4": 12},
        )
        outputs = self.phases(answer)
        names = [f"{what}@{rows}" for rows in (1, 4) for what in ("tokens", "answers", "margins")]
        self.assertEqual(sorted(outputs), sorted([*names, "batches", "logits", "first_logits", "reference"]))
        expected = np.array([self.written(row[:3], 5) for row in self.rows[:4]])
        np.testing.assert_array_equal(outputs["tokens@4"], expected)
        np.testing.assert_array_equal(outputs["answers@4"], expected)
        np.testing.assert_array_equal(outputs["tokens@1"], expected[:1])
        texts = np.concatenate([self.rows[:4, :3], expected], 1)
        logits = self.logits(texts)[:, 2:-1]
        first, second = np.sort(logits, 2)[:, :, -1], np.sort(logits, 2)[:, :, -2]
        np.testing.assert_allclose(outputs["margins@4"], first - second, atol=1e-5)
        np.testing.assert_allclose(outputs["logits"], logits.reshape(20, 11), atol=1e-5)
        dtypes = {name: outputs[f"{name}@4"].dtype for name in ("tokens", "answers", "margins")}
        self.assertEqual(dtypes, {"tokens": np.int64, "answers": np.int64, "margins": np.float64})
        self.assertEqual(self.work(answer)["produced"], 5 + 20)
        self.assertEqual(answer.one("receipt")["hyperparameters"], generating())

    def test_sampled_tokens(self) -> None:
        answer = self.answer(self.toy_model(), self.asked("sample", generate(2), generate(4)))
        outputs = self.phases(answer)
        expected = np.array([self.written(row[:3], 5, i) for i, row in enumerate(self.rows[:4])])
        np.testing.assert_array_equal(outputs["tokens@4"], expected)
        np.testing.assert_array_equal(outputs["answers@4"], expected)
        likeliest = np.array([self.written(row[:3], 5) for row in self.rows[:4]])
        self.assertGreater((expected != likeliest).sum(), 4)
        # The margin of the last choice of the second row, from its distribution.
        text = np.concatenate([self.rows[1, :3], expected[1]])
        shares, nearest = Sampler(**SAMPLING).distribution(self.logits(text)[-2], text[:-1])
        ends, u = np.concatenate([[0.0], shares.cumsum()]), self.uniforms[4, 1]
        token = expected[1, 4]
        self.assertTrue(ends[token] <= u < ends[token + 1])
        margin = min(u - ends[token], ends[token + 1] - u, nearest)
        self.assertAlmostEqual(outputs["margins@4"][1, 4], margin, places=6)
        np.testing.assert_array_equal(outputs["uniforms"], self.uniforms[:5, :4].T.ravel())
        receipt = answer.one("receipt")
        self.assertEqual(receipt["hyperparameters"], generating(**SAMPLING))
        content = (self.folder / "uniforms.safetensors").read_bytes()
        self.assertEqual(receipt["draws"], hashlib.sha256(content).hexdigest())

    def test_some_of_many_places(self) -> None:
        hyperparameters = generating(new_tokens=33)
        request = self.asked("greedy", generate(1), generate(4), hyperparameters=hyperparameters)
        outputs = self.phases(self.answer(self.toy_model(), request))
        texts = np.concatenate([self.rows[:4, :3], outputs["tokens@4"]], 1)
        logits = self.logits(texts)[:, 2:-1].reshape(132, 11)
        np.testing.assert_allclose(outputs["logits"], logits[[j * 132 // 64 for j in range(64)]], atol=1e-5)

    def prompts(self, *phases: dict[str, Any]) -> list[list[int]]:
        """The first tokens of all prompts that a run was given."""
        planted = {
            "prefill": "self.seen.append(prompts[:, 0].tolist())",
            "read_back": "raise AssertionError(self.seen)",
        }
        self.rows[:, 0] = np.arange(1, 10)
        answer = self.answer(self.toy_model(**planted), self.asked("greedy", *phases))
        self.assertEqual(answer.events[-1].get("kind"), "AssertionError", answer.stderr)
        return json.loads(answer.events[-1]["message"])

    def test_rows_rotate_through_warm_up_and_samples(self) -> None:
        seen = self.prompts(generate(4, repeat=repeat(4, warmup=1)))
        first, second = [1, 2, 3, 4], [5, 6, 7, 8]
        self.assertEqual(seen, [first, second, first, second, first])

    def test_every_row_and_step_has_its_own_number(self) -> None:
        seen = "self.seen.append(uniforms.tolist())"
        toy = self.toy_model(prefill=seen, decode=seen, read_back="raise AssertionError(self.seen)")
        answer = self.answer(toy, self.asked("sample", generate(4, repeat=repeat(2))))
        numbers = [
            self.uniforms[step, rows].tolist() for rows in (slice(4), slice(4, 8)) for step in range(5)
        ]
        self.assert_failed(answer, "AssertionError", str(numbers))

    def test_what_no_timed_generation_told_is_generated_once_more(self) -> None:
        seen = self.prompts(generate(4, repeat=repeat(1, warmup=1)))
        self.assertEqual(seen, [[1, 2, 3, 4], [5, 6, 7, 8], [1, 2, 3, 4]])
        seen = self.prompts(generate(4, repeat=repeat(1)))
        self.assertEqual(seen, [[1, 2, 3, 4]])

    def test_a_model_is_fed_its_own_tokens(self) -> None:
        planted = {
            "top": "from itertools import count",
            "create": "Toy.choose = lambda self, logits, u: np.full(len(logits), next(self.count))",
            "load": "self.count = count(1)",
            "decode": "self.seen.append(tokens.tolist())",
            "reference": "raise AssertionError(self.seen)",
        }
        answer = self.answer(self.toy_model(**planted), self.asked("greedy", generate(2)))
        self.assert_failed(answer, "AssertionError", str([[1, 1], [2, 2], [3, 3], [4, 4]]))

    def test_the_time_that_is_left(self) -> None:
        bounds = {**repeat(50), "min_samples": 2, "max_time_ns": 1}
        answer = self.answer(self.toy_model(), self.asked("greedy", generate(1, repeat=bounds)))
        self.assertEqual(len(self.series(answer)["prefill@1"]), 2)

    def test_every_sample_is_slowed_once(self) -> None:
        toy = self.toy_model(
            top="import time",
            prefill="time.sleep(0.004)",
            decode="time.sleep(0.002)",
            build="time.sleep(0.002)",
            tokenize="time.sleep(0.002)",
        )
        phase = generate(1, repeat=repeat(4))
        series = self.series(self.answer(toy, self.asked("greedy", phase, slowdown=3.0)))
        for name, least in [("build", 8), ("tokenize", 8), ("prefill@1", 16), ("decode@1", 8)]:
            self.assertGreaterEqual(min(series[name]), least * 1_000_000, name)

    def test_a_single_new_token_has_no_later_ones(self) -> None:
        request = self.asked("greedy", generate(2), hyperparameters=generating(new_tokens=1))
        answer = self.answer(self.toy_model(), request)
        self.assertEqual(list(self.series(answer)), ["build", "tokenize", "prefill@2"])
        self.assertEqual(self.phases(answer)["tokens@2"].shape, (2, 1))

    def test_prompts_may_be_whole_rows(self) -> None:
        request = self.asked("greedy", generate(2), hyperparameters=generating(prompt_tokens=7))
        outputs = self.phases(self.answer(self.toy_model(), request))
        np.testing.assert_array_equal(outputs["tokens@2"][1], self.written(self.rows[1], 5))

    def test_long_generations_give_signs_of_life(self) -> None:
        toy = self.toy_model(top="import time", decode="time.sleep(0.4)")
        phase = generate(1, repeat=repeat(2, warmup=1))
        answer = self.answer(toy, self.asked("greedy", phase))
        progress = [event for event in answer.events if event["event"] == "progress"]
        self.assertEqual({(event["phase"], event["total"]) for event in progress}, {("generate@1", 15)})
        done = [event["done"] for event in progress]
        self.assertEqual(done, sorted(set(done)))
        self.assertGreater(len(done), 2)

    def test_a_cache_that_forgets_is_shown(self) -> None:
        toy = self.toy_model(decode="self.history = self.history[:, :0]")
        outputs = self.phases(self.answer(toy, self.asked("greedy", generate(4))))
        self.assertTrue((outputs["tokens@4"] != outputs["answers@4"]).any())
        np.testing.assert_array_equal(outputs["tokens@4"][:, 0], outputs["answers@4"][:, 0])

    def test_a_sampler_with_numbers_of_its_own_is_shown(self) -> None:
        toy = self.toy_model(decode="uniforms = uniforms[::-1]")
        outputs = self.phases(self.answer(toy, self.asked("sample", generate(4))))
        self.assertTrue((outputs["tokens@4"] != outputs["answers@4"]).any())


class RefusalTest(Trials):
    def fails(self, kind: str, message: str, which: str, *phases: dict[str, Any], **changed: Any) -> None:
        planted = changed.pop("planted", {})
        answer = self.answer(self.toy_model(**planted), self.asked(which, *phases, **changed))
        self.assert_failed(answer, kind, message)

    def test_phases(self) -> None:
        def refused(message: str, which: str, *phases: dict[str, Any], **changed: Any) -> None:
            self.fails("RequestError", message, which, *phases, **changed)

        refused("the first phase must be of kind `build`", "greedy", phases=[TOKENIZE, BUILD])
        refused("the second phase must be of kind `tokenize`", "greedy", phases=[BUILD, generate(1)])
        refused("2 phases are of kind `tokenize`", "mean", TOKENIZE)
        message = "is of kind `generate`; known are build, tokenize, predict"
        refused(message, "perplexity", generate(1))
        refused("is of kind `predict`; known are build, tokenize, generate", "greedy", predict("score", 1))
        refused("is of kind `fit`", "mean", {**BUILD, "kind": "fit"})
        refused("batch_rows of phase generate@10 is 10, but must be from 1 to 9", "greedy", generate(10))
        refused("must be named generate@<rows>", "greedy", generate(1, name="write@1"))
        message = "the algorithm of task `language_model` is `beam`; known are mean, cls, perplexity, greedy"
        refused(message, "greedy", algorithm="beam")

    def test_hyperparameters(self) -> None:
        for own, message in [
            (generating(prompt_tokens=8), "prompt_tokens is 8, but must be a number from 1 to 7, the length"),
            (generating(prompt_tokens=0), "prompt_tokens is 0"),
            (generating(new_tokens=0), "new_tokens is 0, but must be a number from 1"),
            ({"prompt_tokens": 3}, "new_tokens is None"),
        ]:
            self.fails("RequestError", message, "greedy", generate(1), hyperparameters=own)
        for name, value, what in [
            ("temperature", 0.0, "a number above 0"),
            ("top_k", -1, "a whole number from 0"),
            ("top_k", 2.5, "a whole number from 0"),
            ("top_p", 0.0, "above 0 and at most 1"),
            ("top_p", 1.5, "above 0 and at most 1"),
            ("repetition_penalty", "none", "a number above 0"),
        ]:
            with self.assertRaises(RequestError) as caught:
                Sampler.of({**SAMPLING, name: value})
            self.assertEqual(str(caught.exception), f"{name} is {value!r}, but must be {what}")

    def test_draws(self) -> None:
        path = self.folder / "draws.safetensors"

        def refused(message: str, **tensors: np.ndarray) -> None:
            save_file(tensors, path)
            self.fails("DrawsError", message, "sample", generate(1), draws=str(path))

        refused("lacks the tensor uniforms")
        refused("unknown tensor other", uniforms=np.zeros((5, 9)), other=np.zeros(1))
        refused("uniforms is float64 (9, 5)", uniforms=np.zeros((9, 5)))
        refused("but must be float64 (5, 9)", uniforms=np.zeros((5, 9), np.float32))
        refused("outside of [0, 1)", uniforms=np.ones((5, 9)))
        self.fails("DrawsError", "cannot read the draws", "sample", draws=str(self.folder / "none"))
        message = "the algorithm `sample` needs draws"
        self.fails("RequestError", message, "sample", generate(1), draws=None)
        message = "the algorithm `greedy` has no draws"
        self.fails("RequestError", message, "greedy", generate(1), draws=str(path))
        self.fails("RequestError", "the task `embedding` has no draws", "mean", draws=str(path))
        planted = {"decode": "uniforms[:] = 0.5"}
        message = "the uniform numbers were modified"
        self.fails("DrawsError", message, "sample", generate(1), planted=planted)

    def test_the_models_files(self) -> None:
        def refused(message: str, **changed: Any) -> None:
            self.fails("BundleError", message, "mean", **changed)

        refused("special_tokens is 1, but must be true or false", bundle=self.texts(special_tokens=1))
        refused("truncate is 0, but must be a number from 1, or null", bundle=self.texts(truncate=0))
        refused("cannot read the model's file", bundle=self.texts(folder="../nowhere"))
        refused("but must have ['config.json', 'model.safetensors'", bundle=self.texts(files={}))
        bundle = self.texts()
        (self.model / "tokenizer.json").write_text("{ }")
        refused(f"the SHA-256 of {Path(bundle).parent}/../model/tokenizer.json is", bundle=bundle)
        manifest = json.loads(Path(bundle).read_text())
        del manifest["model"]
        Path(bundle).write_text(json.dumps(manifest))
        refused("lacks the key model", bundle=bundle)

    def test_rows(self) -> None:
        self.rows[3, 2] = 11
        message = "test_features holds tokens that are none of a vocabulary of 11"
        self.fails("BundleError", message, "mean")
        self.rows = np.zeros((9, 1), np.int64)
        self.fails("BundleError", "have one token, but perplexity needs two", "perplexity")
        self.rows = np.zeros((9, 4), np.int32)
        self.fails("BundleError", "test_features is int32 [9, 4], but must be int64", "mean")

    def test_what_a_model_answers(self) -> None:
        def refused(message: str, algorithm: str, *phases: dict[str, Any], **planted: str) -> None:
            self.fails("ValueError", message, algorithm, *phases, planted=planted)

        message = "encode must return float32 [4, d], but returned float64 (4, 2)"
        wrong = "return np.zeros((len(tokens), 2))"
        refused(message, "mean", predict("encode", 4), encode=wrong)
        refused("tokenize must return 4 texts' tokens, but returned 0", "mean", tokenize="return []")
        told = "z = np.zeros; return NextTokens(z(3, 'f'), z(3, int), z((0, 11), 'f'))"
        refused("next_tokens must return", "perplexity", predict("score", 4), next_tokens=told)
        one = generate(2)
        for wrong, message in [
            ("np.zeros((2, 1), int)", "must return tokens int64 (2,), but returned int64 (2, 1)"),
            ("np.zeros(2)", "must return tokens int64 (2,), but returned float64 (2,)"),
            ("[1, 2]", "but returned <class 'list'>"),
            ("np.array([3, 11])", "tokens [3, 11] are none of a vocabulary of 11"),
        ]:
            refused(message, "greedy", one, decode=f"return {wrong}")
        narrow = "return NextTokens(np.zeros(7, 'f'), np.zeros(7, int), np.zeros((5, 9), 'f'))"
        message = "next_tokens must return logits of float32 (5, 11), but returned float32 (5, 9)"
        refused(message, "greedy", one, next_tokens=narrow)
        refused("reference must return float64 (4, 11)", "mean", reference="return np.zeros((4, 2))")

    def test_arrays_that_were_modified(self) -> None:
        planted = {"encode": "tokens[0, 0] = tokens[0, 0] % 10 + 1"}
        message = "the array test_features was modified during the trial"
        self.fails("BundleError", message, "mean", predict("encode", 4), planted=planted)

    def test_documents(self) -> None:
        content = np.frombuffer("aä".encode(), np.uint8)
        self.assertEqual(documents(content, np.array([0, 0, 1, 3])), ["", "a", "ä"])
        for offsets in ([0, 4], [1, 3], [0, 2, 1, 3], [0], []):
            with self.assertRaisesRegex(BundleError, "text_offsets must rise"):
                documents(content, np.array(offsets, np.int64))
        with self.assertRaisesRegex(BundleError, "a text is no UTF-8"):
            documents(content, np.array([0, 2, 3]))
        with self.assertRaisesRegex(BundleError, "must be uint8 at int64"):
            documents(content.astype(np.int64), np.array([0, 3]))
        self.assertNotEqual(tokens_digest([[1], [2]]), tokens_digest([[1, 2], []]))


class SamplerTest(unittest.TestCase):
    def test_transformers_in_double_precision(self) -> None:
        cases = json.loads(REFERENCE.read_text())["samplers"]
        self.assertGreater(len(cases), 15)
        for case in cases:
            sampler = Sampler(**{name: case[name] for name in SAMPLING})
            logits, history = np.array(case["logits"]), np.array(case["history"], np.int64)
            found, _ = sampler.distribution(logits, history)
            np.testing.assert_allclose(found, case["distribution"], rtol=1e-12, atol=1e-300)
            chosen = [sampler.choose(logits, history, u)[0] for u in case["u"]]
            self.assertEqual(chosen, case["chosen"])

    def test_equal_logits(self) -> None:
        logits = np.array([1.0, 2.0, 2.0, 2.0, 0.0])
        none = np.array([], np.int64)
        # All that are as large as the second.
        found, nearest = Sampler(1.0, 2, 1.0, 1.0).distribution(logits, none)
        np.testing.assert_allclose(found, [0, 1 / 3, 1 / 3, 1 / 3, 0])
        self.assertEqual(nearest, 0)
        # Of equal logits the first tokens are removed first.
        found, nearest = Sampler(1.0, 0, 0.5, 1.0).distribution(np.zeros(4), none)
        np.testing.assert_allclose(found, [0, 0, 0.5, 0.5])
        self.assertEqual(nearest, 0)
        self.assertEqual(Sampler(1.0, 0, 1e-9, 1.0).distribution(np.zeros(4), none)[0].tolist(), [0, 0, 0, 1])

    def test_each_token_of_the_history_is_penalised_once(self) -> None:
        logits = np.array([2.0, -1.0, 0.5])
        found, _ = Sampler(1.0, 0, 1.0, 2.0).distribution(logits, np.array([0, 0, 1, 0]))
        np.testing.assert_allclose(found, softmax(np.array([1.0, -2.0, 0.5])))
        np.testing.assert_array_equal(logits, [2.0, -1.0, 0.5])

    def test_numbers_at_the_ends(self) -> None:
        sampler, none = Sampler(1.0, 0, 1.0, 1.0), np.array([], np.int64)
        self.assertEqual(sampler.choose(np.array([-np.inf, 0.0, 0.0]), none, 0.0), (1, 0.0))
        last = np.nextafter(1.0, 0.0)
        for seed in range(200):
            logits = np.random.default_rng(seed).normal(0, 5, 40)
            logits[-3:] = -np.inf
            self.assertLessEqual(sampler.choose(logits, none, last)[0], 36)

    def test_tokens_come_as_often_as_they_are_probable(self) -> None:
        generator = np.random.default_rng(17)
        logits, history = generator.normal(0, 2, 30), generator.integers(0, 30, 9)
        sampler = Sampler(0.9, 20, 0.95, 1.3)
        shares, _ = sampler.distribution(logits, history)
        draws = 20_000
        chosen = [sampler.choose(logits, history, u)[0] for u in generator.random(draws)]
        found, kept = np.bincount(chosen, minlength=30), shares > 0
        self.assertTrue(8 <= kept.sum() <= 20)
        self.assertEqual(found[~kept].sum(), 0)
        expected = draws * shares[kept]
        statistic = ((found[kept] - expected) ** 2 / expected).sum()
        # Its mean is the degrees of freedom, its variance twice that; six deviations are far out.
        degrees = kept.sum() - 1
        self.assertLess(statistic, degrees + 6 * np.sqrt(2 * degrees))


if __name__ == "__main__":
    unittest.main()
