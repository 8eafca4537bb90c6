"""One flat integer space for all tokens of the language model.

Three disjoint ranges follow each other: special tokens and task prompts, visual codes, audio codes level by level.
Token shards store raw codes; this is the only place that turns them into ids and back (paper, §3.1 and §4.1, Table 1).
"""

from dataclasses import dataclass
from typing import Final

from torch import Tensor

SPECIAL_IDS: Final = 256

_STRUCTURE = (
    *("<pad>", "<bos>", "<eos>"),
    *("<bot_i>", "<eot_i>", "<bov_i>", "<eov_i>", "<boa_i>", "<eoa_i>"),
    *("<bov_o>", "<eov_o>", "<boa_o>", "<eoa_o>"),
    *("<res_portrait>", "<res_long>"),
)
_TASKS = ("<visual>", "<inpainted>", "<outpainted>", "<stylized>", "<audio>", "<audio_visual>")
_FIRST_TASK_ID = 32

SPECIALS: Final[dict[str, int]] = {name: number for number, name in enumerate(_STRUCTURE)} | {
    name: _FIRST_TASK_ID + number for number, name in enumerate(_TASKS)
}


@dataclass(frozen=True)
class Vocabulary:
    """Ranges of ids for each kind of code, from the sizes of the tokenizers."""

    codebook_bits: int
    levels: int
    codebook_size: int

    @property
    def visual_codes(self) -> int:
        """Number of visual codes."""
        return 1 << self.codebook_bits

    @property
    def visual_ids(self) -> range:
        """Ids of the visual codes (paper, §3.1: 256 … 262 399)."""
        return range(SPECIAL_IDS, SPECIAL_IDS + self.visual_codes)

    @property
    def audio_ids(self) -> range:
        """Ids of the audio codes of all levels (paper, §3.1: 262 400 … 266 495)."""
        return range(self.visual_ids.stop, self.visual_ids.stop + self.levels * self.codebook_size)

    def level_ids(self, level: int) -> range:
        """Ids of the audio codes of one level."""
        first = self.audio_ids.start + level * self.codebook_size
        return range(first, first + self.codebook_size)

    @property
    def size(self) -> int:
        """Number of ids in all."""
        return self.audio_ids.stop

    def visual_to_ids(self, codes_BTHW: Tensor) -> Tensor:
        """Flatten a grid of visual codes, frame by frame and row by row, into ids (B, t·h·w)."""
        return codes_BTHW.flatten(1).long() + self.visual_ids.start

    def ids_to_visual(self, ids_BN: Tensor, latent: tuple[int, int, int]) -> Tensor:
        """Inverse of `visual_to_ids` for a grid of (t, h, w)."""
        codes_BTHW: Tensor = (ids_BN - self.visual_ids.start).unflatten(1, latent)
        return codes_BTHW

    def audio_to_ids(self, codes_BLF: Tensor) -> Tensor:
        """Flatten audio codes into ids (B, L·F): all of level 0 first, then level 1, and so on."""
        first_L = codes_BLF.new_tensor([self.level_ids(level).start for level in range(self.levels)])
        return (codes_BLF + first_L[:, None]).flatten(1).long()

    def ids_to_audio(self, ids_BN: Tensor) -> Tensor:
        """Inverse of `audio_to_ids`."""
        ids_BLF: Tensor = ids_BN.unflatten(1, (self.levels, -1))
        first_L = ids_BLF.new_tensor([self.level_ids(level).start for level in range(self.levels)])
        return ids_BLF - first_L[:, None]
