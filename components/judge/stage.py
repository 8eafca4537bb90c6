"""kept clips -> judge.

It learns from the train split alone; the held-out split only measures how far it can be trusted.
"""

from pathlib import Path

import torch

from components.common import artifacts, runtime
from components.common.artifacts import Summary
from components.common.fit import fit
from components.common.random import seed_of
from components.filter.data import Clips
from components.judge import data, evaluation
from components.judge.caption_vocabulary import CaptionVocabulary
from components.judge.config import Config
from components.judge.examples import Examples, learnable_values
from components.judge.model import Judge
from components.judge.training import Training


def run(config: Config, *, clips: Path, output: Path) -> Summary:
    """Train the judge on `clips`; writes the model, `losses.csv` and `metrics.json`."""
    train = Examples(Clips(clips, "train"), config.formats, config.cache_mib)
    heldout = Examples(Clips(clips, "heldout"), config.formats)
    if not len(train):
        raise ValueError(f"{clips} holds no clip of the train split: the judge has nothing to learn from")
    torch.manual_seed(seed_of(config.seed, "weights"))
    judge = Judge(
        config.architecture,
        CaptionVocabulary.learned(train.captions),
        learnable_values(train, config.min_clips_per_value),
    )
    history = fit(
        Training(config, judge, train),
        steps=config.optimization.steps,
        seed=config.seed,
        checkpoint_every_steps=config.checkpoint_every_steps,
        unit="clips",
        per_step=round(
            config.image_share * config.global_batch_images + (1 - config.image_share) * config.global_batch_clips
        ),
    )
    judge.cpu().eval().requires_grad_(False)
    values = evaluation.metrics(judge, train, heldout)
    runtime.current().tracker.scalars(values, config.optimization.steps)
    with artifacts.fresh(output) as folder:
        data.save(folder, judge, config.architecture)
        history.write_csv(folder / "losses.csv")
        artifacts.write_json(folder / "metrics.json", values)
        return artifacts.describe(
            folder,
            "judge",
            inputs={"clips": clips},
            counts={"train": len(train), "heldout": len(heldout), "words": len(judge.vocabulary.known)},
            facts={"attributes": {name: list(kinds) for name, kinds in judge.values.items()}},
        )
