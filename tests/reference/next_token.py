"""What is made of next tokens, for the tests of `src/task/network/next_token.rs`.

Run with torch 2.11 (the environment of `python_adapters/pytorch`); writes `next_token.json` beside itself. Log-probabilities and
answers are those of float32 logits in float32, as networks hand them in; the metrics are those of torch in float64.
"""

import numpy as np
import torch
from reference import write
from torch.nn import functional

rng = np.random.default_rng(31)


def case(name, tokens, vocabulary, scale):
    truth = torch.from_numpy(rng.integers(0, vocabulary, tokens))
    logits = rng.normal(0.0, scale, (tokens, vocabulary))
    # A quarter are well told.
    logits[np.arange(0, tokens, 4), truth[::4]] += 3 * scale
    logits = torch.from_numpy(logits.astype(np.float32))
    told = logits.log_softmax(1).gather(1, truth[:, None])[:, 0]
    log_loss = functional.cross_entropy(logits.double(), truth)
    answers = logits.argmax(1)
    return {
        "name": name,
        "truth": truth.tolist(),
        "logits": logits.tolist(),
        "log_probabilities": told.tolist(),
        "answers": answers.tolist(),
        "metrics": {
            "log_loss": float(log_loss),
            "perplexity": float(log_loss.exp()),
            "accuracy": float((answers == truth).double().mean()),
        },
    }


write(
    __file__,
    [
        case("less than are shown", 20, 5, 1.0),
        case("more than are shown", 150, 4, 1.0),
        case("large logits", 40, 7, 300.0),
        case("two tokens", 30, 2, 0.1),
    ],
)
