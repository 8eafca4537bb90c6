"""Real clips, as they are and as the tokenizers reconstruct them."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from components.audio_tokenizer.model import Model as AudioModel
from components.common.formats import Format
from components.filter.data import Clips
from components.generate.data import Sample
from components.media.arrays import Pixels
from components.media.tensors import to_bytes, to_unit
from components.visual_tokenizer.model import Model as VisualModel

CACHED_CLIPS = 512  # several tasks are compared with the same ones


class ReferenceClips:
    """Filtered clips by clip id; a reconstruction shows the best that tokens can reach."""

    def __init__(self, clips: Clips, visual: VisualModel, audio: AudioModel):
        self.clips, self.visual_tokenizer, self.audio_tokenizer = clips, visual, audio
        self.device = next(visual.parameters()).device
        self.position = {clip.clip_id: i for i, clip in enumerate(clips)}
        self.pixels = lru_cache(maxsize=CACHED_CLIPS)(self._pixels)
        self.reconstruction = lru_cache(maxsize=CACHED_CLIPS)(self._reconstruction)

    def audio(self, clip_id: str, frames: int) -> NDArray[np.float32]:
        """Return the audio of the first `frames` frames."""
        wave_S: NDArray[np.float32] = self.clips.samples(self.position[clip_id], frames)
        return wave_S

    @torch.no_grad()
    def reconstructed_audio(self, clip_id: str, frames: int) -> NDArray[np.float32]:
        """Return the audio after the audio tokenizer, at its original length."""
        wave_S = self.audio(clip_id, frames)
        back_BS = self.audio_tokenizer.decode(
            self.audio_tokenizer.encode(torch.from_numpy(wave_S)[None].to(self.device))
        ).cpu()
        whole_S = np.zeros_like(wave_S)
        whole_S[: back_BS.shape[1]] = back_BS[0, : len(wave_S)].numpy()
        return whole_S

    def _pixels(self, clip_id: str, fmt: Format) -> Pixels:
        frames: Pixels = self.clips.pixels(self.position[clip_id], fmt)
        return frames

    @torch.no_grad()
    def _reconstruction(self, clip_id: str, fmt: Format) -> Pixels:
        x_BCTHW = to_unit(torch.from_numpy(self.pixels(clip_id, fmt))[None].to(self.device))
        frames: Pixels = to_bytes(self.visual_tokenizer.decode(self.visual_tokenizer.encode(x_BCTHW)))[0].cpu().numpy()
        return frames


def unrelated(samples: Sequence[Sample]) -> list[tuple[int, int]]:
    """Return pairs of each sample and the next one, cyclically, of another clip; none if there is only one clip."""
    count = len(samples)
    pairs = []
    for i in range(count):
        others = (j % count for j in range(i + 1, i + count) if samples[j % count].clip_id != samples[i].clip_id)
        if (other := next(others, None)) is not None:
            pairs.append((i, other))
    return pairs
