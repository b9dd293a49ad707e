"""The PyTorch adapter: every architecture, what is read back, and a user's own loop beside it."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import tomllib
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import networks
import support
from networks import BUILD, PREDICT, TRAIN
from support import ADAPTERS

from benchrun_kit import DRAWN, LOOP, Data, Unsupported  # isort: skip
from benchrun_kit.manifest import Manifest  # isort: skip
from benchrun_kit.receipt import plain  # isort: skip
from benchrun_kit.request import read_request  # isort: skip

FOLDER = ADAPTERS / "pytorch"
if importlib.util.find_spec("torch"):
    sys.path.insert(0, str(FOLDER))
    import torch
    from torch import nn
    from torch.nn import functional

    import pytorch_adapter
else:
    raise unittest.SkipTest("torch is not installed in this environment")

DEFINITIONS = os.environ.get("BENCHRUN_ALGORITHMS")
ROWS = np.array([5, 0, 3, 4])
TRAINING = {
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 0.001,
    "beta1": 0.8,
    "beta2": 0.95,
    "alpha": 0.9,
    "eps": 1e-6,
    "clip_norm": "none",
    "schedule": "none",
    "step_epochs": 1,
    "gamma": 0.5,
    "validation": 0.1,
    "batch_size": 4,
    "epochs": 1,
    "steps": "none",
    "patience": "none",
}
OWN = {
    "dropout": 0.0,
    "hidden": 8,
    "layers": 2,
    "bidirectional": True,
    "embedding": 6,
    "heads": 2,
    "feed_forward": 12,
}
SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 64)]
#: The smallest images that an architecture takes, where it is not 28×28.
LEAST = {"vgg16": (3, 32, 32), "alexnet": (3, 64, 64)}


def images(shape: tuple[int, int, int], kind: str = "classes") -> Data:
    draw = np.random.default_rng(1)
    features = draw.standard_normal((6, int(np.prod(shape))), dtype=np.float32)
    if kind == "continuous":
        return Data(features, draw.standard_normal(6, dtype=np.float32), shape, kind, 0, None)
    return Data(features, draw.integers(0, 3, 6), shape, kind, 3, None)


def tokens(kind: str = "classes") -> Data:
    draw = np.random.default_rng(2)
    rows = draw.integers(0, 11, (6, 9))
    return Data(rows, None if kind == "next" else draw.integers(0, 2, 6), (9,), kind, 2, 11)


def values() -> Data:
    draw = np.random.default_rng(3)
    features = draw.standard_normal((6, 10), dtype=np.float32)
    return Data(features, draw.standard_normal(6, dtype=np.float32), (5, 2), "continuous", 0, None)


def every() -> Iterator[tuple[str, str, Data]]:
    """Every architecture with data that it takes."""
    for name in pytorch_adapter.ARCHITECTURES["image"]:
        for shape in SHAPES:
            if shape >= LEAST.get(name, shape) and not (name == "lenet5" and shape[1] == 64):
                # One size is enough of those that hold a hundred million weights.
                if name in LEAST and shape != LEAST[name]:
                    continue
                yield "image", name, images(shape)
    for name in pytorch_adapter.ARCHITECTURES["sequence"]:
        yield "sequence", name, tokens()
        yield "sequence", name, values()
    for name in pytorch_adapter.ARCHITECTURES["next_token"]:
        yield "next_token", name, tokens("next")


def asked(task: str, name: str, **changed: Any) -> dict[str, Any]:
    """A request; keys of hyperparameters among `changed` are theirs."""
    own = {key: OWN[key] for key in pytorch_adapter.ARCHITECTURES[task][name][1]}
    if task == "next_token" and "bidirectional" in own:
        own["bidirectional"] = False
    hyperparameters = {**TRAINING, **own}
    hyperparameters |= {key: changed.pop(key) for key in list(changed) if key in hyperparameters}
    return {
        "protocol": 1,
        "trial": "t1",
        "implementation": "python/pytorch",
        "task": task,
        "algorithm": name,
        "hyperparameters": hyperparameters,
        "settings": {"fast_path": True} if name == "transformer_encoder" else {},
        "bundle": "/nowhere",
        "output_dir": "/nowhere",
        "draws": "/nowhere",
        "seed": 7,
        "threads": 1,
        "device": "cpu",
        "dtype": "float32",
        "phases": [BUILD, TRAIN],
        **changed,
    }


def create(task: str, name: str, **changed: Any) -> Any:
    """The adapter's network for a request."""
    line = json.dumps(asked(task, name, **changed)).encode()
    return Manifest.read(FOLDER).create(read_request(io.BytesIO(line)))


def initial(network: Any, data: Data) -> dict[str, np.ndarray]:
    """PyTorch's own initial values of a network's tensors, of one seed."""
    torch.manual_seed(0)
    state = network.make(data, **network.own).state_dict()
    return {name: t.numpy() for name, t in state.items() if not name.endswith("num_batches_tracked")}


def built(task: str, name: str, data: Data, **changed: Any) -> Any:
    """A network that was loaded and built."""
    network = create(task, name, **changed)
    network.load(data)
    network.build(initial(network, data))
    return network


class ArchitectureTest(unittest.TestCase):
    def test_the_manifest_offers_what_there_is(self) -> None:
        manifest = tomllib.loads((FOLDER / "adapter.toml").read_text())
        offered = [(entry["task"], entry["name"]) for entry in manifest["algorithms"]]
        there = [(task, name) for task, names in pytorch_adapter.ARCHITECTURES.items() for name in names]
        self.assertEqual(offered, there)

    def test_every_architecture_is_built_trained_and_shown(self) -> None:
        seen = set()
        for task, name, data in every():
            with self.subTest(architecture=name, shape=data.example_shape):
                network = create(task, name)
                network.load(data)
                weights = initial(network, data)
                network.build(weights)
                back = network.weights()
                self.assertEqual(back.keys(), weights.keys())
                for tensor, array in weights.items():
                    self.assertEqual(back[tensor].tobytes(), array.tobytes(), tensor)
                losses = [network.step(ROWS, 0.01) for _ in range(2)]
                self.assertTrue(np.isfinite(losses).all())
                answers = network.predict(data.features[:5])
                self.assertEqual((answers.shape, answers.dtype), ((5, *data.answers), np.float32))
                network.build(weights)
                logits, loss, gradients = network.first_step(ROWS)
                self.assertEqual(loss, losses[0])
                self.assertEqual(logits.shape, (4, *data.answers))
                trainable = {tensor for tensor, _ in network.module.named_parameters()}
                self.assertEqual(gradients.keys(), trainable)
                for tensor, gradient in gradients.items():
                    self.assertEqual(gradient.shape, weights[tensor].shape, tensor)
                    self.assertTrue(np.isfinite(gradient).all(), tensor)
                self.assertTrue(any(gradient.any() for gradient in gradients.values()))
                seen.add(name)
        self.assertEqual(len(seen), 13)

    def test_the_same_seed_gives_the_same_bits_and_another_gives_others(self) -> None:
        ways = [("image", "simple_cnn"), ("sequence", "lstm"), ("sequence", "transformer_encoder")]
        for task, name in ways:
            data = images((1, 28, 28)) if task == "image" else tokens()
            losses = []
            for seed in (7, 7, 8, 2**63 + 7):
                network = built(task, name, data, dropout=0.5, seed=seed)
                losses.append([network.step(ROWS, 0.01) for _ in range(3)])
            with self.subTest(architecture=name):
                self.assertEqual(losses[0], losses[1])
                self.assertNotEqual(losses[0], losses[2])
                # Seeds count in 63 bits.
                self.assertEqual(losses[0], losses[3])

    def test_building_begins_anew(self) -> None:
        data = images((1, 28, 28))
        network = built("image", "simple_cnn", data, dropout=0.5, optimizer="adam")
        first = [network.step(ROWS, 0.01) for _ in range(3)]
        network.build(initial(network, data))
        self.assertEqual([network.step(ROWS, 0.01) for _ in range(3)], first)

    def test_the_first_step_has_no_dropout(self) -> None:
        for task, name in [("image", "vgg16"), ("sequence", "gru"), ("sequence", "transformer_encoder")]:
            data = images((3, 32, 32)) if task == "image" else tokens()
            with self.subTest(architecture=name):
                network = built(task, name, data, dropout=0.5)
                _, shown, _ = network.first_step(ROWS)
                without = built(task, name, data, dropout=0.0)
                self.assertEqual(shown, without.step(ROWS, 0.1))

    def test_torchvision_models_take_other_channels(self) -> None:
        for name in ("resnet18", "mobilenet_v2", "se_resnet18"):
            two = built("image", name, images((2, 32, 32))).weights()
            three = built("image", name, images((3, 32, 32))).weights()
            self.assertEqual(two.keys(), three.keys())
            shapes = [(two[tensor].shape, three[tensor].shape) for tensor in two]
            (other,) = [pair for pair in shapes if pair[0] != pair[1]]
            self.assertEqual((other[0][1], other[1][1]), (2, 3))
            # The rule by which they are drawn does not depend on the channels.
            place = next(t for t in two if two[t].shape != three[t].shape)
            self.assertAlmostEqual(two[place].std() / three[place].std(), 1.0, delta=0.1)

    def test_positions(self) -> None:
        network = create("sequence", "transformer_encoder")
        positions = initial(network, tokens())["positions"]
        self.assertEqual(positions.shape, (9, 8))
        for t, column in [(0, 0), (0, 1), (5, 0), (5, 1), (5, 6), (8, 7)]:
            angle = t / 10_000 ** (column // 2 * 2 / 8)
            expected = np.sin(angle) if column % 2 == 0 else np.cos(angle)
            self.assertAlmostEqual(positions[t, column], expected, places=7)

    def test_attention_weighs_the_outputs(self) -> None:
        network = built("sequence", "attention_lstm", tokens())
        module, x = network.module, torch.from_numpy(tokens().features)
        outputs = module.recurrent(module.embedding(x))[0].detach().numpy().astype(float)
        weights = {name: array.astype(float) for name, array in network.weights().items()}
        hidden = np.tanh(outputs @ weights["attention.weight"].T + weights["attention.bias"])
        scores = np.exp(hidden @ weights["context.weight"][0])
        row = (outputs * (scores / scores.sum(1, keepdims=True))[:, :, None]).sum(1)
        expected = row @ weights["head.weight"].T + weights["head.bias"]
        np.testing.assert_allclose(network.predict(tokens().features), expected, atol=1e-6)

    def test_squeeze_and_excitation_weighs_channels(self) -> None:
        block = built("image", "se_resnet18", images((3, 32, 32))).module.layer1[0].eval()
        x = torch.randn(2, 64, 5, 5)
        with torch.no_grad():
            out = block.bn2(block.conv2(block.relu(block.bn1(block.conv1(x)))))
            means = out.mean((2, 3))
            se = block.se
            hidden = functional.relu(means @ se.fc1.weight.flatten(1).T + se.fc1.bias)
            share = torch.sigmoid(hidden @ se.fc2.weight.flatten(1).T + se.fc2.bias)
            expected = functional.relu(out * share[:, :, None, None] + x)
            torch.testing.assert_close(block(x), expected, rtol=1e-5, atol=1e-5)
        self.assertEqual(se.fc1.weight.shape, (4, 64, 1, 1))

    def test_the_next_token(self) -> None:
        data = tokens("next")
        for name in pytorch_adapter.ARCHITECTURES["next_token"]:
            changed = {} if name == "transformer_encoder" else {"bidirectional": False}
            with self.subTest(architecture=name):
                network = built("next_token", name, data, **changed)
                logits, loss, _ = network.first_step(ROWS)
                self.assertEqual(logits.shape, (4, 8, 11))
                exact = logits.astype(float)
                shares = exact - np.log(np.exp(exact).sum(2, keepdims=True))
                following = np.take_along_axis(shares, data.features[ROWS][:, 1:, None], 2)
                self.assertAlmostEqual(loss, -following.mean(), places=5)
                # No step sees a later one, and none the last token, that is to be predicted alone.
                before = network.predict(data.features[:1])
                self.assertEqual(before.shape, (1, *data.answers))
                other = data.features[:1].copy()
                other[0, [5, 8]] = (other[0, [5, 8]] + 1) % 11
                after = network.predict(other)
                np.testing.assert_allclose(after[0, :5], before[0, :5], atol=1e-6)
                self.assertGreater(np.abs(after[0, 5] - before[0, 5]).max(), 1e-4)
                other[0, 5] = data.features[0, 5]
                np.testing.assert_array_equal(network.predict(other), before)

    def test_what_is_made_of_the_next_tokens(self) -> None:
        data = tokens("next")
        network = built("next_token", "gru", data, bidirectional=False, dropout=0.5)
        told = network.next_tokens(data.features, np.array([3, 47]))
        logits = network.predict(data.features).astype(float).reshape(48, 11)
        shares = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        expected = shares[range(48), data.features[:, 1:].reshape(-1)]
        np.testing.assert_allclose(told.log_probabilities, expected, rtol=1e-5)
        np.testing.assert_array_equal(told.answers, logits.argmax(1))
        np.testing.assert_allclose(told.logits, logits[[3, 47]], rtol=1e-6)
        dtypes = [array.dtype.name for array in (told.log_probabilities, told.answers, told.logits)]
        self.assertEqual(dtypes, ["float32", "int64", "float32"])
        self.assertEqual(network.next_tokens(data.features, np.array([], int)).logits.shape, (0, 11))


class TrainingTest(unittest.TestCase):
    def by_hand(self, optimiser: Any, data: Data, steps: int, clip: float | None = None) -> list[float]:
        """The losses of a loop that a user would write, on the same initial values."""
        torch.manual_seed(0)
        network = create("image", "simple_cnn")
        module = network.make(data, **network.own)
        made = optimiser(module.parameters())
        x = torch.from_numpy(data.features).view(-1, *data.example_shape)
        y, index = torch.from_numpy(data.target), torch.from_numpy(ROWS)
        losses = []
        for _ in range(steps):
            made.zero_grad()
            loss = functional.cross_entropy(module(x[index]), y[index])
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(module.parameters(), clip)
            made.step()
            losses.append(loss.item())
        return losses

    def test_every_optimiser_does_what_a_users_loop_does(self) -> None:
        data = images((1, 28, 28))
        optim = torch.optim
        ways: list[tuple[dict[str, Any], Any]] = [
            ({"momentum": 0.0, "weight_decay": 0.0}, lambda p: optim.SGD(p, 0.05)),
            ({}, lambda p: optim.SGD(p, 0.05, momentum=0.9, weight_decay=0.001)),
            ({"nesterov": True}, lambda p: optim.SGD(p, 0.05, 0.9, 0, 0.001, nesterov=True)),
            ({"optimizer": "adam"}, lambda p: optim.Adam(p, 0.05, (0.8, 0.95), 1e-6, 0.001)),
            ({"optimizer": "adamw"}, lambda p: optim.AdamW(p, 0.05, (0.8, 0.95), 1e-6, 0.001)),
            ({"optimizer": "rmsprop"}, lambda p: optim.RMSprop(p, 0.05, 0.9, 1e-6, 0.001, 0.9)),
        ]
        seen = []
        for changed, optimiser in ways:
            with self.subTest(**changed):
                network = built("image", "simple_cnn", data, **changed)
                losses = [network.step(ROWS, 0.05) for _ in range(4)]
                self.assertEqual(losses, self.by_hand(optimiser, data, 4))
                seen.append(network.weights()["fc.weight"].tobytes())
        self.assertEqual(len(set(seen)), len(ways))

    def test_clipping(self) -> None:
        data = images((1, 28, 28))
        network = built("image", "simple_cnn", data, clip_norm=0.01)
        losses = [network.step(ROWS, 0.05) for _ in range(4)]
        by_hand = self.by_hand(
            lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=0.001), data, 4, clip=0.01
        )
        self.assertEqual(losses, by_hand)
        self.assertEqual(network.read_back([]).hyperparameters["clip_norm"], 0.01)

    def test_every_step_has_its_own_rate(self) -> None:
        network = built("image", "lenet5", images((1, 28, 28)), momentum=0.0, weight_decay=0.0)
        before = network.weights()
        network.step(ROWS, 0.0)
        for name, array in network.weights().items():
            np.testing.assert_array_equal(array, before[name])
        network.step(ROWS, 0.1)
        self.assertTrue((network.weights()["fc3.bias"] != before["fc3.bias"]).all())

    def test_evaluation_changes_nothing_and_uses_no_dropout(self) -> None:
        data = images((1, 28, 28))
        network = built("image", "simple_cnn", data, dropout=0.5)
        network.step(ROWS, 0.01)
        before = network.weights()
        first, loss = network.predict(data.features), network.loss(ROWS)
        first_kept = first.copy()
        self.assertFalse(np.array_equal(before["bn1.running_mean"], np.zeros(32)))
        np.testing.assert_array_equal(network.predict(data.features), first)
        exact = first[ROWS].astype(float)
        shares = exact - np.log(np.exp(exact).sum(1, keepdims=True))
        self.assertAlmostEqual(loss, -shares[range(4), data.target[ROWS]].mean(), places=5)
        # The array is the caller's.
        first[:] = 0
        np.testing.assert_array_equal(network.predict(data.features), first_kept)
        for name, array in network.weights().items():
            np.testing.assert_array_equal(array, before[name])

    def test_numbers(self) -> None:
        data = images((1, 28, 28), "continuous")
        network = built("image", "lenet5", data)
        logits, loss, _ = network.first_step(ROWS)
        self.assertEqual(logits.shape, (4, 1))
        self.assertAlmostEqual(loss, float(np.mean((logits[:, 0] - data.target[ROWS]) ** 2)), places=6)

    def test_images_are_moved_as_pixel_by_pixel(self) -> None:
        network = create("image", "lenet5", hyperparameters={**TRAINING, "shift": 2, "flip": True})
        images = torch.arange(1.0, 3 * 2 * 4 * 5 + 1).view(3, 2, 4, 5)
        moves = np.array([[0, 0, 0], [1, 0, 0], [1, -2, 1]])
        moved = network._moved(images, moves)
        for image, (mirrored, down, right) in enumerate(moves):
            for y, x in np.ndindex(4, 5):
                from_y, from_x = y + down, (4 - x if mirrored else x) + right
                inside = 0 <= from_y < 4 and 0 <= from_x < 5
                expected = images[image, :, from_y, from_x] if inside else torch.zeros(2)
                self.assertTrue(torch.equal(moved[image, :, y, x], expected), (image, y, x))

    def test_moves_change_the_steps_they_are_given_to(self) -> None:
        changed = {**TRAINING, "shift": 2, "flip": True}
        network = built("image", "lenet5", images((1, 28, 28)), hyperparameters=changed)
        plainly = network.first_step(ROWS, None)[1]
        self.assertEqual(network.first_step(ROWS, np.zeros((4, 3), np.int64))[1], plainly)
        self.assertNotEqual(network.first_step(ROWS, np.array([[1, 0, 0]] * 4))[1], plainly)

    def test_bfloat16(self) -> None:
        for task, name, data in [("image", "simple_cnn", images((1, 28, 28))), ("sequence", "gru", tokens())]:
            with self.subTest(architecture=name):
                network = built(task, name, data, dtype="bfloat16")
                single = built(task, name, data)
                self.assertEqual(network.read_back([]).dtype, "bfloat16")
                found, expected = network.step(ROWS, 0.01), single.step(ROWS, 0.01)
                self.assertNotEqual(found, expected)
                self.assertAlmostEqual(found, expected, delta=0.05)
                self.assertEqual(network.predict(data.features).dtype, np.float32)


class ReadBackTest(unittest.TestCase):
    def test_everything_that_is_not_the_kits_is_read_back(self) -> None:
        for task, name, data in every():
            if name in LEAST:
                continue
            for optimiser in ("sgd", "adamw"):
                with self.subTest(architecture=name, optimiser=optimiser):
                    network = built(task, name, data, optimizer=optimiser)
                    read = network.read_back([])
                    wanted = {
                        key: value
                        for key, value in network.hyperparameters.items()
                        if key not in (*LOOP, *DRAWN)
                    }
                    self.assertEqual({k: plain(v) for k, v in read.hyperparameters.items()}, wanted)
                    self.assertEqual((read.dtype, read.device, read.pool), ("float32", "cpu", 1))

    def test_it_is_the_optimisers_and_the_modules(self) -> None:
        network = built("image", "simple_cnn", images((1, 28, 28)), optimizer="adam")
        network.optimiser.param_groups[0]["betas"] = (0.1, 0.2)
        network.module.dropout.p = 0.75
        read = network.read_back([]).hyperparameters
        self.assertEqual((read["beta1"], read["beta2"], read["dropout"]), (0.1, 0.2, 0.75))

    def test_the_fast_path_is_a_setting(self) -> None:
        answers = []
        for fast in (True, False):
            network = built("sequence", "transformer_encoder", tokens(), settings={"fast_path": fast})
            self.assertEqual(network.read_back([]).settings, {"fast_path": fast})
            answers.append(network.predict(tokens().features))
        np.testing.assert_allclose(*answers, atol=1e-6)

    def test_libraries(self) -> None:
        build = built("image", "lenet5", images((1, 28, 28))).read_back([]).build
        self.assertEqual(build["libtorch"], torch.__version__)
        self.assertEqual(build["cudnn_deterministic"], "true")
        self.assertLessEqual({"mkl", "mkldnn", "cuda", "libtorch_git", "cpu_capability"}, build.keys())
        self.assertTrue(all(isinstance(value, str) for value in build.values()))

    @unittest.skipUnless(DEFINITIONS, "BENCHRUN_ALGORITHMS names no file of definitions")
    def test_the_defaults_of_the_tasks_are_honoured(self) -> None:
        tasks = {task["name"]: task for task in json.loads(Path(DEFINITIONS or "").read_text())}
        there = [task for task in pytorch_adapter.ARCHITECTURES if task in tasks]
        known = {(task, a["name"]): a for task in there for a in tasks[task]["algorithms"]}
        if not known:
            self.skipTest("the tasks for networks are not defined")
        for task, name, data in every():
            if name in LEAST or (task, name) not in known:
                continue
            with self.subTest(architecture=name):
                defaults = {p["name"]: p["default"] for p in known[task, name]["parameters"]}
                network = built(task, name, data, hyperparameters=defaults)
                wanted = {k: v for k, v in defaults.items() if k not in (*LOOP, *DRAWN)}
                read = network.read_back([]).hyperparameters
                self.assertEqual({k: plain(v) for k, v in read.items()}, wanted)


class RefusalTest(unittest.TestCase):
    def refused(self, message: str, task: str, name: str, data: Data | None = None, **changed: Any) -> None:
        with self.assertRaises(Unsupported) as caught:
            network = create(task, name, **changed)
            network.load(data)
        self.assertIn(message, str(caught.exception))

    def test_requests(self) -> None:
        self.refused("computes on cpu or cuda, not on tpu", "image", "lenet5", device="tpu")
        self.refused("float32 or bfloat16, not in float64", "image", "lenet5", dtype="float64")
        self.refused("nesterov needs a momentum", "image", "lenet5", nesterov=True, momentum=0.0)
        self.refused("optimizer is lion, but must be one of sgd", "image", "lenet5", optimizer="lion")
        hyperparameters = {**TRAINING, "width": 3}
        message = "resnet18 has no hyperparameter `width`"
        self.refused(message, "image", "resnet18", hyperparameters=hyperparameters)

    @unittest.skipIf(torch.cuda.is_available(), "CUDA is available")
    def test_cuda_that_is_not_there(self) -> None:
        self.refused(
            "no CUDA device is there: Found no NVIDIA driver on your system", "image", "lenet5", device="cuda"
        )

    def test_data(self) -> None:
        small = images((1, 28, 28))
        self.refused("lenet5 takes images of 28×28 or 32×32", "image", "lenet5", images((3, 64, 64)))
        self.refused("vgg16 takes images from 32×32, not of 28×28", "image", "vgg16", small)
        self.refused("alexnet takes images from 63×63, not of 28×28", "image", "alexnet", small)
        self.refused("simple_cnn takes images from 4×4", "image", "simple_cnn", images((1, 3, 9)))
        message = "hidden is 8, but must be a multiple of the 3 heads"
        self.refused(message, "sequence", "transformer_encoder", tokens(), heads=3)
        message = "sees the token that it is to predict"
        self.refused(message, "next_token", "gru", tokens("next"), bidirectional=True)

    def test_tensors_of_another_network(self) -> None:
        data = images((1, 28, 28))
        network = create("image", "lenet5")
        network.load(data)
        weights = initial(network, data)
        lacking = {name: array for name, array in weights.items() if name != "fc2.bias"}
        for wrong, message in [
            (lacking, "the weights lack the tensor fc2.bias"),
            ({**weights, "fc4.bias": weights["fc3.bias"]}, "hold beside the network's the tensor fc4.bias"),
            (
                {**weights, "fc1.weight": weights["fc1.weight"].T},
                "the tensor fc1.weight has shape [400, 120], but the network's has [120, 400]",
            ),
        ]:
            with self.assertRaises(ValueError) as caught:
                network.build(wrong)
            self.assertIn(message, str(caught.exception))


class WorkerTest(networks.NetworkCase):
    """Whole trials, in processes of their own."""

    def trial(self, task: str, name: str, data: Data, **changed: Any) -> support.Answer:
        self.images = {"train_features": data.features, "test_features": data.features[:5].copy()}
        if data.target is not None:
            self.images["train_target"] = data.target
        self.says = {
            "target": data.kind,
            "class_names": ["c"] * data.classes,
            "example_shape": list(data.example_shape),
            **({"vocabulary": data.vocabulary} if data.vocabulary else {}),
        }
        network = create(task, name, **changed)
        self.weights = initial(network, data)
        self.order = np.array([[5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5]])
        self.rates = np.full(4, 0.05)
        request = asked(task, name, **changed, **self.write(), phases=[BUILD, TRAIN, PREDICT], epochs=2)
        return self.answer(FOLDER, {**request, "output_dir": str(self.output_dir)})

    def test_a_trial_with_images(self) -> None:
        data = images((1, 28, 28))
        answer = self.trial("image", "simple_cnn", data, dropout=0.5)
        self.assertEqual(answer.names[-1], "done", answer.stderr)
        receipt, outputs = answer.one("receipt"), self.outputs(answer)
        self.assertEqual(receipt["hyperparameters"], {**TRAINING, "dropout": 0.5, "epochs": 2})
        self.assertEqual((receipt["work"]["steps"], receipt["work"]["epochs"]), (4, 2))
        self.assertNotIn("warnings", receipt["work"])
        self.assertEqual(receipt["threads"]["pool"], 1)
        self.assertTrue(any("libtorch_cpu" in name for name in receipt["libraries"]))
        self.assertEqual(outputs["logits"].shape, (5, 3))
        # This process reaches the same bits, dropout included.
        network = built("image", "simple_cnn", data, dropout=0.5)
        batches = [order[i : i + 4] for order in self.order for i in (0, 4)]
        self.assertEqual(outputs["losses"].tolist(), [network.step(rows, 0.05) for rows in batches])
        # In the same batches: kernels add up in another order for another number of rows.
        logits = [network.predict(data.features[:4]), network.predict(data.features[4:5])]
        np.testing.assert_array_equal(outputs["logits"], np.concatenate(logits))

    def test_a_trial_with_next_tokens(self) -> None:
        data = tokens("next")
        answer = self.trial("next_token", "lstm", data)
        self.assertEqual(answer.names[-1], "done", answer.stderr)
        outputs = self.outputs(answer)
        network = built("next_token", "lstm", data)
        batches = [order[i : i + 4] for order in self.order for i in (0, 4)]
        self.assertEqual(outputs["losses"].tolist(), [network.step(rows, 0.05) for rows in batches])
        told = [network.next_tokens(data.features[i:j], np.arange((j - i) * 8)) for i, j in ((0, 4), (4, 5))]
        for name, shape in [("log_probabilities", (5, 8)), ("answers", (5, 8)), ("logits", (40, 11))]:
            expected = np.concatenate([getattr(batch, name) for batch in told]).reshape(shape)
            np.testing.assert_array_equal(outputs[name], expected, name)
        np.testing.assert_array_equal(outputs["epoch_answers"][1], outputs["answers"].reshape(-1))
        self.assertEqual((outputs["epoch_answers"].shape, outputs["first_logits"].shape), ((2, 40), (32, 11)))

    def test_a_trial_with_sequences(self) -> None:
        answer = self.trial("sequence", "transformer_encoder", values())
        self.assertEqual(answer.names[-1], "done", answer.stderr)
        self.assertEqual(answer.one("receipt")["settings"], {"fast_path": True})
        outputs = self.outputs(answer)
        self.assertEqual(outputs["first_loss"][0], outputs["losses"][0])
        np.testing.assert_allclose(outputs["envelope"], [outputs["losses"]] * 3, rtol=1e-3)


if __name__ == "__main__":
    unittest.main()
