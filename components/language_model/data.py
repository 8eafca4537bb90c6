"""token shards -> batches of sequences; and the model's folder.

Which clips a task may use is read from the shards: captioned ones for text, audible ones for sound, those with masked
or structure codes where the task needs them.

Shapes: B sequences, t h w the latent grid, L levels, F sound frames.
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
from components.language_model.model import Batch, Facts, Model
from components.language_model.sequence import Part, Shape, layout
from components.language_model.tasks import Task
from components.language_model.vocabulary import Vocabulary
from components.nn import weights
from components.pretokenize.data import TokenGroup, Tokens

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Draw:
    """What the sequences of a batch have in common."""

    task: Task
    group: str
    given: int  # leading latent frames
    region: str = ""  # of the masked tasks


class Source:
    """Batches of the clips of one split; `kept` names the only clips to use of a group, all where it has no entry."""

    def __init__(self, tokens: Tokens, split: str, kept: Mapping[str, Rows] | None = None):
        self.kept = kept or {}
        self.groups: dict[str, TokenGroup] = {name: tokens.group(name) for name in tokens.formats()}
        self.split = split
        self.facts = facts_of(tokens.facts, self.groups)

    def rows(self, task: Task, name: str) -> Rows:
        """Rows of a group that qualify for a task, in order."""
        group = self.groups[name]
        frames = group.visual.shape[1]
        fits = (
            (frames == 1) == (task.media == "image")
            and (not task.structure or group.structure is not None)
            and (task.masked == "none" or bool(self.regions(task, name)))
            and (not task.needs_sound or group.audio is not None)
        )
        if not fits:
            return np.zeros(0, np.int64)
        keep = np.array([split == self.split for split in group.split])
        if task.text:
            keep &= group.text_length > 0
        if task.needs_sound:
            keep &= np.array([state == "audible" for state in group.audio_state])
        if name in self.kept:
            keep &= np.isin(np.arange(len(group)), self.kept[name])
        return np.flatnonzero(keep)

    def regions(self, task: Task, name: str) -> list[str]:
        """Masked regions of a group that a task can use."""
        return sorted(region for region in self.groups[name].conditions if region.startswith(task.masked))

    def batch(self, draw: Draw, rows: Rows, without_text: NDArray[np.bool_] | None = None) -> Batch:
        """Read and lay out sequences; `without_text` marks those whose text is left out."""
        group, task, vocabulary = self.groups[draw.group], draw.task, self.facts.vocabulary
        shape = self.facts.shapes[draw.group]
        plan = layout(task, shape, draw.given, self.facts.text_tokens, vocabulary)
        visual = _codes(group.visual, rows)
        codes: dict[Part, Tensor] = {"frames": vocabulary.visual_to_ids(visual[:, : draw.given])}
        codes["visual_out"] = vocabulary.visual_to_ids(visual[:, draw.given if task.output_starts else 0 :])
        if task.masked != "none":
            codes["masked"] = vocabulary.visual_to_ids(_codes(group.conditions[draw.region], rows))
        if task.structure:
            assert group.structure is not None
            codes["structure"] = vocabulary.visual_to_ids(_codes(group.structure, rows))
        if task.needs_sound:
            assert group.audio is not None
            codes |= split_sound(task, shape, draw.given, vocabulary, _codes(group.audio, rows))
        text = lengths = None
        if task.text:
            text = torch.from_numpy(group.text[rows].astype(np.float32))
            kept = group.text_length[rows] * (1 if without_text is None else ~without_text)
            lengths = torch.from_numpy(kept.astype(np.int64))
        return Batch(plan, plan.assemble(codes, len(rows)), text, lengths)


def split_sound(task: Task, shape: Shape, given: int, vocabulary: Vocabulary, audio_BLF: Tensor) -> dict[Part, Tensor]:
    """Ids of the sound that goes in and of the sound that comes out."""
    seen = {"none": 0, "whole": shape.audio_frames, "start": shape.sound_of(given)}[task.sound]
    return {
        "sound": vocabulary.audio_to_ids(audio_BLF[:, :, :seen]),
        "audio_out": vocabulary.audio_to_ids(audio_BLF[:, :, seen if task.sound == "start" else 0 :]),
    }


def facts_of(token_facts: dict[str, Any], groups: dict[str, TokenGroup]) -> Facts:
    """What the model must know of the tokens it is trained on."""
    shapes = {
        name: Shape(name, tuple(token_facts["latent"][name]), 0 if group.audio is None else int(group.audio.shape[2]))
        for name, group in sorted(groups.items())
    }
    vocabulary = Vocabulary(token_facts["codebook_bits"], token_facts["levels"], token_facts["codebook_size"])
    return Facts(vocabulary, token_facts["text_width"], token_facts["text_tokens"], shapes)


def save(folder: Path, model: Model) -> None:
    """Write `model.safetensors` and `config.json`."""
    weights.save(folder, model, {"architecture": asdict(model.architecture), "facts": asdict(model.facts)})


def load(folder: Path) -> tuple[Model, Vocabulary]:
    """Read a trained model, ready to sample from."""
    model = build(folder)
    weights.load_into(model, folder)
    return model, model.facts.vocabulary


def load_same(folder: Path, model: Model) -> None:
    """Read weights into a model that goes on training; raises ValueError if the one in `folder` is built otherwise."""
    theirs, ours = build(folder), model
    if (theirs.architecture, theirs.facts) != (ours.architecture, ours.facts):
        raise ValueError(
            f"the model in {folder} has {theirs.architecture} for {theirs.facts}, but params and tokens ask for "
            f"{ours.architecture} for {ours.facts}: give both phases the same architecture and tokens"
        )
    model.load_state_dict(load_file(folder / weights.WEIGHTS))


def build(folder: Path) -> Model:
    """Make a model of the same architecture as the one in `folder`, its weights untrained."""
    config = weights.read_config(folder)
    facts = config["facts"]
    shapes = {
        name: Shape(name, tuple(shape["latent"]), shape["audio_frames"]) for name, shape in facts["shapes"].items()
    }
    return Model(
        Architecture(**config["architecture"]),
        Facts(Vocabulary(**facts["vocabulary"]), facts["text_width"], facts["text_tokens"], shapes),
    )


def _codes(column: NDArray[np.int32], rows: Rows | Sequence[int]) -> Tensor:
    return torch.from_numpy(column[rows].astype(np.int64))
