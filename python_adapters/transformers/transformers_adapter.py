"""transformers behind benchrun's adapter interface: encoders for embeddings, decoders for what follows."""

import os

# Nothing is ever fetched; what is not in the model's folder is not there.
os.environ["HF_HUB_OFFLINE"] = "1"

from transformers.utils import logging

from benchrun_kit import KEPT, LanguageModel, Request, Unsupported, on_torch
from decoder import SAMPLING, Decoder
from encoder import Encoder

#: By task and algorithm: the hyperparameters that are not the kit's.
OWN = {
    "embedding": {"mean": ("normalize",), "cls": ("normalize",)},
    "language_model": {"perplexity": (), "greedy": (), "sample": SAMPLING},
}


def create(request: Request) -> LanguageModel:
    """The model of one request; its folder is read later."""
    dtype = on_torch.check(request)
    known = {*OWN[request.task][request.algorithm], *KEPT}
    if unknown := sorted(request.hyperparameters.keys() - known):
        raise Unsupported(f"{request.algorithm} has no hyperparameter `{unknown[0]}`")
    on_torch.allow(request)
    # The tokenizers' pool has as many threads as RAYON_NUM_THREADS says, which the runner sets.
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if request.threads > 1 else "false"
    # Tensors that are missing are an error of `build`; those that are not used are told in the README.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return (Encoder if request.task == "embedding" else Decoder)(request, dtype)
