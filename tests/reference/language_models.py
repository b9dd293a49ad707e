"""What language models make of tokens, and what samplers choose, for the tests of the Rust models and samplers.

Run with transformers 5.23.0 and torch 2.11 (the environment of `python_adapters/pytorch`); writes `language_models.json` and
`language_models.safetensors` beside itself.

The JSON has `models`, `[{name, config}]` with the model's `config.json`, and `samplers`. The safetensors file has for each model
- `<name>/weights/<tensor>`: float32, under the names of a `model.safetensors` that transformers writes;
- `<name>/tokens`: int64 [rows, length]; rows of encoders are padded at the right with the config's `pad_token_id`;
- of an encoder, float64: `<name>/mean` and `<name>/cls` [rows, hidden], the mean of the last hidden states over the tokens that are
  no padding, and the first one's; neither is normalised;
- of a decoder: `<name>/logits`, float64 [rows, length, vocabulary].
All is computed in float64 from the float32 weights. transformers' root-mean-square norm and rotary angles, which would be rounded to
float32, have parts in float64 (`python_adapters/transformers/double.py`). The script fails where transformers in float32 does not agree.

A sampler has the raw `logits`, the `history` of tokens, the parameters, the `distribution` after transformers' own processors in
float64 (zero where a token is removed), and of some uniform numbers `u` the `chosen` tokens: the first whose cumulative sum, in
ascending order of tokens, exceeds u times the total. No u is nearer than 1e-9 to the end of an interval.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from reference import plain
from safetensors.numpy import load, save
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaModel,
)
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python_adapters" / "transformers"))

from double import double  # noqa: E402

# No width is another's multiple by chance, so that a transposed matrix does not fit.
HIDDEN, INNER, VOCABULARY, HEADS, LENGTH = 24, 40, 61, 4, 10
ENCODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
    "max_position_embeddings": 24,
    "initializer_range": 0.2,
}
MODELS = [
    ("bert", BertModel, BertConfig(**ENCODER)),
    (
        "distilbert",
        DistilBertModel,
        DistilBertConfig(
            vocab_size=VOCABULARY,
            dim=HIDDEN,
            n_layers=2,
            n_heads=HEADS,
            hidden_dim=INNER,
            max_position_embeddings=24,
            initializer_range=0.2,
        ),
    ),
    # Its positions begin after padding's.
    (
        "roberta",
        RobertaModel,
        RobertaConfig(**{**ENCODER, "max_position_embeddings": 26}, type_vocab_size=1, layer_norm_eps=1e-5),
    ),
    ("albert", AlbertModel, AlbertConfig(**ENCODER, embedding_size=20)),
    (
        "gpt2",
        GPT2LMHeadModel,
        GPT2Config(
            vocab_size=VOCABULARY,
            n_embd=HIDDEN,
            n_layer=2,
            n_head=HEADS,
            n_inner=INNER,
            n_positions=24,
            initializer_range=0.2,
            bos_token_id=0,
            eos_token_id=0,
        ),
    ),
    (
        "llama",
        LlamaForCausalLM,
        LlamaConfig(**ENCODER, num_key_value_heads=2, rms_norm_eps=1e-5, tie_word_embeddings=True),
    ),
    # An output layer of its own, and heads whose width is not the hidden one's part.
    (
        "llama_untied",
        LlamaForCausalLM,
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=12,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            intermediate_size=20,
            max_position_embeddings=24,
            initializer_range=0.3,
            rope_parameters={"rope_type": "default", "rope_theta": 500.0},
        ),
    ),
]


def tokens(rng, config, encoder):
    """Rows of tokens; those of an encoder end earlier, one of them after a single token."""
    pad = config.pad_token_id if encoder else None
    rows = rng.choice([token for token in range(VOCABULARY) if token != pad], (3, LENGTH))
    if encoder:
        rows[1, 6:] = rows[2, 1:] = pad
    return rows


def answers(model, rows, encoder):
    rows = torch.from_numpy(rows)
    with torch.inference_mode():
        if not encoder:
            return {"logits": model(rows).logits}
        mask = (rows != model.config.pad_token_id).long()
        states = model(rows, attention_mask=mask).last_hidden_state
        kept = mask[:, :, None]
        return {"mean": (states * kept).sum(1) / kept.sum(1), "cls": states[:, 0]}


def model_case(seed, name, kind, config):
    rng = np.random.default_rng([7, seed])
    torch.manual_seed(seed)
    encoder = not hasattr(kind, "generate")
    model = kind(config).eval()
    # Constants would hide a bias or a gain that is left out.
    for tensor in model.parameters():
        if tensor.ndim == 1:
            tensor.data += 0.1 * torch.randn_like(tensor)
    config.architectures = [kind.__name__]
    rows = tokens(rng, config, encoder)
    single, exact = answers(model, rows, encoder), answers(double(model), rows, encoder)
    for what, values in exact.items():
        assert values.dtype == torch.float64, name
        error = float((single[what] - values).abs().max() / values.std())
        assert error < 5e-6, (name, what, error)
        assert float(values.std()) > 0.05, (name, what, float(values.std()))
    # What is tied is written once.
    state = {
        n: t for n, t in model.state_dict().items() if n != "lm_head.weight" or not config.tie_word_embeddings
    }
    tensors = {f"{name}/weights/{n}": t.numpy() for n, t in state.items()}
    tensors[f"{name}/tokens"] = rows
    tensors.update({f"{name}/{what}": values.numpy() for what, values in exact.items()})
    return {"name": name, "config": json.loads(config.to_json_string(use_diff=False))}, tensors


def sampler_case(
    seed, vocabulary, spread, history, temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0, tied=False
):
    rng = np.random.default_rng([11, seed])
    # With few digits, to keep the file small; in float32, as models give them.
    logits = np.round(rng.normal(0.0, spread, vocabulary), 4).astype(np.float32)
    if tied:
        # Equal logits on both sides of the k-th largest: all of them stay.
        order = np.argsort(-logits)
        logits[order[top_k - 2 : top_k + 2]] = logits[order[top_k - 1]]
    assert tied or len(np.unique(logits)) == vocabulary
    history = rng.integers(0, vocabulary, history)
    processors = LogitsProcessorList()
    if repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(repetition_penalty))
    if temperature != 1.0:
        processors.append(TemperatureLogitsWarper(temperature))
    if top_k:
        processors.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        processors.append(TopPLogitsWarper(top_p))
    scores = processors(torch.from_numpy(history)[None], torch.from_numpy(logits).double()[None])
    distribution = scores.softmax(1)[0].numpy()
    cumulative = distribution.cumsum()
    u = np.concatenate([[0.0, 0.25, 0.5, 0.75, 1 - 2**-53], rng.random(11)])
    assert np.abs(cumulative[:, None] / cumulative[-1] - u[1:4]).min() > 1e-9
    chosen = [int(np.argmax(cumulative > number * cumulative[-1])) for number in u]
    assert all(distribution[token] > 0 for token in chosen)
    return {
        "logits": logits.astype(float),
        "history": history,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "repetition_penalty": repetition_penalty,
        "distribution": distribution,
        "u": u,
        "chosen": chosen,
    }


SAMPLERS = [
    sampler_case(0, 12, 2.0, 5),
    sampler_case(1, 12, 2.0, 5, temperature=0.7),
    sampler_case(2, 12, 2.0, 5, temperature=2.5),
    sampler_case(3, 20, 2.0, 8, repetition_penalty=1.3),
    sampler_case(4, 20, 2.0, 40, repetition_penalty=0.8),
    sampler_case(5, 20, 2.0, 5, top_k=1),
    sampler_case(6, 20, 2.0, 5, top_k=6),
    sampler_case(7, 20, 2.0, 5, top_k=20),
    sampler_case(8, 20, 2.0, 5, top_k=1000),
    sampler_case(9, 20, 2.0, 5, top_k=6, tied=True),
    sampler_case(10, 20, 2.0, 5, top_p=0.9),
    sampler_case(11, 20, 2.0, 5, top_p=0.5),
    sampler_case(12, 20, 2.0, 5, top_p=0.01),
    sampler_case(13, 20, 0.1, 5, top_p=0.95),
    sampler_case(14, 50, 3.0, 30, temperature=0.8, top_k=10, top_p=0.9, repetition_penalty=1.2),
    sampler_case(15, 50, 3.0, 30, temperature=1.4, top_k=40, top_p=0.97, repetition_penalty=1.1),
    sampler_case(16, 50, 30.0, 30, temperature=0.05, top_p=0.9, repetition_penalty=1.5),
    sampler_case(17, 50, 3.0, 0, temperature=0.8, top_k=10, top_p=0.9, repetition_penalty=1.2),
]

models, tensors = [], {}
for seed, (name, kind, config) in enumerate(MODELS):
    model, more = model_case(seed, name, kind, config)
    models.append(model)
    # A view of a larger array would be written as what lies before it in memory.
    tensors.update({key: np.ascontiguousarray(array) for key, array in more.items()})
content = save(tensors)
assert all(np.array_equal(array, tensors[key]) for key, array in load(content).items())
Path(__file__).with_suffix(".safetensors").write_bytes(content)
lists = {"models": models, "samplers": SAMPLERS}
lines = [
    f'"{what}": [\n' + ",\n".join(json.dumps(plain(case), allow_nan=False) for case in cases) + "\n]"
    for what, cases in lists.items()
]
Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
