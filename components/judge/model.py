"""A video–text dual encoder with one classification head per attribute.

A clip passes two streams: a wide one sees few frames one by one (appearance), a narrow one the differences of all
frames (motion); both end in pooling over space and time, so every size and length fits. A still image has no motion
features: they are zero. Texts are sets of words; word order is ignored.

Shapes: B clips, T frames, H height, W width, C channels, N words, D features, K values of an attribute.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.judge.caption_vocabulary import CaptionVocabulary
from components.judge.config import Architecture
from components.media.tensors import to_unit

CLIPS_AT_ONCE = 32


class ConvLayer(nn.Module):
    """Convolution, batch normalization, ReLU; `kernel` and `stride` are (time, space)."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int]):
        super().__init__()
        span, side = kernel
        self.conv = nn.Conv3d(
            inputs,
            outputs,
            (span, side, side),
            (stride[0], stride[1], stride[1]),
            (span // 2, side // 2, side // 2),
            bias=False,
        )
        self.norm = nn.BatchNorm3d(outputs)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        y_BCTHW: Tensor = F.relu(self.norm(self.conv(x_BCTHW)))
        return y_BCTHW


class VideoEncoder(nn.Module):
    """x_BCTHW in -1..1 -> features_BD."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        appearance, motion = architecture.appearance_widths, architecture.motion_widths
        self.appearance_every_frames = architecture.appearance_every_frames
        self.appearance = nn.Sequential(
            *(
                ConvLayer(inputs, outputs, (1, 5 if i == 0 else 3), (1, 2 if i in (0, 1) or i % 2 else 1))
                for i, (inputs, outputs) in enumerate(zip((3, *appearance), appearance, strict=False))
            )
        )
        self.motion = nn.Sequential(
            *(
                ConvLayer(inputs, outputs, (1, 5) if i == 0 else (3, 3), (1 if i == 0 else 2, 2))
                for i, (inputs, outputs) in enumerate(zip((3, *motion), motion, strict=False))
            )
        )
        self.motion_features = 2 * motion[-1]
        self.out = nn.Linear(2 * appearance[-1] + self.motion_features, architecture.features)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        appearance_BCTHW = self.appearance(x_BCTHW[:, :, :: self.appearance_every_frames])
        appearance_BC = torch.cat([appearance_BCTHW.mean((2, 3, 4)), appearance_BCTHW.amax((3, 4)).mean(2)], dim=1)
        if x_BCTHW.shape[2] == 1:
            motion_BC = appearance_BC.new_zeros(len(appearance_BC), self.motion_features)
        else:
            motion_BCTHW = self.motion(x_BCTHW.diff(dim=2))
            motion_BC = torch.cat([motion_BCTHW.mean((2, 3, 4)), motion_BCTHW.amax((2, 3, 4))], dim=1)
        features_BD: Tensor = self.out(torch.cat([appearance_BC, motion_BC], dim=1))
        return features_BD


class TextEncoder(nn.Module):
    """ids_BN of words (0 = no word) -> features_BD: the mean of the word vectors, through two layers."""

    def __init__(self, words: int, architecture: Architecture):
        super().__init__()
        width = architecture.text_width
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.out = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, architecture.features))

    def forward(self, ids_BN: Tensor) -> Tensor:
        count_B1 = (ids_BN > 0).sum(dim=1, keepdim=True).clamp(min=1)
        features_BD: Tensor = self.out(self.embedding(ids_BN).sum(dim=1) / count_B1)
        return features_BD


class Judge(nn.Module):
    """Classifies attributes of clips and compares clips with texts; `values` lists each attribute's learned values."""

    def __init__(self, architecture: Architecture, vocabulary: CaptionVocabulary, values: Mapping[str, Sequence[str]]):
        super().__init__()
        self.vocabulary = vocabulary
        self.values = {name: tuple(values[name]) for name in sorted(values)}
        self.video = VideoEncoder(architecture)
        self.text = TextEncoder(len(vocabulary), architecture)
        # a module's name may hold no dot, an attribute's may: heads go by position
        self.heads = nn.ModuleList(nn.Linear(architecture.features, len(kinds)) for kinds in self.values.values())

    def forward(self, x_BCTHW: Tensor, ids_BN: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Clips in -1..1 and texts -> the features of both (B, D), and the clips' attribute scores."""
        features_BD = self.video(x_BCTHW)
        return features_BD, self.text(ids_BN), self.logits(features_BD)

    def logits(self, features_BD: Tensor) -> dict[str, Tensor]:
        """Score every value of every attribute: name -> (B, K)."""
        active_BD = F.relu(features_BD)
        return {name: head(active_BD) for name, head in zip(self.values, self.heads, strict=True)}

    @torch.no_grad()
    def features(self, frames_BTHWC: Tensor) -> Tensor:
        """Return D features of each uint8 clip of any length and size."""
        return torch.cat([self.video(unit) for unit in _in_parts(frames_BTHWC)])

    @torch.no_grad()
    def attributes(self, frames_BTHWC: Tensor) -> dict[str, list[str]]:
        """Return the likeliest value of every attribute; empty if the clips it learned from had no attributes."""
        return self.named(self.features(frames_BTHWC))

    @torch.no_grad()
    def named(self, features_BD: Tensor) -> dict[str, list[str]]:
        """Return the likeliest values from features."""
        return {
            name: [self.values[name][i] for i in scores_BK.argmax(dim=1).tolist()]
            for name, scores_BK in self.logits(features_BD).items()
        }

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Return D features of each text."""
        features_BD: Tensor = self.text(self.vocabulary.ids(texts).to(self.text.embedding.weight.device))
        return features_BD

    @torch.no_grad()
    def similarity(self, frames_BTHWC: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the cosine between each clip and its text, (B,) in -1..1."""
        return F.cosine_similarity(self.features(frames_BTHWC), self.text_features(texts), dim=1)


def _in_parts(frames_BTHWC: Tensor) -> Iterator[Tensor]:
    for part in frames_BTHWC.split(CLIPS_AT_ONCE):
        yield to_unit(part)
