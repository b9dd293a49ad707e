"""The transformers adapter with small seeded models: what it computes, chooses and reads back."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import tempfile
import tomllib
import unittest
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

import languages
import support
from languages import (
    BUILD,
    SAMPLING,
    TOKENIZE,
    by_phase,
    generate,
    generating,
    predict,
    repeat,
    write_uniforms,
)
from support import ADAPTERS

from benchrun_kit import KEPT, Unsupported  # isort: skip
from benchrun_kit.draws import digest  # isort: skip
from benchrun_kit.manifest import Manifest  # isort: skip
from benchrun_kit.model_files import ModelFiles, tokens_digest  # isort: skip
from benchrun_kit.receipt import plain  # isort: skip
from benchrun_kit.request import read_request  # isort: skip
from benchrun_kit.sampling import Sampler  # isort: skip

FOLDER = ADAPTERS / "transformers"
REFERENCE = ADAPTERS.parent / "tests" / "reference" / "language_models"
if importlib.util.find_spec("transformers") and importlib.util.find_spec("torch"):
    sys.path.insert(0, str(FOLDER))
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import AutoModelForCausalLM

    import transformers_adapter
    from decoder import choose
    from decoder import processors as made_processors
    from double import double
    from pretrained import name_in_file
else:
    raise unittest.SkipTest("transformers is not installed in this environment")

DEFINITIONS = os.environ.get("BENCHRUN_ALGORITHMS")
CASES = {case["name"]: case for case in json.loads(REFERENCE.with_suffix(".json").read_text())["models"]}
TENSORS = load_file(REFERENCE.with_suffix(".safetensors"))
ENCODERS, DECODERS = ("bert", "distilbert", "roberta", "albert"), ("gpt2", "llama", "llama_untied")
VOCABULARY = 61
CORPUS = ["to be or not to be that is the question", "whether tis nobler in the mind to suffer", "a b c d e"]
FOLDERS = tempfile.TemporaryDirectory()
unittest.addModuleCleanup(FOLDERS.cleanup)


@cache
def model_folder(name: str) -> Path:
    """The folder of a model of `tests/reference/language_models.py`."""
    folder = Path(FOLDERS.name) / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CASES[name]["config"]))
    save_file(weights(name), folder / "model.safetensors", {"format": "pt"})
    (word_level if name in ENCODERS else byte_level)().save(str(folder / "tokenizer.json"))
    return folder


def weights(name: str) -> dict[str, np.ndarray]:
    """The tensors in the file of a model."""
    prefix = f"{name}/weights/"
    return {key.removeprefix(prefix): array for key, array in TENSORS.items() if key.startswith(prefix)}


def word_level() -> Any:
    """A tokenizer of words, whose special tokens stand around them."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordLevelTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As published tokenizers often come: both must give way to what the manifest says.
    tokenizer.enable_padding(length=40)
    tokenizer.enable_truncation(5)
    return tokenizer


def byte_level() -> Any:
    """A tokenizer of byte pairs (GPT-2's kind) on an alphabet of small letters."""
    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["?"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def asked(algorithm: str, **changed: Any) -> dict[str, Any]:
    """A request for an algorithm; keys of hyperparameters among `changed` are theirs."""
    own: dict[str, Any] = {
        "mean": {"normalize": False},
        "cls": {"normalize": False},
        "perplexity": {"context": 4},
        "greedy": generating(),
        "sample": generating(**SAMPLING),
    }[algorithm]
    own |= {key: changed.pop(key) for key in list(changed) if key in own}
    return {
        "protocol": 1,
        "trial": "t1",
        "implementation": "python/transformers",
        "task": "embedding" if algorithm in ("mean", "cls") else "language_model",
        "algorithm": algorithm,
        "hyperparameters": own,
        "settings": {"attention": "sdpa"},
        "bundle": "/nowhere",
        "output_dir": "/nowhere",
        "seed": 7,
        "threads": 1,
        "device": "cpu",
        "dtype": "float32",
        "phases": [BUILD, TOKENIZE],
        **changed,
    }


def create(algorithm: str, **changed: Any) -> Any:
    """The adapter's model for a request."""
    line = json.dumps(asked(algorithm, **changed)).encode()
    return Manifest.read(FOLDER).create(read_request(io.BytesIO(line)))


def loaded(folder: Path, algorithm: str, length: int = 12, **changed: Any) -> Any:
    """A model with its folder read."""
    files = ModelFiles(folder, changed.pop("special_tokens", True), changed.pop("truncate", None))
    model = create(algorithm, **changed)
    model.load(files, length)
    return model


def built(name: str, algorithm: str, **changed: Any) -> Any:
    """A model that is ready to answer."""
    model = loaded(model_folder(name), algorithm, **changed)
    model.build()
    return model


def spread(array: np.ndarray) -> float:
    return float(array.std())


class EmbeddingTest(unittest.TestCase):
    def test_embeddings_are_those_of_the_reference(self) -> None:
        for name in ENCODERS:
            for algorithm in ("mean", "cls"):
                with self.subTest(model=name, algorithm=algorithm):
                    model, rows = built(name, algorithm), TENSORS[f"{name}/tokens"]
                    expected = TENSORS[f"{name}/{algorithm}"]
                    found = model.encode(rows)
                    self.assertEqual((found.dtype, found.shape), (np.float32, expected.shape))
                    np.testing.assert_allclose(found, expected, atol=5e-6 * spread(expected))
                    np.testing.assert_allclose(model.reference(rows), expected, rtol=1e-10, atol=1e-12)

    def test_padding_tells_nothing(self) -> None:
        for name in ENCODERS:
            for attention in ("sdpa", "eager"):
                with self.subTest(model=name, attention=attention):
                    model = built(name, "mean", settings={"attention": attention})
                    rows = TENSORS[f"{name}/tokens"]
                    padded = model.encode(rows)
                    for row, length in enumerate((10, 6, 1)):
                        alone = model.encode(np.ascontiguousarray(rows[row : row + 1, :length]))[0]
                        np.testing.assert_allclose(padded[row], alone, atol=3e-6)
                    longer = np.pad(rows, ((0, 0), (0, 5)), constant_values=rows[2, 9])
                    np.testing.assert_allclose(model.encode(longer), padded, atol=3e-6)

    def test_normalised_embeddings_have_length_one(self) -> None:
        rows = TENSORS["bert/tokens"]
        plainly, found = (
            built("bert", "mean", normalize=n).encode(rows).astype(float) for n in (False, True)
        )
        expected = plainly / np.linalg.norm(plainly, axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        exact = built("bert", "mean", normalize=True).reference(rows)
        np.testing.assert_allclose(np.linalg.norm(exact, axis=1), 1.0, rtol=1e-14)

    def test_the_array_is_the_callers(self) -> None:
        model, rows = built("bert", "cls"), TENSORS["bert/tokens"]
        kept = model.encode(rows).copy()
        model.encode(rows)[:] = 0
        np.testing.assert_array_equal(model.encode(rows), kept)

    def test_bfloat16(self) -> None:
        rows = TENSORS["bert/tokens"]
        model, expected = built("bert", "mean", dtype="bfloat16"), TENSORS["bert/mean"]
        found = model.encode(rows)
        self.assertEqual((found.dtype, model.read_back([]).dtype), (np.float32, "bfloat16"))
        error = np.abs(found - expected).max() / spread(expected)
        self.assertTrue(1e-4 < error < 0.1, error)
        # The reference has the weights that the model has, which are rounded.
        error = np.abs(model.reference(rows) - expected).max() / spread(expected)
        self.assertTrue(1e-4 < error < 0.1, error)
        for array in model.weights().values():
            self.assertFalse((array.view(np.uint32) & 0xFFFF).any())


class NextTokenTest(unittest.TestCase):
    def test_logits_are_those_of_the_reference(self) -> None:
        for name in DECODERS:
            for attention in ("sdpa", "eager"):
                with self.subTest(model=name, attention=attention):
                    model = built(name, "perplexity", settings={"attention": attention})
                    rows, expected = TENSORS[f"{name}/tokens"], TENSORS[f"{name}/logits"]
                    told = model.next_tokens(rows, np.arange(27))
                    exact = expected[:, :-1].reshape(27, VOCABULARY)
                    np.testing.assert_allclose(told.logits, exact, atol=1e-5 * spread(expected))
                    shares = exact - np.log(np.exp(exact).sum(1, keepdims=True))
                    of_each = shares[range(27), rows[:, 1:].reshape(-1)]
                    np.testing.assert_allclose(told.log_probabilities, of_each, atol=1e-4)
                    np.testing.assert_array_equal(told.answers, exact.argmax(1))
                    dtypes = [a.dtype.name for a in (told.log_probabilities, told.answers, told.logits)]
                    self.assertEqual(dtypes, ["float32", "int64", "float32"])
                    np.testing.assert_allclose(model.reference(rows), expected, rtol=1e-9, atol=1e-11)
                    self.assertEqual(model.next_tokens(rows, np.empty(0, np.int64)).logits.shape[0], 0)

    def test_double_precision_is_what_it_says(self) -> None:
        # transformers' own `double()` is not: its norms and angles go through single precision.
        model, rows = built("llama", "perplexity").model, torch.from_numpy(TENSORS["llama/tokens"])
        expected = TENSORS["llama/logits"]
        with torch.inference_mode():
            exact = double(model)(rows).logits.numpy()
            plainly = (
                AutoModelForCausalLM.from_pretrained(model_folder("llama")).double()(rows).logits.numpy()
            )
        self.assertLess(np.abs(exact - expected).max(), 1e-11)
        self.assertGreater(np.abs(plainly - expected).max(), 1e-8)
        # The model itself is as it was.
        self.assertEqual({p.dtype for p in model.parameters()}, {torch.float32})


class GenerationTest(unittest.TestCase):
    def generated(
        self, model: Any, prompts: np.ndarray, steps: int, uniforms: np.ndarray | None
    ) -> np.ndarray:
        tokens = [model.prefill(prompts, None if uniforms is None else uniforms[0])]
        for step in range(1, steps):
            tokens.append(model.decode(tokens[-1], None if uniforms is None else uniforms[step]))
        self.assertEqual({(t.dtype.name, t.shape) for t in tokens}, {("int64", (len(prompts),))})
        return np.stack(tokens, 1)

    def taught(self, model: Any, prompts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Logits [b, N, V] without a cache."""
        texts, steps = np.concatenate([prompts, tokens], 1), tokens.shape[1]
        places = np.arange(steps) + prompts.shape[1] - 1
        return np.stack([model.next_tokens(text[None], places).logits for text in texts])

    def test_cached_decoding_is_teacher_forcing(self) -> None:
        for name in DECODERS:
            for attention in ("sdpa", "eager"):
                with self.subTest(model=name, attention=attention):
                    model = built(name, "greedy", settings={"attention": attention})
                    prompts = TENSORS[f"{name}/tokens"][:, :4]
                    tokens = self.generated(model, prompts, 15, None)
                    taught = self.taught(model, prompts, tokens)
                    np.testing.assert_array_equal(tokens, taught.argmax(2))
                    # Not the same token all the time, which a broken cache could tell as well.
                    self.assertGreater(len(np.unique(tokens)), 5)
                    # Another generation begins with an empty cache.
                    np.testing.assert_array_equal(self.generated(model, prompts, 15, None), tokens)

    def test_the_logits_of_the_cache(self) -> None:
        for name in DECODERS:
            model, rows = built(name, "greedy"), torch.from_numpy(TENSORS[f"{name}/tokens"])
            found = []
            model.prefill(rows[:, :4].numpy(), None)
            with torch.inference_mode():
                for step in range(4, 10):
                    one = rows[:, step : step + 1]
                    found.append(model.model(one, past_key_values=model.cache, use_cache=True).logits[:, 0])
            expected = TENSORS[f"{name}/logits"][:, 4:]
            np.testing.assert_allclose(torch.stack(found, 1), expected, atol=1e-5 * spread(expected))

    def test_the_cache_holds_all_but_the_last_token(self) -> None:
        model = built("llama", "greedy")
        self.assertEqual(model.read_back([]).work, {})
        self.generated(model, TENSORS["llama/tokens"][:, :4], 6, None)
        # Keys and values of 2 layers, 3 rows, 2 heads of width 6 for 4 + 5 tokens in float32.
        self.assertEqual(model.read_back([]).work, {"cache_bytes": 2 * 2 * 3 * 2 * 6 * 9 * 4})

    def test_it_is_what_transformers_generates(self) -> None:
        for name in DECODERS:
            model, prompts = built(name, "greedy"), TENSORS[f"{name}/tokens"][:, :4]
            tokens = self.generated(model, prompts, 15, None)
            rows = torch.from_numpy(prompts.copy())
            whole = model.model.generate(
                rows,
                attention_mask=torch.ones_like(rows),
                max_new_tokens=15,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
            )
            np.testing.assert_array_equal(tokens, whole[:, 4:])

    def test_sampling_is_the_samplers_of_numpy(self) -> None:
        for name in DECODERS:
            for own in (SAMPLING, {**SAMPLING, "top_k": 0, "top_p": 1.0, "temperature": 1.7}):
                with self.subTest(model=name, **own):
                    model, prompts = built(name, "sample", **own), TENSORS[f"{name}/tokens"][:, :4]
                    uniforms = np.random.default_rng(4).random((15, 3))
                    tokens = self.generated(model, prompts, 15, uniforms)
                    taught = self.taught(model, prompts, tokens)
                    texts = np.concatenate([prompts, tokens], 1)
                    for row, step in np.ndindex(3, 15):
                        history, u = texts[row, : 4 + step], uniforms[step, row]
                        token, margin = Sampler(**own).choose(taught[row, step], history, u)
                        self.assertGreater(margin, 1e-5)
                        self.assertEqual(tokens[row, step], token)
                    self.assertTrue((tokens != taught.argmax(2)).any())

    def test_processors_are_the_samplers_of_numpy(self) -> None:
        # Each parameter alone, and all, on logits that models do not give.
        generator = np.random.default_rng(6)
        off = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
        ways = [off, SAMPLING, {**SAMPLING, "top_k": 1000}, *({**off, name: SAMPLING[name]} for name in off)]
        for own in ways:
            logits = generator.normal(0, 4, (40, 50)).astype(np.float32)
            history, uniforms = generator.integers(0, 50, (40, 12)), generator.random(40)
            scores = made_processors(own)(torch.from_numpy(history), torch.from_numpy(logits))
            tokens = choose(scores, torch.from_numpy(uniforms))
            pairs = zip(logits, history, uniforms, strict=True)
            expected = [Sampler(**own).choose(*pair)[0] for pair in pairs]
            self.assertEqual(tokens.tolist(), expected, own)

    def test_tokens_come_as_often_as_they_are_probable(self) -> None:
        generator, draws = np.random.default_rng(19), 50_000
        logits, history = generator.normal(0, 2, 30), generator.integers(0, 30, 9)
        own = {"temperature": 0.9, "top_k": 20, "top_p": 0.95, "repetition_penalty": 1.3}
        scores = made_processors(own)(torch.from_numpy(history)[None], torch.from_numpy(logits).float()[None])
        chosen = choose(scores.expand(draws, -1).contiguous(), torch.from_numpy(generator.random(draws)))
        shares, _ = Sampler(**own).distribution(logits, history)
        found, kept = np.bincount(chosen.numpy(), minlength=30), shares > 0
        self.assertEqual(found[~kept].sum(), 0)
        expected = draws * shares[kept]
        statistic, degrees = ((found[kept] - expected) ** 2 / expected).sum(), kept.sum() - 1
        self.assertGreater(degrees, 6)
        self.assertLess(statistic, degrees + 6 * np.sqrt(2 * degrees))

    def test_numbers_at_the_ends(self) -> None:
        scores = torch.full((200, 40), -torch.inf)
        scores[:, 3:37] = torch.randn(200, 34, generator=torch.Generator().manual_seed(1)) * 5
        for u, allowed in ((0.0, {3}), (float(np.nextafter(1.0, 0.0)), {35, 36})):
            chosen = choose(scores, torch.full((200,), u, dtype=torch.float64))
            self.assertLessEqual(set(chosen.tolist()), allowed | ({34} if u else set()))

    def test_bfloat16(self) -> None:
        model, prompts = built("llama", "greedy", dtype="bfloat16"), TENSORS["llama/tokens"][:, :4]
        tokens = self.generated(model, prompts, 6, None)
        taught = self.taught(model, prompts, tokens)
        second, first = np.sort(taught, 2)[:, :, -2], np.sort(taught, 2)[:, :, -1]
        clear = first - second > 0.1 * taught.std()
        self.assertGreater(clear.sum(), 9)
        np.testing.assert_array_equal(tokens[clear], taught.argmax(2)[clear])


class TokenizerTest(unittest.TestCase):
    def test_special_tokens_and_truncation(self) -> None:
        texts, folder = ["to be or", "", "to unheard be"], model_folder("bert")
        words = word_level().get_vocab()
        to, be, other = (words[word] for word in ("to", "be", "or"))
        for use, expected in [
            ({}, [[2, to, be, other, 3], [2, 3], [2, to, 1, be, 3]]),
            ({"special_tokens": False}, [[to, be, other], [], [to, 1, be]]),
            ({"truncate": 4}, [[2, to, be, 3], [2, 3], [2, to, 1, 3]]),
            ({"truncate": 2, "special_tokens": False}, [[to, be], [], [to, 1]]),
        ]:
            with self.subTest(**use):
                found = loaded(folder, "mean", **use).tokenize(texts)
                self.assertEqual(found, expected)
                self.assertTrue(all(type(tokens) is list for tokens in found))

    def test_byte_pairs(self) -> None:
        model, texts = loaded(model_folder("gpt2"), "greedy"), ["to be or not", "that"]
        tokenizer = byte_level()
        self.assertEqual([tokenizer.decode(tokens) for tokens in model.tokenize(texts)], texts)


class ReadBackTest(unittest.TestCase):
    def test_the_manifest_offers_what_there_is(self) -> None:
        manifest = tomllib.loads((FOLDER / "adapter.toml").read_text())
        offered = [(entry["task"], entry["name"]) for entry in manifest["algorithms"]]
        there = [(task, name) for task, names in transformers_adapter.OWN.items() for name in names]
        self.assertEqual(offered, there)

    def test_what_is_not_the_kits_is_read_back(self) -> None:
        off = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
        for name, algorithm, own in [
            ("bert", "mean", {"normalize": True}),
            ("gpt2", "perplexity", {}),
            ("gpt2", "greedy", {}),
            ("llama", "sample", SAMPLING),
            ("llama", "sample", off),
            # Whole numbers where a float is meant.
            ("llama", "sample", {"temperature": 2, "top_k": 3, "top_p": 1, "repetition_penalty": 2}),
        ]:
            for attention in ("sdpa", "eager"):
                with self.subTest(algorithm=algorithm, attention=attention, **own):
                    model = built(name, algorithm, settings={"attention": attention}, **own)
                    read = model.read_back([])
                    self.assertEqual({k: plain(v) for k, v in read.hyperparameters.items()}, own)
                    self.assertEqual(read.settings, {"attention": attention})
                    self.assertEqual(read.build["attention"], attention)
                    self.assertEqual((read.dtype, read.device, read.pool), ("float32", "cpu", 1))

    def test_it_is_the_processors_and_the_configurations(self) -> None:
        model = built("llama", "sample")
        model.sampler[1].temperature = 0.25
        del model.sampler[2]
        model.model.set_attn_implementation("eager")
        read = model.read_back([])
        self.assertEqual((read.hyperparameters["temperature"], read.hyperparameters["top_k"]), (0.25, 0))
        self.assertEqual((read.settings["attention"], read.build["attention"]), ("eager", "eager"))

    def test_weights_are_those_of_the_file(self) -> None:
        for name in (*ENCODERS, *DECODERS):
            with self.subTest(model=name):
                algorithm = "mean" if name in ENCODERS else "greedy"
                expected = {n: a for n, a in weights(name).items() if not n.startswith("pooler")}
                self.assertEqual(digest(built(name, algorithm).weights()), digest(expected))

    def test_names_of_other_files(self) -> None:
        # With the prefix of a model that has a head, TensorFlow's names, and what no embedding depends on.
        renamed = {
            "bert."
            + n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): a
            for n, a in weights("bert").items()
        }
        extra = {
            "bert.embeddings.position_ids": np.arange(24)[None],
            "cls.predictions.bias": np.zeros(61, np.float32),
        }
        bare = {n.removeprefix("transformer."): a for n, a in weights("gpt2").items()}
        tied = {**weights("llama"), "lm_head.weight": weights("llama")["model.embed_tokens.weight"]}
        for name, tensors, more in [("bert", renamed, extra), ("gpt2", bare, {}), ("llama", tied, {})]:
            with self.subTest(model=name):
                folder = self.changed(name, f"{name} renamed", {**tensors, **more})
                model = loaded(folder, "mean" if name == "bert" else "perplexity")
                model.build()
                untold = ("bert.pooler", "lm_head")
                expected = {n: a for n, a in tensors.items() if not n.startswith(untold)}
                self.assertEqual(digest(model.weights()), digest(expected))
                rows = TENSORS[f"{name}/tokens"]
                exact = TENSORS[f"{name}/mean" if name == "bert" else f"{name}/logits"]
                np.testing.assert_allclose(model.reference(rows), exact, rtol=1e-9, atol=1e-11)
        with self.assertRaisesRegex(ValueError, "no tensor for the parameter h.0.bias"):
            name_in_file("h.0.bias", "transformer.", {"h.0.weight"})

    def changed(self, name: str, to: str, tensors: dict[str, np.ndarray], **config: Any) -> Path:
        """A copy of a model's folder with other tensors, or other keys of its configuration."""
        folder = Path(FOLDERS.name) / to
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({**CASES[name]["config"], **config}))
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        (folder / "tokenizer.json").write_bytes((model_folder(name) / "tokenizer.json").read_bytes())
        return folder

    def test_tensors_that_do_not_fit(self) -> None:
        tensors = weights("bert")
        place = "encoder.layer.0.output.dense.bias"
        lacking = {n: a for n, a in tensors.items() if n != place}
        with self.assertRaisesRegex(ValueError, f"missing keys: {place}"):
            loaded(self.changed("bert", "bert lacking", lacking), "mean").build()
        with self.assertRaises((ValueError, RuntimeError)) as caught:
            loaded(self.changed("bert", "bert short", {**tensors, place: tensors[place][:5]}), "mean").build()
        self.assertIn("mismatch", str(caught.exception))

    @unittest.skipUnless(DEFINITIONS, "BENCHRUN_ALGORITHMS names no file of definitions")
    def test_the_defaults_of_the_tasks_are_honoured(self) -> None:
        tasks = {task["name"]: task for task in json.loads(Path(DEFINITIONS or "").read_text())}
        there = [task for task in transformers_adapter.OWN if task in tasks]
        if not there:
            self.skipTest("the tasks for language models are not defined")
        known = {a["name"]: a for task in there for a in tasks[task]["algorithms"]}
        for algorithm, definition in known.items():
            with self.subTest(algorithm=algorithm):
                defaults = {p["name"]: p["default"] for p in definition["parameters"]}
                name = "bert" if algorithm in ("mean", "cls") else "gpt2"
                model = built(name, algorithm, hyperparameters=defaults)
                wanted = {k: v for k, v in defaults.items() if k not in KEPT}
                read = model.read_back([]).hyperparameters
                self.assertEqual({k: plain(v) for k, v in read.items()}, wanted)


class RefusalTest(unittest.TestCase):
    def refused(self, message: str, algorithm: str, folder: str | None = None, **changed: Any) -> None:
        with self.assertRaises(Unsupported) as caught:
            create(algorithm, **changed) if folder is None else loaded(
                model_folder(folder), algorithm, **changed
            )
        self.assertIn(message, str(caught.exception))

    def test_requests(self) -> None:
        self.refused("computes on cpu or cuda, not on tpu", "mean", device="tpu")
        self.refused("float32 or bfloat16, not in float64", "mean", dtype="float64")
        message = "mean has no hyperparameter `width`"
        self.refused(message, "mean", hyperparameters={"normalize": True, "width": 3})
        self.refused("greedy has no hyperparameter `top_k`", "greedy", hyperparameters=generating(top_k=1))

    @unittest.skipIf(torch.cuda.is_available(), "CUDA is available")
    def test_cuda_that_is_not_there(self) -> None:
        self.refused("no CUDA device is there: Found no NVIDIA driver on your system", "mean", device="cuda")

    def test_models(self) -> None:
        message = "the model is gpt2, but must be one of bert, distilbert, roberta, albert"
        self.refused(message, "mean", "gpt2")
        self.refused("the model is bert, but must be one of gpt2, llama", "greedy", "bert")
        for name in ("bert", "roberta"):
            algorithm = "mean"
            self.refused("rows have 25 tokens, but this model takes 24", algorithm, name, length=25)
            # As many as it says it takes are taken.
            rows = np.full((1, 24), 5)
            self.assertTrue(np.isfinite(built(name, algorithm, length=24).encode(rows)).all())
        self.refused("rows have 25 tokens, but this model takes 24", "greedy", "llama", length=25)


class WorkerTest(support.WorkerCase):
    """Whole trials, in processes of their own."""

    def trial(self, name: str, algorithm: str, *phases: dict[str, Any], **changed: Any) -> support.Answer:
        self.rows = np.random.default_rng(8).integers(2, VOCABULARY, (5, 12))
        if name in ENCODERS:
            self.rows[1, 7:] = CASES[name]["config"]["pad_token_id"]
        link = self.folder / "model"
        link.symlink_to(model_folder(name))
        bundle = languages.write_texts(self.folder / "texts", link, self.rows, VOCABULARY, CORPUS)
        if algorithm == "sample":
            path = self.folder / "uniforms.safetensors"
            self.uniforms = write_uniforms(path, 5, 5)
            changed["draws"] = str(path)
        request = asked(
            algorithm,
            bundle=str(bundle),
            output_dir=str(self.output_dir),
            phases=[BUILD, TOKENIZE, *phases],
            **changed,
        )
        answer = self.answer(FOLDER, request)
        self.assertEqual(answer.names[-1], "done", answer.stderr)
        receipt = answer.one("receipt")
        self.assertEqual(receipt["hyperparameters"], request["hyperparameters"])
        self.assertEqual(receipt["settings"], request["settings"])
        self.assertEqual((receipt["train_rows"], receipt["features"]), (0, 12))
        self.assertNotIn("warnings", receipt["work"])
        self.assertEqual(receipt["threads"]["pool"], 1)
        self.assertTrue(any("libtorch_cpu" in name for name in receipt["libraries"]))
        used = {n: a for n, a in weights(name).items() if not n.startswith("pooler")}
        self.assertEqual(receipt["work"]["weights"], digest(used))
        tokenizer = (word_level if name in ENCODERS else byte_level)()
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokens = [tokenizer.encode(text).ids for text in CORPUS]
        self.assertEqual(receipt["work"]["tokens"], tokens_digest(tokens))
        return answer

    def test_embeddings(self) -> None:
        answer = self.trial("distilbert", "mean", predict("encode", 2), normalize=True)
        outputs = self.outputs(answer)
        model = built("distilbert", "mean", normalize=True)
        batches = [model.encode(self.rows[start : start + 2]) for start in (0, 2, 4)]
        np.testing.assert_array_equal(outputs["embeddings"], np.concatenate(batches))
        np.testing.assert_allclose(outputs["reference"], outputs["embeddings"][:4], atol=1e-6)
        self.assertEqual(outputs["reference"].dtype, np.float64)

    def test_perplexity(self) -> None:
        answer = self.trial("gpt2", "perplexity", predict("score", 2))
        outputs = self.outputs(answer)
        shapes = {name: array.shape for name, array in outputs.items()}
        self.assertEqual(
            shapes,
            {
                "log_probabilities": (5, 11),
                "answers": (5, 11),
                "logits": (55, 61),
                "first_logits": (8, 61),
                "reference": (8, 61),
            },
        )
        np.testing.assert_allclose(outputs["first_logits"], outputs["reference"], atol=2e-5)
        np.testing.assert_allclose(outputs["first_logits"], outputs["logits"][:8], atol=2e-5)

    def test_greedy(self) -> None:
        phases = [generate(1, repeat=repeat(2)), generate(2)]
        answer = self.trial("llama", "greedy", *phases, settings={"attention": "eager"})
        outputs = by_phase(self.outputs(answer))
        np.testing.assert_array_equal(outputs["tokens@2"], outputs["answers@2"])
        np.testing.assert_array_equal(outputs["tokens@2"][:1], outputs["tokens@1"])
        self.assertTrue((outputs["margins@2"] > 0).all())
        self.assertEqual(outputs["logits"].shape, (10, 61))
        receipt = answer.one("receipt")
        self.assertEqual(receipt["work"]["produced"], 15)
        self.assertEqual(receipt["build"]["attention"], "eager")
        lengths = {e["phase"]: len(e["calls"]) for e in answer.events if e["event"] == "samples"}
        expected = {"build": 1, "tokenize": 1, "prefill@1": 2, "decode@1": 8, "prefill@2": 1, "decode@2": 4}
        self.assertEqual(lengths, expected)

    def test_sample(self) -> None:
        outputs = by_phase(self.outputs(self.trial("llama_untied", "sample", generate(3))))
        self.assertGreater(outputs["margins@3"].min(), 1e-5)
        # What transformers' processors chose is what the kit's sampler chooses.
        np.testing.assert_array_equal(outputs["tokens@3"], outputs["answers@3"])


if __name__ == "__main__":
    unittest.main()
