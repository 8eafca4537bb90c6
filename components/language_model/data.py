"""token shards -> batches of sequences; reader and writer of a trained model.

The shards decide which clips a task can use: captioned ones for text, audible ones for audio, those with masked or
structure codes where the task needs them.

Shapes: B sequences, t h w the latent grid, L levels, F audio frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from components.language_model.config import Architecture
from components.language_model.model import Batch, Model, TokenSpec
from components.language_model.sequence import Part, Shape, layout
from components.language_model.tasks import Task
from components.language_model.vocabulary import Vocabulary
from components.nn import weights
from components.pretokenize.data import TokenGroup, Tokens

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class BatchSpec:
    """Properties that all sequences of a batch share."""

    task: Task
    group: str
    given: int  # leading latent frames
    region: str = ""  # of the masked tasks


class TokenDataset:
    """Batches of the clips of one split; `kept` restricts a group to some rows, and does not if it has no entry."""

    def __init__(self, tokens: Tokens, split: str, kept: Mapping[str, Rows] | None = None):
        self.kept = kept or {}
        self.groups: dict[str, TokenGroup] = {name: tokens.group(name) for name in tokens.formats()}
        self.split = split
        self.token_spec = token_spec_of(tokens.facts, self.groups)

    def rows(self, task: Task, name: str) -> Rows:
        """Return the rows of a group that qualify for a task, in order."""
        group = self.groups[name]
        frames = group.visual.shape[1]
        fits = (
            (frames == 1) == (task.media == "image")
            and (not task.structure or group.structure is not None)
            and (task.masked == "none" or bool(self.regions(task, name)))
            and (not task.needs_audio or group.audio is not None)
        )
        if not fits:
            return np.zeros(0, np.int64)
        keep = np.array([split == self.split for split in group.split])
        if task.text:
            keep &= group.text_length > 0
        if task.needs_audio:
            keep &= np.array([state == "audible" for state in group.audio_state])
        if name in self.kept:
            keep &= np.isin(np.arange(len(group)), self.kept[name])
        return np.flatnonzero(keep)

    def regions(self, task: Task, name: str) -> list[str]:
        """Return the masked regions of a group that a task can use."""
        return sorted(region for region in self.groups[name].conditions if region.startswith(task.masked))

    def batch(self, spec: BatchSpec, rows: Rows, without_text: NDArray[np.bool_] | None = None) -> Batch:
        """Read and lay out sequences; `without_text` marks those whose text is dropped."""
        group, task, vocabulary = self.groups[spec.group], spec.task, self.token_spec.vocabulary
        shape = self.token_spec.shapes[spec.group]
        plan = layout(task, shape, spec.given, self.token_spec.text_tokens, vocabulary)
        visual = _codes(group.visual, rows)
        codes: dict[Part, Tensor] = {"frames": vocabulary.visual_to_ids(visual[:, : spec.given])}
        codes["visual_out"] = vocabulary.visual_to_ids(visual[:, spec.given if task.output_starts else 0 :])
        if task.masked != "none":
            codes["masked"] = vocabulary.visual_to_ids(_codes(group.conditions[spec.region], rows))
        if task.structure:
            assert group.structure is not None
            codes["structure"] = vocabulary.visual_to_ids(_codes(group.structure, rows))
        if task.needs_audio:
            assert group.audio is not None
            codes |= split_audio(task, shape, spec.given, vocabulary, _codes(group.audio, rows))
        text = lengths = None
        if task.text:
            text = torch.from_numpy(group.text[rows].astype(np.float32))
            kept = group.text_length[rows] * (1 if without_text is None else ~without_text)
            lengths = torch.from_numpy(kept.astype(np.int64))
        return Batch(plan, plan.assemble(codes, len(rows)), text, lengths)


def split_audio(task: Task, shape: Shape, given: int, vocabulary: Vocabulary, audio_BLF: Tensor) -> dict[Part, Tensor]:
    """Return the ids of given and of output audio."""
    seen = {"none": 0, "whole": shape.audio_frames, "start": shape.audio_frames_until(given)}[task.audio]
    return {
        "audio": vocabulary.audio_to_ids(audio_BLF[:, :, :seen]),
        "audio_out": vocabulary.audio_to_ids(audio_BLF[:, :, seen if task.audio == "start" else 0 :]),
    }


def token_spec_of(facts: dict[str, Any], groups: dict[str, TokenGroup]) -> TokenSpec:
    """Return the specification of tokens from their manifest."""
    shapes = {
        name: Shape(name, tuple(facts["latent"][name]), 0 if group.audio is None else int(group.audio.shape[2]))
        for name, group in sorted(groups.items())
    }
    vocabulary = Vocabulary(facts["codebook_bits"], facts["levels"], facts["codebook_size"])
    return TokenSpec(vocabulary, facts["text_width"], facts["text_tokens"], shapes)


def save(folder: Path, model: Model) -> None:
    """Write `model.safetensors` and `config.json`."""
    weights.save(folder, model, {"architecture": asdict(model.architecture), "token_spec": asdict(model.token_spec)})


def load(folder: Path) -> tuple[Model, Vocabulary]:
    """Read a trained model, ready to sample from."""
    model = build(folder)
    weights.load_into(model, folder)
    return model, model.token_spec.vocabulary


def load_same(folder: Path, model: Model) -> None:
    """Read weights into a model that continues training; raises ValueError if the one in `folder` differs in shape."""
    theirs, ours = ({**asdict(one.architecture), **asdict(one.token_spec)} for one in (build(folder), model))
    if differing := [f"{name}: {theirs[name]} → {ours[name]}" for name in ours if theirs[name] != ours[name]]:
        raise ValueError(
            f"the model in {folder} differs from params and tokens in {'; '.join(differing)}: "
            "give both phases the same architecture and tokens"
        )
    model.load_state_dict(load_file(folder / weights.WEIGHTS))


def build(folder: Path) -> Model:
    """Return an untrained model of the same architecture as the one in `folder`."""
    config = weights.read_config(folder)
    spec = config["token_spec"]
    shapes = {
        name: Shape(name, tuple(shape["latent"]), shape["audio_frames"]) for name, shape in spec["shapes"].items()
    }
    return Model(
        Architecture(**config["architecture"]),
        TokenSpec(Vocabulary(**spec["vocabulary"]), spec["text_width"], spec["text_tokens"], shapes),
    )


def _codes(column: NDArray[np.int32], rows: Rows | Sequence[int]) -> Tensor:
    return torch.from_numpy(column[rows].astype(np.int64))
