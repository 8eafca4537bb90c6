"""kept clips (and public weights) -> a T5 encoder in Hugging Face's format.

The output is one folder in one format whatever the source; a public model keeps its values. A trained one is measured
on captions of the held-out split.
"""

from pathlib import Path

from components.common import artifacts
from components.common.artifacts import Summary
from components.common.errors import DataError
from components.common.fit import History, fit
from components.common.runtime import current
from components.text_encoder import data, evaluation
from components.text_encoder.config import Config, Train
from components.text_encoder.tokenization import train_tokenizer
from components.text_encoder.training import Training


def run(config: Config, *, clips: Path, pretrained: Path, output: Path) -> Summary:
    """Train on the captions of `clips`, or take the named model of `pretrained`."""
    training_captions, heldout_captions = data.captions(clips, "train"), data.captions(clips, "heldout")
    limit = config.formats.text_tokens
    if config.kind == "train" and config.train is not None:
        encoder, history, metrics = _train(config, config.train, list(training_captions), list(heldout_captions))
    else:
        encoder, history, metrics = data.load(_public(pretrained, config.pretrained)), None, {}
    if training_captions and heldout_captions:
        metrics |= evaluation.neighbors(encoder, heldout_captions, training_captions, limit) | evaluation.readable(
            encoder, heldout_captions, training_captions, limit
        )
    current().tracker.scalars(metrics, config.train.optimization.steps if config.train else 0)
    with artifacts.fresh(output) as folder:
        data.save(folder, encoder)
        (history or History(1)).write_csv(folder / "losses.csv")
        artifacts.write_json(folder / "metrics.json", metrics)
        return artifacts.describe(
            folder,
            data.KIND,
            inputs={"clips": clips, "pretrained": pretrained},
            counts={"training_captions": len(training_captions), "evaluation_captions": len(heldout_captions)},
            facts={"width": encoder.width, "vocabulary": encoder.tokenizer.get_vocab_size()},
        )


def _train(
    config: Config, train: Train, training_captions: list[str], heldout_captions: list[str]
) -> tuple[data.CaptionEncoder, History, dict[str, float]]:
    if not training_captions:
        raise DataError("no clip of the train split has a caption: add captions, or set text_encoder.kind to t5")
    tokenizer = train_tokenizer(training_captions, train.vocabulary)
    limit = config.formats.text_tokens
    training = Training(train, config.seed, tokenizer, training_captions, limit)
    history = fit(
        training,
        steps=train.optimization.steps,
        seed=config.seed,
        checkpoint_every_steps=train.checkpoint_every_steps,
        unit="captions",
        per_step=train.global_batch_captions,
    )
    heldout = [row.ids[: limit - 1] for row in tokenizer.encode_batch(heldout_captions, add_special_tokens=False)]
    metrics = evaluation.denoising(training, heldout, config.seed) if heldout else {}
    return data.CaptionEncoder(training.encoder(), tokenizer), history, metrics


def _public(pretrained: Path, name: str) -> Path:
    if not (pretrained / name).is_dir():
        offered = sorted(path.name for path in pretrained.iterdir() if path.is_dir())
        raise ValueError(f"text_encoder.pretrained names `{name}`, but pretrained.models gave {offered or 'nothing'}")
    return pretrained / name
