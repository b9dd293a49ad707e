"""The phases `generate` of a language model: prompts go through an empty cache, then one token at a time.

What is timed is told by two series of samples, `prefill@b` (the time to the first token) and `decode@b` (each
later one). After all phases every choice is judged without a cache: the tokens are given to the model as
texts, and what it should have chosen at each place is worked out here, from its logits in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .first_steps import ENTRIES, spread
from .language_interface import Decoder
from .measure import Samples, Stopwatch
from .model_files import Uniforms
from .phases import Progress, Work, batch_rows
from .request import PhaseRequest, Request, RequestError
from .sampling import Sampler

#: What the name of a phase begins with; the rest is the same in the names of its series and outputs.
NAME = "generate@"


@dataclass
class Generation:
    """Generates, and judges what was generated."""

    model: Decoder
    #: The test rows [m, L], of which prompts are the beginnings.
    test: np.ndarray
    prompt_tokens: int
    new_tokens: int
    vocabulary: int
    slowdown: float
    #: Both are absent where the likeliest token is taken.
    sampler: Sampler | None = None
    uniforms: Uniforms | None = None
    #: By phase: the tokens [b, N] that the first rows of all were given.
    tokens: dict[str, np.ndarray] = field(default_factory=dict)
    #: Σ of b · N over the phases.
    produced: int = 0

    @classmethod
    def of(cls, request: Request, model: Decoder, test: np.ndarray, vocabulary: int) -> Generation:
        """What a request asks for."""
        asked = request.hyperparameters
        rows, columns = test.shape
        for name, most in (("prompt_tokens", columns), ("new_tokens", math.inf)):
            value = asked.get(name)
            if type(value) is not int or not 1 <= value <= most:
                allowed = "from 1" if most == math.inf else f"from 1 to {most}, the length of a row"
                raise RequestError(f"{name} is {value!r}, but must be a number {allowed}")
        made = cls(model, test, asked["prompt_tokens"], asked["new_tokens"], vocabulary, request.slowdown)
        if request.algorithm == "sample":
            made.sampler = Sampler.of(asked)
            made.uniforms = Uniforms.read(Path(request.draws or ""), made.new_tokens, rows)
        return made

    def work(self, phase: PhaseRequest) -> Work:
        """Generations, of which the warm-up's give no samples."""
        rows = batch_rows(phase, self.test)
        if not phase.name.startswith(NAME):
            raise RequestError(f"the phase is named {phase.name}, but must be named {NAME}<rows>")
        label = phase.name.removeprefix(NAME)
        self.produced += rows * self.new_tokens
        return Work(
            lambda progress: self._generations(phase, label, rows, progress),
            lambda: self._ensure_tokens(label, rows),
        )

    def _generations(
        self, phase: PhaseRequest, label: str, rows: int, progress: Progress
    ) -> Mapping[str, Samples]:
        repeat, watch = phase.repeat, Stopwatch(self.slowdown)
        prefill, decode = Samples(), Samples()
        batches = len(self.test) // rows
        total = (repeat.warmup + repeat.max_samples) * self.new_tokens

        def generate(call: int, *series: Samples) -> tuple[int, np.ndarray]:
            start, before = call % batches * rows, call * self.new_tokens
            return start, self._generate(
                start, rows, watch, *series, lambda steps: progress(before + steps, total)
            )

        for call in range(repeat.warmup):
            generate(call, Samples(), Samples())
        begin, done = watch.wall(), 0
        while done < repeat.max_samples and (
            done < repeat.min_samples or watch.wall() - begin < repeat.max_time_ns
        ):
            start, tokens = generate(repeat.warmup + done, prefill, decode)
            done += 1
            if start == 0:
                self.tokens.setdefault(label, tokens)
        series = {f"prefill@{label}": prefill, f"decode@{label}": decode}
        # A single new token is told by the prompts alone.
        return {name: samples for name, samples in series.items() if samples.calls}

    def _generate(
        self,
        start: int,
        rows: int,
        watch: Stopwatch,
        prefill: Samples,
        decode: Samples,
        progress: Callable[[int], None],
    ) -> np.ndarray:
        """The new tokens [rows, N] of some rows, each row of which is chosen step by step."""
        stop = start + rows
        prompts = np.ascontiguousarray(self.test[start:stop, : self.prompt_tokens])
        made = np.empty((rows, self.new_tokens), np.int64)
        for step in range(self.new_tokens):
            numbers = None if self.uniforms is None else self.uniforms.numbers[step, start:stop]
            if step == 0:
                tokens = watch.time(prefill, self.model.prefill, prompts, numbers)
            else:
                tokens = watch.time(decode, self.model.decode, tokens, numbers)
            self._check(tokens, rows)
            # A copy, should the model write into its own array.
            tokens = made[:, step] = tokens.copy()
            progress(step + 1)
        return made

    def _check(self, tokens: object, rows: int) -> None:
        """Refuse what are no tokens."""
        if not isinstance(tokens, np.ndarray) or (tokens.dtype, tokens.shape) != (np.int64, (rows,)):
            told = f"{tokens.dtype} {tokens.shape}" if isinstance(tokens, np.ndarray) else type(tokens)
            raise ValueError(f"prefill and decode must return tokens int64 ({rows},), but returned {told}")
        if tokens.min() < 0 or tokens.max() >= self.vocabulary:
            raise ValueError(f"tokens {tokens.tolist()} are none of a vocabulary of {self.vocabulary}")

    def _ensure_tokens(self, label: str, rows: int) -> None:
        """Generate from the first rows once more where no timed generation did."""
        if label not in self.tokens:
            untold = Samples(), Samples()
            self.tokens[label] = self._generate(0, rows, Stopwatch(), *untold, lambda steps: None)

    def outputs(self) -> Mapping[str, np.ndarray]:
        """The tokens of all phases one after the other, what should have been chosen, the last's logits."""
        judged: list[tuple[np.ndarray, ...]] = []
        for tokens in self.tokens.values():
            shown = spread(tokens.size, ENTRIES)
            answers, margins = np.empty(tokens.shape, np.int64), np.empty(tokens.shape)
            logits = np.empty((len(shown), self.vocabulary), np.float32)
            for row in range(len(tokens)):
                places = shown // self.new_tokens == row
                taught = self._taught(row, tokens[row])
                logits[places] = taught[shown[places] % self.new_tokens]
                for step in range(self.new_tokens):
                    history = np.concatenate([self.test[row, : self.prompt_tokens], tokens[row, :step]])
                    answers[row, step], margins[row, step] = self._choose(taught[step], history, step, row)
            judged.append((tokens, answers, margins))
        outputs = {
            name: np.concatenate(parts)
            for name, parts in zip(("tokens", "answers", "margins"), zip(*judged, strict=True), strict=True)
        }
        outputs |= {"batches": np.array([len(tokens) for tokens in self.tokens.values()]), "logits": logits}
        if self.uniforms is not None:
            outputs["uniforms"] = self.uniforms.numbers[shown % self.new_tokens, shown // self.new_tokens]
        return outputs

    def _taught(self, row: int, tokens: np.ndarray) -> np.ndarray:
        """The logits [N, vocabulary] from which a row's new tokens were to be chosen, without a cache."""
        text = np.concatenate([self.test[row, : self.prompt_tokens], tokens])
        # What is made of a token stands at the place of the one before.
        places = np.arange(self.new_tokens) + self.prompt_tokens - 1
        logits = self.model.next_tokens(text[None], places).logits
        if (logits.dtype, logits.shape) != (np.float32, (self.new_tokens, self.vocabulary)):
            wanted = f"float32 {(self.new_tokens, self.vocabulary)}"
            raise ValueError(
                f"next_tokens must return logits of {wanted}, but returned {logits.dtype} {logits.shape}"
            )
        return logits

    def _choose(self, logits: np.ndarray, history: np.ndarray, step: int, row: int) -> tuple[int, float]:
        """The token to choose, and how far the choice is from being another."""
        if self.sampler is not None and self.uniforms is not None:
            return self.sampler.choose(logits, history, self.uniforms.numbers[step, row])
        second, first = np.partition(logits.astype(np.float64), -2)[-2:]
        return int(logits.argmax()), float(first - second)
