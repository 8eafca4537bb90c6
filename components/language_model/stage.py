"""token shards -> language model.

Without `initial`, training starts from new weights; with it, it continues where that run ended: same weights, same
optimizer moments, next step of the same schedule.
"""

from pathlib import Path

import torch

from components.common import artifacts
from components.common.artifacts import Summary
from components.common.fit import fit
from components.common.random import seed_of
from components.language_model import data, training
from components.language_model.config import Config
from components.language_model.data import TokenDataset
from components.language_model.evaluation import write_results
from components.language_model.mixture import Mixture
from components.language_model.model import Model
from components.pretokenize.data import Tokens


def run(config: Config, *, tokens: Path, output: Path, initial: Path | None = None) -> Summary:
    """Train one phase on `tokens`, from new weights or on from `initial`."""
    shards, chosen = Tokens(tokens), config.optimization
    dataset = TokenDataset(shards, "train")
    mixture = Mixture(config.mix, dataset, seed=config.seed, batch_tokens=chosen.global_batch_tokens)
    torch.manual_seed(seed_of(config.seed, "initial weights"))
    model = Model(config.architecture, dataset.token_spec, chosen.head_chunk_tokens)
    learner = training.Training(model, mixture, chosen)
    first_step = 0
    if initial is not None:
        data.load_same(initial, model)
        first_step = training.load_state(initial, model, learner.optimizers["model"])
    if first_step + chosen.steps > chosen.schedule_steps:
        raise ValueError(
            f"optimization.schedule_steps is {chosen.schedule_steps}, but {first_step} steps are done and "
            f"{chosen.steps} to go"
        )
    history = fit(
        learner,
        steps=chosen.steps,
        first_step=first_step,
        seed=config.seed,
        checkpoint_every_steps=chosen.checkpoint_every_steps,
        unit="tokens",
        per_step=chosen.global_batch_tokens,
    )
    with artifacts.fresh(output) as folder:
        data.save(folder, model)
        training.save_state(folder, model, learner.optimizers["model"], first_step + chosen.steps)
        heldout = TokenDataset(shards, "heldout")
        write_results(folder, model, config.mix, heldout, history, sequences=config.heldout_sequences, seed=config.seed)
        counts = {"steps": first_step + chosen.steps, "parameters": sum(p.numel() for p in model.parameters())}
        return artifacts.describe(
            folder, "language_model", inputs={"tokens": tokens, "initial": initial}, counts=counts
        )
