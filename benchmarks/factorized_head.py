"""Claim: telling visual codes half by half makes a training step cheaper than a flat softmax over all of them.

    OMP_NUM_THREADS=1 python benchmarks/factorized_head.py [bits]

Forward, backward and AdamW on 14 text-to-video sequences with profile `tiny`'s model; both heads take turns, and the
median core-seconds of a step count. `bits` is 13 unless given, as in `tiny`; the paper's codebook has 18.
"""

import json
import statistics
import sys
import time

import recording
import torch

from components.language_model.config import Architecture
from components.language_model.model import Batch, Model, TokenSpec
from components.language_model.sequence import Shape, layout
from components.language_model.tasks import TASKS
from components.language_model.vocabulary import Vocabulary

SEQUENCES, TEXT_TOKENS, TEXT_WIDTH, TURNS = 14, 16, 64, 9
CLIP = Shape("clip", (5, 4, 4), 26)


def main() -> None:
    """Print each head's core-seconds a step, and how many times the flat one costs the factorized one."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    vocabulary = Vocabulary(int(sys.argv[1]) if len(sys.argv) > 1 else 13, 4, 256)
    plan = layout(TASKS["text_to_video"], CLIP, 0, TEXT_TOKENS, vocabulary)
    codes = torch.randint(vocabulary.visual_codes, (SEQUENCES, 80)) + vocabulary.visual_ids.start
    text, lengths = torch.randn(SEQUENCES, TEXT_TOKENS, TEXT_WIDTH), torch.full((SEQUENCES,), 8)
    batch = Batch(plan, plan.assemble({"visual_out": codes}, SEQUENCES), text, lengths)
    spec = TokenSpec(vocabulary, TEXT_WIDTH, TEXT_TOKENS, {"clip": CLIP})
    models = {head: Model(Architecture(128, 4, 4, 336, 0.15, "bits", head), spec) for head in ("table", "factorized")}
    optimizers = {head: torch.optim.AdamW(model.parameters(), fused=True) for head, model in models.items()}
    spent_s: dict[str, list[float]] = {head: [] for head in models}
    for _ in range(TURNS):
        for head, model in models.items():
            start_s = time.process_time()
            model(batch)["loss"].backward()
            optimizers[head].step()
            optimizers[head].zero_grad()
            spent_s[head].append(time.process_time() - start_s)
    step_s = {head: round(statistics.median(seconds), 3) for head, seconds in spent_s.items()}
    ratio = step_s["table"] / step_s["factorized"]
    print(json.dumps({"core_seconds": step_s, "table_over_factorized": round(ratio, 2)}))
    claim = f"core-seconds of a step, flat softmax ÷ factorized head, {vocabulary.codebook_bits} bits"
    recording.record(claim, ratio, "×", "> 1")


if __name__ == "__main__":
    recording.begin()
    main()
