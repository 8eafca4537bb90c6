"""kept clips -> the trained audio tokenizer.

The artifact is the moving average of the weights, measured on held-out waveforms, with spectrograms of originals above
their reconstructions.
"""

from pathlib import Path

import torch

from components.audio_tokenizer import data, evaluation, spectrograms
from components.audio_tokenizer.config import Config
from components.audio_tokenizer.training import Training
from components.common import artifacts
from components.common.artifacts import Summary
from components.common.errors import DataError
from components.common.fit import fit
from components.common.runtime import current

SHOWN = 8


def run(config: Config, *, clips: Path, output: Path) -> Summary:
    """Train on the audible clips of the training split; raises DataError if there are none in either split."""
    training_clips = data.AudibleClips(clips, "train", config.cache_mib)
    heldout_clips = data.AudibleClips(clips, "heldout")
    for split, found in (("train", training_clips), ("heldout", heldout_clips)):
        if not len(found):
            raise DataError(
                f"no clip of the {split} split has an audible audio track: add clips with audio, or keep them in filter"
            )
    training = Training(config, training_clips)
    history = fit(
        training,
        steps=config.optimization.steps,
        seed=config.seed,
        checkpoint_every_steps=config.checkpoint_every_steps,
        unit="sounds",
        per_step=config.global_batch_sounds,
    )
    model = training.ema.cpu().eval()
    waves = [heldout_clips.wave(number) for number in range(min(len(heldout_clips), config.evaluation_sounds))]
    rate = config.formats.sample_rate_hz
    metrics = evaluation.measure(model, waves, rate)
    current().tracker.scalars(metrics, config.optimization.steps)
    with artifacts.fresh(output) as folder:
        data.save(folder, model)
        history.write_csv(folder / "losses.csv")
        artifacts.write_json(folder / "metrics.json", metrics)
        originals = [torch.from_numpy(wave) for wave in waves[:SHOWN]]
        pairs = [(wave, model.decode(model.encode(wave[None]))[0]) for wave in originals]
        spectrograms.write_comparison(folder / "spectrograms.png", pairs, rate)
        counts = {"training_sounds": len(training_clips), "evaluation_sounds": len(waves)}
        facts = {"sample_rate_hz": rate, "hop": model.config.hop}
        return artifacts.describe(folder, data.KIND, inputs={"clips": clips}, counts=counts, facts=facts)
