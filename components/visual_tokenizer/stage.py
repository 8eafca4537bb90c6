"""kept clips -> a visual tokenizer.

The moving average of the weights is saved. With `initial`, an image tokenizer is inflated first: on one frame
both then compute the same, and training continues from there.
"""

from dataclasses import asdict
from pathlib import Path

import torch

from components.common import artifacts
from components.common.artifacts import Summary
from components.common.fit import fit
from components.common.random import seed_of
from components.filter.data import Clips
from components.media.images import encode_png
from components.nn import weights
from components.visual_tokenizer import data, evaluation, perceptual
from components.visual_tokenizer.config import Config
from components.visual_tokenizer.inflation import inflate
from components.visual_tokenizer.model import Model
from components.visual_tokenizer.training import Training


def run(config: Config, *, clips: Path, pretrained: Path, initial: Path | None = None, output: Path) -> Summary:
    """Train a tokenizer on the train split of `clips`, from scratch or from `initial`."""
    torch.manual_seed(seed_of(config.seed, "weights"))
    model = Model(config.architecture)
    if initial is not None:
        inflate(data.load(initial), model)
    network = perceptual.load(pretrained) if config.losses.perceptual else None
    training = Training(config, model, data.Batches(config, clips), network)
    history = fit(
        training,
        steps=config.optimization.steps,
        seed=config.seed,
        checkpoint_every_steps=config.checkpoint_every_steps,
        unit="steps",
        per_step=1,
    )
    average = training.modules["ema"].eval()
    assert isinstance(average, Model)
    heldout, known = Clips(clips, split="heldout"), Clips(clips, split="train")
    with torch.no_grad(), artifacts.fresh(output) as folder:
        weights.save(folder, average, asdict(config.architecture))
        artifacts.write_json(folder / "metrics.json", evaluation.measure(config, average, heldout, known))
        (folder / "reconstructions.png").write_bytes(encode_png(evaluation.sheet(config, average, heldout)))
        history.write_csv(folder / "losses.csv")
        inputs = {"clips": clips, "pretrained": pretrained, "initial": initial}
        parameters = sum(parameter.numel() for parameter in average.parameters())
        return artifacts.describe(
            folder,
            "visual_tokenizer",
            inputs=inputs,
            counts={"steps": config.optimization.steps, "parameters": parameters},
        )
