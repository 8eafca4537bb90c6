"""language model + token shards -> the model, adapted to a set of tasks (paper, §4.2).

The result is a whole model of the same architecture. Its metrics hold the losses on held-out clips before and after the
adaptation. The tokens may differ from those of the base model, if the same tokenizers made them: clips of a format that
the base model does not know are left out, and if there are no images, or no videos, all steps train the other kind.
"""

from pathlib import Path

import numpy as np

from components.adapt import ops
from components.adapt.config import Config
from components.common import artifacts
from components.common.artifacts import Summary
from components.common.fit import fit
from components.language_model import data, training
from components.language_model.data import Rows, TokenDataset
from components.language_model.evaluation import heldout_losses
from components.language_model.mixture import Mixture
from components.language_model.model import Model
from components.language_model.tasks import TASKS
from components.pretokenize.data import Tokens

BATCH_CLIPS = 16  # for the scores of captions


def run(config: Config, *, tokens: Path, language_model: Path, output: Path) -> Summary:
    """Train the model in `language_model` further on the tasks of the mix."""
    shards, chosen = Tokens(tokens), config.optimization
    model, _ = data.load(language_model)
    if not ops.is_compatible(model.token_spec, TokenDataset(shards, "train").token_spec):
        raise ValueError(f"{language_model} was trained on tokens of other tokenizers than {tokens}: rerun both")
    unknown = {group: np.zeros(0, np.int64) for group in shards.formats() if group not in model.shapes}
    kept = _good_examples(config, model, TokenDataset(shards, "train", unknown)) | unknown
    dataset, heldout = TokenDataset(shards, "train", kept), TokenDataset(shards, "heldout", unknown)
    scoring = {"sequences": config.heldout_sequences, "seed": config.seed}
    before = heldout_losses(model, config.mix, heldout, **scoring)
    model.head_chunk_tokens = chosen.head_chunk_tokens
    mix = ops.available_mix(config.mix, dataset)
    mixture = Mixture(mix, dataset, seed=config.seed, batch_tokens=chosen.global_batch_tokens)
    learner = training.Training(model.train().requires_grad_(True), mixture, chosen)
    history = fit(
        learner,
        steps=chosen.steps,
        seed=config.seed,
        checkpoint_every_steps=chosen.checkpoint_every_steps,
        unit="tokens",
        per_step=chosen.global_batch_tokens,
    )
    after = heldout_losses(model, config.mix, heldout, **scoring)
    with artifacts.fresh(output) as folder:
        data.save(folder, model)
        history.write_csv(folder / "losses.csv")
        metrics = after | {f"base_{name}": value for name, value in before.items()}
        artifacts.write_json(folder / "metrics.json", {name: round(value, 5) for name, value in metrics.items()})
        counts = {"steps": chosen.steps} | {f"{group}_clips": len(rows) for group, rows in kept.items()}
        inputs = {"tokens": tokens, "language_model": language_model}
        return artifacts.describe(folder, "language_model", inputs=inputs, counts=counts)


def _good_examples(config: Config, model: Model, dataset: TokenDataset) -> dict[str, Rows]:
    """Return the best captioned clips of every group; nothing, which keeps all clips, if the share is 1."""
    kept: dict[str, Rows] = {}
    if config.quality_share < 1:
        for group in dataset.groups:
            still = dataset.groups[group].visual.shape[1] == 1
            rows = dataset.rows(TASKS["text_to_image" if still else "text_to_video"], group)
            if len(rows):
                gains = ops.caption_gains(model, dataset, group, rows, BATCH_CLIPS)
                kept[group] = ops.best(rows, gains, config.quality_share)
    return kept
