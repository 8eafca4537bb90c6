"""Model and held-out clips -> losses by task, in nats per output token."""

from pathlib import Path

import numpy as np
import torch

from components.common import artifacts
from components.common.fit import History
from components.common.random import seed_of
from components.language_model.config import Mix
from components.language_model.data import TokenDataset
from components.language_model.mixture import sample_prefix
from components.language_model.model import Model
from components.language_model.tasks import TASKS


def write_results(
    folder: Path, model: Model, mix: Mix, heldout: TokenDataset, history: History, *, sequences: int, seed: int
) -> None:
    """Write the curve (`losses.csv`) and the held-out losses (`metrics.json`)."""
    history.write_csv(folder / "losses.csv")
    metrics = heldout_losses(model, mix, heldout, sequences=sequences, seed=seed)
    artifacts.write_json(folder / "metrics.json", {name: round(value, 5) for name, value in metrics.items()})


@torch.inference_mode()
def heldout_losses(model: Model, mix: Mix, dataset: TokenDataset, *, sequences: int, seed: int) -> dict[str, float]:
    """Return the mean loss of every task that has clips in `dataset`, on the group with most of them.

    Names are `heldout_loss.<task>`, and `heldout_loss.<task>.<modality>` where both are made.
    """
    model.eval()
    losses: dict[str, float] = {}
    for name in sorted(mix.tasks):
        groups = {group: dataset.rows(TASKS[name], group) for group in dataset.groups}
        group = max(groups, key=lambda group: (len(groups[group]), group))
        if not len(groups[group]):
            continue
        random = np.random.default_rng(seed_of(seed, "heldout", TASKS[name].option))
        spec = sample_prefix(random, TASKS[name], dataset, group, first_frame_share=0.0)
        found = model(dataset.batch(spec, groups[group][:sequences]).to(model.norm.weight.device))
        losses[f"heldout_loss.{name}"] = found.pop("loss").item()
        if len(found) > 1:
            losses |= {f"heldout_loss.{name}.{part.removesuffix('_loss')}": v.item() for part, v in found.items()}
    return losses
