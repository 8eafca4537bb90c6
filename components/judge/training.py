"""Training of the judge: attribute values by cross-entropy, captions by contrast.

Most steps show stills (images, and single frames of clips), because appearance is learned from many images and a still
costs a small part of a clip; the others show whole clips. Frames are shifted, blurred and noised, so that the losses
of a tokenizer are not mistaken for content.

Shapes: B clips, T frames, H height, W width, C channels, N words, D features, A attributes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from components.common.fit.optimizer import adamw, optimizer_step
from components.common.fit.strategy import Strategy
from components.common.random import seed_of
from components.common.weighted_sampler import WeightedSampler
from components.judge.config import Config
from components.judge.examples import MISSING, Examples, labels, visible_in_stills
from components.judge.model import Judge
from components.media.tensors import to_unit

BLOCK_PX = 8


@dataclass(frozen=True)
class Batch:
    """Clips of one shape with their labels and captions."""

    frames: Tensor  # BTHWC uint8
    labels: Tensor  # BA, MISSING where unknown
    word_ids: Tensor  # BN
    captions: Tensor  # B: equal captions have equal numbers, -1 where there is none to learn from


class Training:
    """One training run of the judge."""

    def __init__(self, config: Config, judge: Judge, examples: Examples):
        self.config, self.examples, self.vocabulary = config, examples, judge.vocabulary
        self.groups = examples.groups()
        self.labels_NA = labels(examples.attributes, judge.values)
        still = visible_in_stills(examples)
        self.moving_only_A = torch.tensor([name not in still for name in judge.values], dtype=torch.bool)
        captions = {caption: i for i, caption in enumerate(sorted(set(examples.captions)))}
        self.caption_N = torch.tensor([captions[text] if text else -1 for text in examples.captions])
        self.modules: dict[str, nn.Module] = {"judge": judge}
        self.optimizers: dict[str, Optimizer] = {"judge": adamw(judge.parameters(), config.optimization)}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Draw clips of one group with replacement; groups by their share of clips."""
        random = np.random.default_rng(seed_of(self.config.seed, "batch", step, rank))
        moving = [group for group in self.groups if not group.still]
        still = [group for group in self.groups if group.still]
        groups = still if not moving or random.random() < self.config.image_share else moving
        sizes = np.array([len(group.indices) for group in groups], dtype=np.float64)
        group = groups[int(WeightedSampler(sizes).draw_independent(random, 1)[0])]
        count = self.config.global_batch_images if group.still else self.config.global_batch_clips
        indices = random.choice(group.indices, size=max(2, count // world))
        return self._stills(indices, random) if group.still else self._clips(indices)

    def step(self, strategy: Strategy, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Learn from one batch; draws the degradations from torch's generator, which the step seeds."""
        config, judge, optimizer = self.config, self.modules["judge"], self.optimizers["judge"]
        x_BCTHW = degrade(shift(to_unit(batch.frames.to(strategy.device)), config.shift_px), config.blur, config.noise)
        video_BD, text_BD, logits = judge(x_BCTHW, batch.word_ids.to(strategy.device))
        attributes = attribute_loss(logits, batch.labels.to(strategy.device), config.label_smoothing)
        captions = caption_loss(video_BD, text_BD, batch.captions.to(strategy.device), config.temperature)
        loss = attributes + config.contrast_weight * captions
        optimizer_step(strategy, judge, optimizer, loss, config.optimization, step)
        return {"loss": loss, "loss_attributes": attributes, "loss_captions": captions}

    def _clips(self, indices: NDArray[np.int64]) -> Batch:
        """Whole clips with their captions."""
        frames_BTHWC = torch.from_numpy(np.stack([self.examples.pixels(int(i)) for i in indices]))
        ids_BN = self.vocabulary.ids([self.examples.captions[i] for i in indices])
        return Batch(frames_BTHWC, self.labels_NA[indices], ids_BN, self.caption_N[indices])

    def _stills(self, indices: NDArray[np.int64], random: np.random.Generator) -> Batch:
        """Images with their captions, and single frames of clips without what only a moving clip can tell."""
        clips = [self.examples.pixels(int(i)) for i in indices]
        frames = [clip[random.integers(len(clip))][None] for clip in clips]
        ids_BN = self.vocabulary.ids([self.examples.captions[i] for i in indices])
        is_image_B = torch.from_numpy(self.examples.is_image[indices])
        return Batch(
            torch.from_numpy(np.stack(frames)),
            self.labels_NA[indices].masked_fill(self.moving_only_A, MISSING),
            ids_BN,
            self.caption_N[indices].masked_fill(~is_image_B, -1),
        )


def shift(x_BCTHW: Tensor, most_px: int) -> Tensor:
    """Move the whole batch by one random offset, repeating the border."""
    down, right = torch.randint(-most_px, most_px + 1, (2,)).tolist()
    height, width = x_BCTHW.shape[-2:]
    padded_BCTHW = F.pad(x_BCTHW, (most_px,) * 4 + (0, 0), mode="replicate")
    top, left = most_px + down, most_px + right
    return padded_BCTHW[..., top : top + height, left : left + width]


def degrade(x_BCTHW: Tensor, blur: float, noise: float) -> Tensor:
    """Degrade clips as a tokenizer does, each by a strength of its own up to the given limits.

    A copy of half or quarter resolution is mixed in, up to the share `blur`. Noise of up to the deviation `noise` is
    added, half of it fine, half in blocks, all of it new in every frame.
    """
    B, _, T, H, W = x_BCTHW.shape
    blur_B1111, noise_B1111 = torch.rand(2, B, 1, 1, 1, 1, device=x_BCTHW.device)
    factor = 2 ** int(torch.randint(1, 3, ()))
    small_BCTHW = F.avg_pool3d(x_BCTHW, (1, factor, factor), ceil_mode=True)
    soft_BCTHW = F.interpolate(small_BCTHW, size=(T, H, W), mode="trilinear", align_corners=False)
    blocks_B1Thw = torch.randn(B, 1, T, -(-H // BLOCK_PX), -(-W // BLOCK_PX), device=x_BCTHW.device)
    grain_BCTHW = torch.randn_like(x_BCTHW) + F.interpolate(blocks_B1Thw, size=(T, H, W))
    blurred_BCTHW = torch.lerp(x_BCTHW, soft_BCTHW, blur_B1111 * blur)
    harmed_BCTHW: Tensor = blurred_BCTHW + grain_BCTHW * (noise_B1111 * noise * 0.5**0.5)
    return harmed_BCTHW


def attribute_loss(logits: Mapping[str, Tensor], labels_BA: Tensor, smoothing: float) -> Tensor:
    """Sum of the attributes' cross-entropies; an attribute that no clip of the batch has adds nothing."""
    losses = [labels_BA.new_zeros((), dtype=torch.float32)]
    for scores_BK, labels_B in zip(logits.values(), labels_BA.unbind(dim=1), strict=True):
        summed = F.cross_entropy(scores_BK, labels_B, ignore_index=MISSING, label_smoothing=smoothing, reduction="sum")
        losses.append(summed / (labels_B != MISSING).sum().clamp(min=1))
    return torch.stack(losses).sum()


def caption_loss(video_BD: Tensor, text_BD: Tensor, caption_B: Tensor, temperature: float) -> Tensor:
    """Symmetric contrast between clips and captions; equal captions share the target equally."""
    has_B = caption_B >= 0
    video_BD, text_BD, caption_B = video_BD[has_B], text_BD[has_B], caption_B[has_B]
    scores_BB = F.normalize(video_BD, dim=1) @ F.normalize(text_BD, dim=1).T / temperature
    same_BB = (caption_B[:, None] == caption_B).to(scores_BB.dtype)
    target_BB = same_BB / same_BB.sum(dim=1, keepdim=True)
    both = -(target_BB * (scores_BB.log_softmax(dim=1) + scores_BB.T.log_softmax(dim=1))).sum()
    return both / (2 * max(1, len(caption_B)))
