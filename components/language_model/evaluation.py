"""A model and clips it was not trained on -> losses by task, in nats per output token."""

from pathlib import Path

import numpy as np
import torch

from components.common import artifacts
from components.common.fit import History
from components.common.random import seed_of
from components.language_model.config import Mix
from components.language_model.data import Source
from components.language_model.mixture import settle
from components.language_model.model import Model
from components.language_model.tasks import TASKS


def write_results(
    folder: Path, model: Model, mix: Mix, heldout: Source, history: History, *, sequences: int, seed: int
) -> None:
    """Write the curve (`losses.csv`) and the held-out losses (`metrics.json`)."""
    history.write_csv(folder / "losses.csv")
    metrics = heldout_losses(model, mix, heldout, sequences=sequences, seed=seed)
    artifacts.write_json(folder / "metrics.json", {name: round(value, 5) for name, value in metrics.items()})


@torch.inference_mode()
def heldout_losses(model: Model, mix: Mix, source: Source, *, sequences: int, seed: int) -> dict[str, float]:
    """Mean loss of every task that has clips in `source`, on the group with most of them.

    Names are `heldout_loss.<task>`, and `heldout_loss.<task>.<modality>` where both are made.
    """
    model.eval()
    losses: dict[str, float] = {}
    for name in sorted(mix.tasks):
        groups = {group: source.rows(TASKS[name], group) for group in source.groups}
        group = max(groups, key=lambda group: (len(groups[group]), group))
        if not len(groups[group]):
            continue
        random = np.random.default_rng(seed_of(seed, "heldout", name))
        draw = settle(random, TASKS[name], source, group, first_frame_share=0.0)
        found = model(source.batch(draw, groups[group][:sequences]).to(model.norm.weight.device))
        losses[f"heldout_loss.{name}"] = found.pop("loss").item()
        if len(found) > 1:
            losses |= {f"heldout_loss.{name}.{part.removesuffix('_loss')}": v.item() for part, v in found.items()}
    return losses
