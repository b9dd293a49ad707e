"""Trials of networks with a toy of NumPy alone: the kit's loop, what it times, and what it shows."""

from __future__ import annotations

import hashlib
import unittest
from pathlib import Path

import numpy as np

from networks import BUILD, PREDICT, TRAIN, NetworkCase
from support import ONCE, Answer

from benchrun_kit.draws import digest, moved  # isort: skip
from benchrun_kit.first_steps import entries, norm  # isort: skip


class TrainingTest(NetworkCase):
    def losses(
        self, batches: list[np.ndarray], weights: dict[str, np.ndarray]
    ) -> tuple[list[float], np.ndarray]:
        """Losses of these steps in float64 and the logits of the test rows after them, computed here anew."""
        w, b = weights["w"].astype(float), weights["b"].astype(float)
        x, y = self.images["train_features"].astype(float), self.images["train_target"]
        losses = []
        for rows in batches:
            logits = x[rows] @ w.T + b
            shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            losses.append(-np.log(shares[range(len(rows)), y[rows]]).mean())
            off = (shares - np.eye(3)[y[rows]]) / len(rows)
            w, b = w - 0.5 * off.T @ x[rows], b - 0.5 * off.sum(0)
        return losses, self.images["test_features"] @ w.T + b

    def batches(self) -> list[np.ndarray]:
        return [order[i : i + 8] for order in self.order for i in (0, 8, 16)]

    def series(self, answer: Answer) -> dict[str, dict[str, list[int]]]:
        return {event["phase"]: event for event in answer.events if event["event"] == "samples"}

    def test_the_order_of_events(self) -> None:
        answer = self.answer(self.network(), self.asked())
        told = [(event["event"], event.get("phase")) for event in answer.events]
        ends = ["phase_begin", "phase_end"]
        self.assertEqual(
            told,
            [("ready", None)]
            + [(name, "load") for name in ends]
            + [(name, "build") for name in [*ends, "samples"]]
            + [(name, "train") for name in ends]
            + [("samples", name) for name in ("train_step", "epoch", "evaluate")]
            + [(name, "predict@5") for name in [*ends, "samples"]]
            + [(name, None) for name in ("receipt", "outputs", "done")],
        )
        lengths = {name: len(samples["calls"]) for name, samples in self.series(answer).items()}
        self.assertEqual(lengths, {"build": 1, "train_step": 6, "epoch": 2, "evaluate": 2, "predict@5": 1})

    def test_every_step_takes_the_rows_and_the_rate_of_the_draws(self) -> None:
        self.rates = np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
        self.hyperparameters["schedule"] = "step"
        seen = "self.seen.append((rows.dtype.name, rows.tolist(), rate))"
        planted = "raise AssertionError(self.seen)"
        answer = self.answer(self.network(step=seen, read_back=planted), self.asked())
        expected = [
            ("int64", rows.tolist(), rate)
            for rows, rate in zip(self.batches(), self.rates.tolist(), strict=True)
        ]
        self.assert_failed(answer, "AssertionError", str(expected))

    def test_losses_and_logits(self) -> None:
        outputs = self.outputs(self.answer(self.network(), self.asked()))
        losses, logits = self.losses(self.batches(), self.weights)
        np.testing.assert_allclose(outputs["losses"], losses, rtol=1e-5)
        np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-4, atol=1e-5)
        _, halfway = self.losses(self.batches()[:3], self.weights)
        answers = np.stack([halfway.argmax(1), logits.argmax(1)])
        np.testing.assert_array_equal(outputs["epoch_answers"], answers)
        self.assertEqual(outputs["epoch_answers"].dtype, np.int64)

    def test_evaluation_takes_all_test_rows_in_batches(self) -> None:
        seen = "self.seen.append((len(features), float(features[0, 0])))"
        planted = "raise AssertionError(self.seen)"
        answer = self.answer(self.network(predict=seen, read_back=planted), self.asked(phases=[BUILD, TRAIN]))
        x = self.images["test_features"]
        expected = [(4, float(x[0, 0])), (4, float(x[4, 0])), (1, float(x[8, 0]))] * 2
        self.assert_failed(answer, "AssertionError", str(expected))

    def test_epochs_hold_their_steps_and_are_shown(self) -> None:
        answer = self.answer(self.network(), self.asked())
        series = self.series(answer)
        for epoch in range(2):
            steps = series["train_step"]["wall_ns"][3 * epoch : 3 * epoch + 3]
            self.assertGreater(series["epoch"]["wall_ns"][epoch], sum(steps))
        self.assertEqual(self.outputs(answer)["epoch_ns"].tolist(), series["epoch"]["wall_ns"])

    def test_a_cap_on_steps_ends_within_an_epoch(self) -> None:
        self.hyperparameters["steps"] = 4
        self.rates = self.rates[:4]
        answer = self.answer(self.network(), self.asked())
        work = answer.one("receipt")["work"]
        self.assertEqual((work["steps"], work["epochs"]), (4, 2))
        outputs = self.outputs(answer)
        self.assertEqual(outputs["losses"].shape, (4,))
        self.assertEqual(outputs["epoch_answers"].shape, (2, 9))
        self.assertEqual(outputs["envelope"].shape, (3, 4))
        _, logits = self.losses(self.batches()[:4], self.weights)
        np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-4, atol=1e-5)

    def test_a_cap_at_the_end_of_an_epoch_begins_no_other(self) -> None:
        self.hyperparameters["steps"] = 3
        self.rates = self.rates[:3]
        work = self.answer(self.network(), self.asked()).one("receipt")["work"]
        self.assertEqual((work["steps"], work["epochs"]), (3, 1))

    def stopped(self, losses: list[float], patience: int) -> int:
        """Epochs of a training with these losses on the validation rows."""
        self.hyperparameters |= {"patience": patience, "epochs": 6, "batch_size": 9}
        self.order = np.stack([np.random.default_rng(e).permutation(18) for e in range(6)])
        self.rates = np.full(12, 0.5)
        files = self.write(validation=np.array([18, 19]))
        planted = f"self.seen.append(0); return {losses}[len(self.seen) - 1]"
        answer = self.answer(self.network(loss=planted), self.asked(files))
        receipt = answer.one("receipt")
        self.assertEqual(receipt["hyperparameters"]["patience"], patience)
        self.assertEqual(receipt["work"]["steps"], 2 * receipt["work"]["epochs"])
        return receipt["work"]["epochs"]

    def test_early_stopping(self) -> None:
        # An equal loss has not fallen, nor has one that is no number.
        self.assertEqual(self.stopped([3.0, 2.0, 2.0, 2.5, 1.0], patience=2), 4)
        self.assertEqual(self.stopped([3.0, 4.0, 2.0, 2.5, 1.0], patience=2), 6)
        self.assertEqual(self.stopped([3.0, 4.0], patience=1), 2)

    def test_the_validation_loss_is_that_of_all_rows_set_apart(self) -> None:
        self.hyperparameters |= {"patience": 1, "epochs": 6, "batch_size": 9}
        self.order = np.stack([np.arange(15)] * 6)
        self.rates = np.full(12, 0.5)
        files = self.write(validation=np.array([15, 17, 16, 19, 18]))
        # Batches of four rows and of one: the means of two make 2.0, then 1.9, then 1.9 again, which ends it.
        means = "[1.0, 6.0, 2.125, 1.0, 2.125, 1.0]"
        planted = f"self.seen.append(rows.tolist()); return {means}[len(self.seen) - 1]"
        network = self.network(loss=planted, read_back="raise AssertionError(self.seen)")
        seen = [[15, 17, 16, 19], [18]] * 3
        self.assert_failed(self.answer(network, self.asked(files)), "AssertionError", str(seen))

    def test_numbers(self) -> None:
        self.says |= {"target": "continuous", "class_names": []}
        self.images["train_target"] = np.linspace(0, 1, 20, dtype=np.float32)
        self.weights = {"w": self.weights["w"][:1], "b": self.weights["b"][:1]}
        self.rates *= 0.01
        self.hyperparameters["learning_rate"] = 0.005
        outputs = self.outputs(self.answer(self.network(), self.asked()))
        self.assertEqual(outputs["logits"].shape, (9, 1))
        np.testing.assert_array_equal(outputs["epoch_answers"][1], outputs["logits"][:, 0])
        self.assertEqual(outputs["epoch_answers"].dtype, np.float64)

    def test_every_sample_is_slowed_once(self) -> None:
        network = self.network(top="import time", step="time.sleep(0.002)")
        series = self.series(self.answer(network, self.asked(slowdown=3.0)))
        steps, epochs = series["train_step"]["wall_ns"], series["epoch"]["wall_ns"]
        self.assertGreaterEqual(min(steps), 8_000_000)
        self.assertGreaterEqual(epochs[0], sum(steps[:3]))

    def test_long_trainings_give_signs_of_life(self) -> None:
        network = self.network(top="import time", step="time.sleep(0.3)")
        answer = self.answer(network, self.asked(phases=[BUILD, TRAIN]))
        progress = [event for event in answer.events if event["event"] == "progress"]
        self.assertTrue(progress)
        self.assertEqual({(event["phase"], event["total"]) for event in progress}, {("train", 6)})
        done = [event["done"] for event in progress]
        self.assertEqual(done, sorted(set(done)))


#: The logits of a token are a row of `w`: softmax regression on the token before.
BIGRAMS = """
from benchrun_kit import NextTokens

def bigrams(base):
    class Bigrams(base):
        def shares(self, x, y):
            logits = self.state["w"][x.reshape(-1)]
            odds = np.exp(logits - logits.max(1, keepdims=True))
            shares = odds / odds.sum(1, keepdims=True)
            return logits, shares, np.log(shares[np.arange(y.size), y.reshape(-1)])

        def backward(self, rows):
            x, y = self.data.features[rows][:, :-1], self.data.features[rows][:, 1:]
            logits, shares, told = self.shares(x, y)
            shares[np.arange(y.size), y.reshape(-1)] -= 1
            gradient = np.zeros_like(self.state["w"])
            np.add.at(gradient, x.reshape(-1), shares / y.size)
            return logits.reshape(*x.shape, -1), -float(told.mean()), gradient

        def step(self, rows, rate, moves):
            _, loss, gradient = self.backward(rows)
            self.state["w"] -= np.float32(rate) * gradient
            return loss

        def predict(self, features):
            return self.state["w"][features[:, :-1]]

        def next_tokens(self, features, shown):
            logits, _, told = self.shares(features[:, :-1], features[:, 1:])
            return NextTokens(told, logits.argmax(1), logits[shown])

        def first_step(self, rows, moves):
            logits, loss, gradient = self.backward(rows)
            return logits, loss, {"w": gradient}

    return Bigrams
"""


class NextTokenTest(NetworkCase):
    """20 training and 9 test rows of 15 tokens out of 5: more places than are shown."""

    def setUp(self) -> None:
        super().setUp()
        draw = np.random.default_rng(6)
        rows = {"train_features": 20, "test_features": 9}
        self.images = {role: draw.integers(0, 5, (count, 15)) for role, count in rows.items()}
        self.says = {"target": "next", "class_names": [], "vocabulary": 5}
        self.weights = {"w": draw.standard_normal((5, 5), dtype=np.float32)}

    def bigrams(self, **planted: str) -> Path:
        return self.network(**{"top": BIGRAMS, "create": "return bigrams(Softmax)(request)", **planted})

    def trial(self, **planted: str) -> Answer:
        return self.answer(self.bigrams(**planted), self.asked(task="next_token"))

    def test_losses_and_what_is_made_of_the_tokens(self) -> None:
        outputs = self.outputs(self.trial())
        w = self.weights["w"].astype(float)
        losses, answers = [], []
        x, y = self.images["test_features"][:, :-1], self.images["test_features"][:, 1:]
        for order in self.order:
            for i in (0, 8, 16):
                rows = self.images["train_features"][order[i : i + 8]]
                before, after = rows[:, :-1].reshape(-1), rows[:, 1:].reshape(-1)
                shares = np.exp(w[before]) / np.exp(w[before]).sum(1, keepdims=True)
                losses.append(-np.log(shares[range(after.size), after]).mean())
                gradient = np.zeros((5, 5))
                np.add.at(gradient, before, (shares - np.eye(5)[after]) / after.size)
                w -= 0.5 * gradient
            answers.append(w[x].argmax(2).reshape(-1))
        np.testing.assert_allclose(outputs["losses"], losses, rtol=1e-5)
        told = w[x] - np.log(np.exp(w[x]).sum(2, keepdims=True))
        expected = np.take_along_axis(told, y[:, :, None], 2)[:, :, 0]
        np.testing.assert_allclose(outputs["log_probabilities"], expected, rtol=1e-4)
        np.testing.assert_array_equal(outputs["answers"], w[x].argmax(2))
        np.testing.assert_array_equal(outputs["epoch_answers"], answers)
        # ⌊j·126/64⌋ of the 126 places of all rows, whatever the batches.
        places = np.arange(64) * 126 // 64
        np.testing.assert_allclose(outputs["logits"], w[x].reshape(126, 5)[places], rtol=1e-4, atol=1e-5)

    def test_the_first_step_shows_the_logits_of_some_tokens(self) -> None:
        outputs = self.outputs(self.trial())
        x = self.images["train_features"][self.order[0][:8]][:, :-1].reshape(-1)
        places = np.arange(64) * 112 // 64
        np.testing.assert_array_equal(outputs["first_logits"], self.weights["w"][x[places]])
        self.assertEqual(outputs["first_loss"].tolist(), outputs["losses"][:1].tolist())

    def test_a_bundle_has_no_target(self) -> None:
        planted = "raise AssertionError((data.target, data.outputs, data.answers))"
        self.assert_failed(self.trial(load=planted), "AssertionError", "(None, 5, (14, 5))")

    def test_answers_that_are_none(self) -> None:
        changed = (
            BIGRAMS
            + """
def spoilt(base):
    class Spoilt(bigrams(base)):
        def next_tokens(self, features, shown):
            told = super().next_tokens(features, shown)
            return NextTokens({})
    return Spoilt
"""
        )
        create = "return spoilt(Softmax)(request)"
        told = "told.log_probabilities, told.answers, told.logits"
        for field, wrong, message in [
            ("log_probabilities", ".astype(float)", "log_probabilities of float32 (126,)"),
            ("answers", "[1:]", "answers of int64 (126,)"),
            ("logits", "[:1]", "logits of float32 (64, 5)"),
        ]:
            fields = told.replace(f"told.{field}", f"told.{field}{wrong}")
            answer = self.trial(top=changed.replace("NextTokens({})", f"NextTokens({fields})"), create=create)
            self.assert_failed(answer, "ValueError", f"next_tokens must return {message}, but returned")


class ReceiptTest(NetworkCase):
    def test_hashes(self) -> None:
        files = self.write()
        receipt = self.answer(self.network(), self.asked(files)).one("receipt")
        self.assertEqual(receipt["draws"], hashlib.sha256(Path(files["draws"]).read_bytes()).hexdigest())
        # By the bytewise order of the names, in whichever the network hands them out.
        weights = b"b\0" + self.weights["b"].tobytes() + b"w\0" + self.weights["w"].tobytes()
        self.assertEqual(
            receipt["work"],
            {
                "mine": 1,
                "steps": 6,
                "epochs": 2,
                "weights": hashlib.sha256(weights).hexdigest(),
                "order": hashlib.sha256(self.order.astype("<i8").tobytes()).hexdigest(),
            },
        )

    def test_the_hash_of_the_order_is_of_the_rows_that_were_used(self) -> None:
        self.hyperparameters["steps"] = 4
        self.rates = self.rates[:4]
        receipt = self.answer(self.network(), self.asked()).one("receipt")
        used = np.concatenate([self.order[0], self.order[1][:8]])
        self.assertEqual(receipt["work"]["order"], hashlib.sha256(used.tobytes()).hexdigest())

    def test_the_hash_of_the_weights_is_of_what_was_built(self) -> None:
        planted = "weights = {n: a * 2 for n, a in weights.items()}"
        receipt = self.answer(self.network(build=planted), self.asked()).one("receipt")
        doubled = {name: 2 * array for name, array in self.weights.items()}
        self.assertEqual(receipt["work"]["weights"], digest(doubled))

    def test_the_loop_answers_for_its_own_hyperparameters(self) -> None:
        self.hyperparameters |= {"gamma": 0.1, "step_epochs": 5, "validation": 0.1}
        receipt = self.answer(self.network(), self.asked()).one("receipt")
        self.assertEqual(receipt["hyperparameters"], self.hyperparameters)
        self.assertEqual((receipt["train_rows"], receipt["features"]), (20, 6))
        self.rates = self.rates / 2
        receipt = self.answer(self.network(), self.asked()).one("receipt")
        self.assertEqual(receipt["hyperparameters"]["learning_rate"], 0.25)

    def test_hyperparameters_that_nobody_answers_for(self) -> None:
        self.hyperparameters["momentum"] = 0.9
        answer = self.answer(self.network(), self.asked())
        self.assert_failed(answer, "ReceiptError", "read_back lacks the hyperparameter `momentum`")


class FirstStepTest(NetworkCase):
    def test_entries_of_gradients(self) -> None:
        self.assertEqual(entries(np.arange(3.0)).tolist(), [0, 1, 2])
        self.assertEqual(entries(np.arange(64).reshape(8, 8)).tolist(), list(range(64)))
        # ⌊j·100/64⌋ and ⌊j·65/64⌋
        self.assertEqual(entries(np.arange(100)).tolist()[:6], [0, 1, 3, 4, 6, 7])
        self.assertEqual(entries(np.arange(100)).tolist()[-1], 98)
        self.assertEqual(entries(np.arange(65)).tolist(), list(range(64)))
        self.assertEqual(entries(np.zeros(0)).tolist(), [])

    def test_norms_of_gradients(self) -> None:
        self.assertEqual(norm(np.array([[3.0], [4.0]], np.float32)), 5.0)
        # In single precision the sum of the squares would be infinite.
        self.assertAlmostEqual(norm(np.full((2, 2), 1e30, np.float32)) / 2e30, 1.0, places=6)

    def test_weights_are_moved_by_one_unit_in_the_last_place(self) -> None:
        values = np.array([1.0, -1.0, 0.0, -0.0, 1e-45, 3.5e38 / 1.1, 0.1], np.float32)
        seen = {
            tuple(moved({"w": values}, np.random.default_rng(seed), 1)["w"].tolist()) for seed in range(40)
        }
        for place, value in enumerate(values):
            found = {row[place] for row in seen}
            if abs(value) < 1e-44:
                self.assertEqual(found, {float(value)})
            else:
                neighbours = {float(np.nextafter(value, np.float32(end))) for end in (-np.inf, np.inf)}
                self.assertEqual(found, neighbours, value)

    def test_every_step_takes_the_moves_of_its_rows(self) -> None:
        self.hyperparameters |= {"flip": True, "shift": 2}
        augment = np.random.default_rng(6).integers(0, 2, (2, 20, 3))
        seen = "self.seen.append(moves.tolist())"
        planted = "raise AssertionError(self.seen)"
        answer = self.answer(
            self.network(step=seen, read_back=planted), self.asked(self.write(augment=augment))
        )
        wanted = [moves[i : i + 8].tolist() for moves in augment for i in (0, 8, 16)]
        self.assertEqual(answer.one("failed")["message"], str(wanted))

    def test_moves_that_were_not_asked_are_refused(self) -> None:
        one = np.zeros((2, 20, 3), np.int64)
        cases = [
            ({}, {"augment": one}, "has moves, but flip is false and shift is 0"),
            ({"flip": True, "shift": 1}, {}, "has no moves, but flip is true and shift is 1"),
            ({"flip": True, "shift": 0}, {"augment": one + 1}, "farther than flip and shift say"),
            ({"flip": False, "shift": 1}, {"augment": one + 1}, "farther than flip and shift say"),
            ({"flip": True, "shift": 1}, {"augment": one[:1]}, "augment is [1, 20, 3]"),
        ]
        for asked, arrays, message in cases:
            with self.subTest(message=message, asked=asked):
                hyperparameters = {**self.hyperparameters, **asked}
                request = self.asked(self.write(**arrays), hyperparameters=hyperparameters)
                self.assertIn(message, self.answer(self.network(), request).one("failed")["message"])

    def test_weights_are_moved_by_a_unit_of_bfloat16(self) -> None:
        found = moved({"w": np.full(50, 1.0, np.float32)}, np.random.default_rng(1), 1 << 16)["w"]
        self.assertEqual(set(found.tolist()), {1 + 2**-7, 1 - 2**-8})

    def test_the_first_step_is_shown(self) -> None:
        outputs = self.outputs(self.answer(self.network(), self.asked()))
        rows = self.order[0][:8]
        x, y = self.images["train_features"][rows].astype(float), self.images["train_target"][rows]
        logits = x @ self.weights["w"].T + self.weights["b"]
        off = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(3)[y]) / 8
        w, b = off.T @ x, off.sum(0)
        np.testing.assert_allclose(outputs["first_logits"], logits, rtol=1e-5, atol=1e-6)
        self.assertEqual(outputs["first_loss"].tolist(), outputs["losses"][:1].tolist())
        test = self.images["test_features"][:16]
        initial = test.astype(float) @ self.weights["w"].T + self.weights["b"]
        np.testing.assert_allclose(outputs["initial_logits"], initial, rtol=1e-5, atol=1e-6)
        shown = np.concatenate([b, w.reshape(-1)])
        np.testing.assert_allclose(outputs["first_gradients"], shown, rtol=1e-4, atol=1e-6)
        norms = [np.linalg.norm(b), np.linalg.norm(w)]
        np.testing.assert_allclose(outputs["first_gradient_norms"], norms, rtol=1e-5)

    def test_the_envelope_is_narrow_but_not_empty_and_the_same_for_a_seed(self) -> None:
        first, second, other = (
            self.outputs(self.answer(self.network(), self.asked(seed=seed)))["envelope"] for seed in (7, 7, 8)
        )
        self.assertEqual(first.shape, (3, 6))
        np.testing.assert_array_equal(first, second)
        self.assertFalse(np.array_equal(first, other))
        losses = self.outputs(self.answer(self.network(), self.asked()))["losses"]
        self.assertGreater(np.abs(first - losses).max(), 0)
        np.testing.assert_allclose(first, np.tile(losses, (3, 1)), rtol=1e-5)

    def test_the_envelope_has_ten_steps_at_most(self) -> None:
        self.hyperparameters["batch_size"] = 2
        self.rates = np.full(20, 0.1)
        self.hyperparameters["learning_rate"] = 0.1
        outputs = self.outputs(self.answer(self.network(), self.asked()))
        self.assertEqual((outputs["envelope"].shape, outputs["losses"].shape), ((3, 10), (20,)))


class RefusalTest(NetworkCase):
    def fails(self, kind: str, message: str, answer: Answer) -> None:
        self.assert_failed(answer, kind, message)

    def test_phases(self) -> None:
        def fails(message: str, *phases: object) -> None:
            answer = self.answer(self.network(), self.asked(phases=list(phases)))
            self.fails("RequestError", message, answer)

        fails("the first phase must be of kind `build`", TRAIN)
        fails("the second phase must be of kind `train`", BUILD, PREDICT)
        fails("the second phase must be of kind `train`", BUILD)
        fails("2 phases are of kind `train`, but a trial has one", BUILD, TRAIN, {**TRAIN, "name": "again"})
        fails("is of kind `fit`; known are build, train, predict", BUILD, {**TRAIN, "kind": "fit"})
        twice = {**TRAIN, "repeat": {**ONCE, "max_samples": 2}}
        fails("phase train must have no warm-up and one sample", BUILD, twice)
        fails("batch_rows of phase train is 10, but must be from 1 to 9", BUILD, {**TRAIN, "batch_rows": 10})

    def test_requests_without_draws(self) -> None:
        answer = self.answer(self.network(), self.asked(draws=None))
        self.fails("RequestError", "the task `image` needs draws", answer)

    def test_limits(self) -> None:
        for name, value in [("epochs", 0), ("epochs", "none"), ("batch_size", 1.5), ("patience", 0)]:
            changed = {**self.hyperparameters, name: value}
            answer = self.answer(self.network(), self.asked(hyperparameters=changed))
            self.fails("RequestError", f"{name} is {value!r}, but must be a number from 1", answer)
        del self.hyperparameters["steps"]
        self.fails("RequestError", "steps is None, but must be", self.answer(self.network(), self.asked()))

    def draws(self, message: str, **arrays: np.ndarray) -> None:
        answer = self.answer(self.network(), self.asked(self.write(**arrays)))
        self.fails("DrawsError", message, answer)

    def test_draws_of_another_training(self) -> None:
        self.draws("order has 1 epochs", order=self.order[:1])
        self.draws("order and validation hold 19 rows", order=self.order[:, :19])
        self.draws("rates has 5 steps", rates=self.rates[:5])
        self.draws("order names rows that are none of the 20", order=self.order + 1)
        self.draws("order is int32", order=self.order.astype(np.int32))
        self.draws("rates is float32", rates=self.rates.astype(np.float32))
        self.draws("weights/w is float64", **{"weights/w": self.weights["w"].astype(float)})
        self.draws("holds the unknown tensor shuffle", shuffle=self.rates)
        validation = {"order": self.order[:, :18] % 18, "validation": np.array([18, 19])}
        self.draws("validation has 2 rows", **validation)
        self.hyperparameters["patience"] = 1
        self.draws("validation has 0 rows")

    def test_draws_that_are_none(self) -> None:
        path = self.folder / "broken.safetensors"
        for text in (None, b"not safetensors"):
            if text:
                path.write_bytes(text)
            answer = self.answer(self.network(), self.asked(draws=str(path)))
            self.fails("DrawsError", "cannot read the draws", answer)

    def test_rates_that_vary_without_a_schedule(self) -> None:
        self.draws("schedule is none, but the rates", rates=self.rates * np.arange(1, 7))

    def test_manifests(self) -> None:
        for key, message in [
            ("target", "lacks the key target"),
            ("class_names", "lacks the key class_names"),
        ]:
            says = self.says
            self.says = {k: v for k, v in says.items() if k != key}
            self.fails("BundleError", message, self.answer(self.network(), self.asked()))
            self.says = says
        self.says["example_shape"] = [1, 2, 4]
        message = "example_shape is [1, 2, 4], but a row has 6 values"
        self.fails("BundleError", message, self.answer(self.network(), self.asked()))

    def test_refusals_of_a_network_in_its_phases(self) -> None:
        for place in ("create", "load", "build"):
            answer = self.answer(self.network(**{place: "raise Unsupported('too small')"}), self.asked())
            self.assertEqual(answer.events[-1], {"event": "unsupported", "reason": "too small"})

    def test_networks_that_write_into_their_input(self) -> None:
        planted = "self.data.features[3] += 1"
        answer = self.answer(self.network(step=planted), self.asked())
        self.fails("BundleError", "the array train_features was modified", answer)
        answer = self.answer(self.network(build="weights['w'] += 1"), self.asked())
        self.fails("DrawsError", "the initial value of w was modified", answer)

    def test_a_manifest_that_says_nothing_of_the_layout_means_the_columns(self) -> None:
        del self.says["example_shape"]
        answer = self.answer(self.network(load="raise AssertionError(data.example_shape)"), self.asked())
        self.fails("AssertionError", "(6,)", answer)

    def test_answers_that_are_none(self) -> None:
        for planted, kind, message in [
            (
                "return self.forward(features).astype(float)",
                "ValueError",
                "float32 (9, 3), but returned float64",
            ),
            ("return self.forward(features)[:, :2]", "ValueError", "but returned float32 (9, 2)"),
            ("return self.forward(features)[:1]", "ValueError", "one entry for each of 9 rows"),
        ]:
            self.fails(kind, message, self.answer(self.network(predict=planted), self.asked()))


if __name__ == "__main__":
    unittest.main()
