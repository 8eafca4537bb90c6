"""Samples compared with the real clip of their inputs: continuation, masked regions, structure, super-resolution.

Ceilings are the tokenizer's reconstructions of the real clips. They and the baselines go through the video codec as
samples do: its subsampled color alone would otherwise decide between similar images.

There are two measures of motion, because a copied first frame is right wherever nothing moves, and in most clips that
is most of the image: `psnr_where_it_moves` counts only pixels that differ from the last given frame, where copying is
wrong by definition; `psnr` counts all.

Super-resolution has two as well: bicubic upsampling is hard to beat in PSNR, but adds almost no detail.
`detail_agreement` compares the detail that a low-resolution clip cannot hold with that of the real clip, in place and
in strength (Lin's concordance: 1 for equal detail, 0 for none or unrelated).

Shapes: T frames, H height, W width, C channels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from components.estimate_structure import ops as structure
from components.evaluate.data import SampleMedia
from components.evaluate.ops import Doubles, Mask, concordance, correlation, moving, psnr_db
from components.evaluate.records import Measure
from components.evaluate.reference_clips import ReferenceClips, unrelated
from components.generate.data import Sample
from components.media.arrays import Pixels
from components.media.pixels import crop_and_resize
from components.pretokenize import regions
from components.pretokenize.config import Region

GRAY = np.uint8(128)
FLOW_LIMIT = 0.05  # image widths per frame


@dataclass(frozen=True)
class Comparison:
    """A sample, its real clip, the reconstruction, and a trivial answer; pixels of `where` (T, H, W) count."""

    sample: Sample
    made: Pixels
    true: Pixels
    reconstructed: Pixels
    trivial: Pixels
    where: Mask


def continuation_metrics(
    samples: Sequence[Sample], media: SampleMedia, references: ReferenceClips, moving_threshold: int
) -> list[Measure]:
    """Measure frames after the given ones; the baseline repeats the last given frame."""
    compared = []
    for sample, made, true, reconstructed in _pairs(samples, media, references):
        new = slice(sample.given_frames, None)
        last_HWC = true[sample.given_frames - 1]
        held = media.shown(np.concatenate([true[: sample.given_frames], np.broadcast_to(last_HWC, true[new].shape)]))
        where = moving(true[new], last_HWC, moving_threshold)
        compared.append(Comparison(sample, made[new], true[new], reconstructed[new], held[new], where))
    name = "copied first frame" if all(sample.given_frames == 1 for sample in samples) else "last given frame held"
    everywhere = [Comparison(**vars(one) | {"where": np.ones_like(one.where)}) for one in compared]
    return [*_psnr("psnr_where_it_moves", compared, name), *_psnr("psnr", everywhere, name)]


def inpainting_metrics(samples: Sequence[Sample], media: SampleMedia, references: ReferenceClips) -> list[Measure]:
    """Measure masked pixels; the baselines are gray, and the filled pixels that the model was given."""
    gray: list[Comparison] = []
    shown: list[Comparison] = []
    for sample, made, true, reconstructed in _pairs(samples, media, references):
        region = cast(Region, sample.region)
        where = np.broadcast_to(regions.masked(region, *true.shape[1:3]), true.shape[:3])
        for found, pixels in (
            (gray, np.where(where[..., None], GRAY, true)),
            (shown, regions.condition(true, region)),
        ):
            found.append(Comparison(sample, made, true, reconstructed, media.shown(pixels), where))
    return [
        *_psnr("psnr_where_masked", gray, "gray fill"),
        *_psnr("psnr_where_masked_beside_edge", shown, "edge of the visible part spread out"),
    ]


def super_resolution_metrics(
    samples: Sequence[Sample], media: SampleMedia, references: ReferenceClips, scale: int
) -> list[Measure]:
    """Measure real clips upsampled from tokens; baselines are bicubic upsampling of the same tokens and of real pixels.

    The first baseline has the same input as the model; the second has pixels that the tokens no longer hold.
    """
    small = {sample.clip_id: sample for sample in samples if sample.stage == "base"}
    large = [sample for sample in samples if media.scale(sample) == scale and sample.clip_id in small]
    of_tokens: list[Comparison] = []
    of_pixels: list[Comparison] = []
    for sample in large:
        fmt = media.format_of(sample)
        big = fmt.scaled(scale)
        made, true = media.frames(sample), references.pixels(sample.clip_id, big)
        reconstructed = media.shown(references.reconstruction(sample.clip_id, big))
        where = np.ones(true.shape[:3], dtype=bool)
        for found, pixels in (
            (of_tokens, media.frames(small[sample.clip_id])),
            (of_pixels, references.pixels(sample.clip_id, fmt)),
        ):
            bicubic = media.shown(crop_and_resize(pixels, big.height_px, big.width_px))
            found.append(Comparison(sample, made, true, reconstructed, bicubic, where))

    def detail_agreement(pixels: Pixels, one: Comparison) -> float:
        return concordance(detail(pixels, scale), detail(one.true, scale))

    return [
        *_psnr(f"psnr_x{scale}", of_tokens, "bicubic of the same tokens"),
        *_psnr(f"psnr_x{scale}_beside_true_pixels", of_pixels, "bicubic of the true pixels"),
        *_measures(f"detail_agreement_x{scale}", "", detail_agreement, of_tokens, "bicubic of the same tokens"),
    ]


def detail(frames_THWC: Pixels, scale: int) -> Doubles:
    """Return what is lost when frames are downsampled `scale` times and upsampled again, both bicubic, (T, H, W, C)."""
    height_px, width_px = frames_THWC.shape[1:3]
    small_THWC = crop_and_resize(frames_THWC, height_px // scale, width_px // scale)
    return frames_THWC.astype(np.float64) - crop_and_resize(small_THWC, height_px, width_px)


def structure_metrics(samples: Sequence[Sample], media: SampleMedia, references: ReferenceClips) -> list[Measure]:
    """Measure the correlation of flow and depth with those of the real clip; chance is that of another clip."""
    clips = [[_structure(frames) for frames in found[1:]] for found in _pairs(samples, media, references)]
    pairs = [(i, j) for i, j in unrelated(samples) if clips[i][0].shape == clips[j][1].shape]
    measures = []
    for name, part in (("flow_agreement[farneback]", slice(0, 2)), ("depth_agreement[border_contrast]", slice(2, 3))):
        others = [correlation(clips[i][0][..., part], clips[j][1][..., part]) for i, j in pairs]
        back = [correlation(reconstructed[..., part], true[..., part]) for _, true, reconstructed in clips]
        measures.append(
            Measure(
                task=samples[0].task,
                name=name,
                unit="",
                better="higher",
                sample_ids=[sample.sample_id for sample in samples],
                values=[correlation(made[..., part], true[..., part]) for made, true, _ in clips],
                chance=float(np.mean(others)) if others else None,
                reconstruction_ceiling=float(np.mean(back)),
                real_ceiling=1.0,
            )
        )
    return measures


def _structure(frames: Pixels) -> Pixels:
    return structure.as_clip(structure.farneback(frames), structure.border_contrast(frames), FLOW_LIMIT)


def _psnr(name: str, compared: Sequence[Comparison], baseline_name: str) -> list[Measure]:
    return _measures(name, "dB", lambda pixels, one: psnr_db(pixels, one.true, one.where), compared, baseline_name)


def _measures(
    name: str,
    unit: str,
    compare: Callable[[Pixels, Comparison], float],
    compared: Sequence[Comparison],
    baseline_name: str,
) -> list[Measure]:
    """Compare samples, trivial answers and reconstructions with the real clips; nothing where no pixel counts."""
    counted = [one for one in compared if one.where.any()]
    if not counted:
        return []
    return [
        Measure(
            task=counted[0].sample.task,
            name=name,
            unit=unit,
            better="higher",
            sample_ids=[one.sample.sample_id for one in counted],
            values=[compare(one.made, one) for one in counted],
            baselines=[compare(one.trivial, one) for one in counted],
            baseline_name=baseline_name,
            reconstruction_ceiling=float(np.mean([compare(one.reconstructed, one) for one in counted])),
        )
    ]


def _pairs(
    samples: Sequence[Sample], media: SampleMedia, references: ReferenceClips
) -> Iterator[tuple[Sample, Pixels, Pixels, Pixels]]:
    """Yield (sample, its frames, the real frames, their reconstruction), all of one size."""
    for sample in samples:
        fmt = media.format_of(sample)
        true = references.pixels(sample.clip_id, fmt)
        yield sample, media.frames(sample), true, media.shown(references.reconstruction(sample.clip_id, fmt))
