"""language model + token shards -> the model, adapted to a set of tasks (paper, §3.5 and §4).

The result is a whole model of the same architecture. The base model's own losses on the same held-out clips stand
beside the adapted ones, so that what was won is seen.
"""

from pathlib import Path

from components.adapt import ops
from components.adapt.config import Config
from components.common import artifacts
from components.common.artifacts import Summary
from components.common.fit import fit
from components.language_model import data, training
from components.language_model.data import Rows, Source
from components.language_model.evaluation import heldout_losses
from components.language_model.mixture import Mixture
from components.language_model.model import Model
from components.language_model.tasks import TASKS
from components.pretokenize.data import Tokens

CLIPS_AT_ONCE = 16  # while they are scored


def run(config: Config, *, tokens: Path, language_model: Path, output: Path) -> Summary:
    """Train the model in `language_model` further on the tasks of the mix."""
    shards, chosen = Tokens(tokens), config.optimization
    model, _ = data.load(language_model)
    kept = _good_examples(config, model, Source(shards, "train"))
    source, heldout = Source(shards, "train", kept), Source(shards, "heldout")
    if source.facts != model.facts:
        raise ValueError(f"{language_model} was trained on other tokens than {tokens}: rerun language_model")
    scoring = {"sequences": config.heldout_sequences, "seed": config.seed}
    before = heldout_losses(model, config.mix, heldout, **scoring)
    model.head_chunk_tokens = chosen.head_chunk_tokens
    mixture = Mixture(config.mix, source, seed=config.seed, batch_tokens=chosen.global_batch_tokens)
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


def _good_examples(config: Config, model: Model, source: Source) -> dict[str, Rows]:
    """The best captioned clips of every group; nothing, which keeps all clips, if the share is 1."""
    kept: dict[str, Rows] = {}
    if config.quality_share < 1:
        for group in source.groups:
            still = source.groups[group].visual.shape[1] == 1
            rows = source.rows(TASKS["text-to-image" if still else "text-to-video"], group)
            if len(rows):
                gains = ops.caption_gains(model, source, group, rows, CLIPS_AT_ONCE)
                kept[group] = ops.best(rows, gains, config.quality_share)
    return kept
