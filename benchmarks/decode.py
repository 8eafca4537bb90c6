"""Claim: cached sampling is at least as fast as `transformers`' Llama of the same shape.

    OMP_NUM_THREADS=1 python benchmarks/decode.py

Both sample 80 codes after a prefix of 20 positions, with the same width, layers, heads, feed-forward and vocabulary,
temperature 1, no guidance. They take turns; the medians of core-seconds count, so a busy machine slows both alike.
"""

import json
import statistics
import time
from collections.abc import Callable

import recording
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from components.language_model.config import Architecture
from components.language_model.model import Model, TokenSpec
from components.language_model.sampling import Conditions, SamplingConfig, sample
from components.language_model.sequence import Shape
from components.language_model.tasks import TASKS
from components.language_model.vocabulary import Vocabulary

BATCH, PREFIX, CODES, TURNS = 8, 20, 80, 7
ARCHITECTURE = Architecture(256, 6, 8, 688, 0.0, "table", "table")
VOCABULARY = Vocabulary(codebook_bits=12, levels=1, codebook_size=256)


def ours() -> Callable[[], object]:
    """Text-to-video on a (5, 4, 4) latent; markers and text make up the prefix."""
    shape = Shape("clip", (5, 4, 4), 0)
    model = Model(ARCHITECTURE, TokenSpec(VOCABULARY, 64, PREFIX - 4, {"clip": shape})).eval()
    text = Conditions(torch.randn(BATCH, PREFIX - 4, 64), torch.full((BATCH,), PREFIX - 4))
    settings = SamplingConfig(guidance=1.0, temperature=1.0, top_k=0, top_p=1.0)
    seeds = range(BATCH)
    return lambda: sample(model, VOCABULARY, TASKS["text_to_video"], shape, text, settings=settings, seeds=seeds)


def theirs() -> Callable[[], object]:
    """The same number of positions of token ids."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY.size,
            hidden_size=ARCHITECTURE.width,
            intermediate_size=ARCHITECTURE.feed_forward_width,
            num_hidden_layers=ARCHITECTURE.layers,
            num_attention_heads=ARCHITECTURE.heads,
        )
    ).eval()
    ids = torch.randint(256, VOCABULARY.size, (BATCH, PREFIX))
    mask = torch.ones_like(ids)
    return lambda: model.generate(
        ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, max_new_tokens=CODES, min_new_tokens=CODES
    )


def main() -> None:
    """Print codes per core-second of both, and the ratio."""
    torch.manual_seed(0)
    contestants = {"ours": ours(), "transformers": theirs()}
    spent_s: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(TURNS + 1):
        for name, generate in contestants.items():
            start_s = time.process_time()
            generate()
            if turn:  # the first turn warms up
                spent_s[name].append(time.process_time() - start_s)
    rates = {name: BATCH * CODES / statistics.median(seconds) for name, seconds in spent_s.items()}
    figures = {f"{name}_codes_per_core_second": round(rate, 1) for name, rate in rates.items()}
    print(json.dumps(figures | {"ratio": round(rates["ours"] / rates["transformers"], 2)}))
    claim = "codes a core-second, cached sampling ÷ LlamaForCausalLM.generate of the same shape"
    recording.record(claim, rates["ours"] / rates["transformers"], "×", "≥ 1")


if __name__ == "__main__":
    recording.begin()
    main()
