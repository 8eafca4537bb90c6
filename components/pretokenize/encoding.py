"""Tokenizers with a cache: no batch is encoded twice.

The key of an entry covers the input bytes, the tokenizer's weights, the code, and what determines rounding, so an entry
is never stale; a killed run, or one over changed clips, encodes only the new batches.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from components.audio_tokenizer import data as audio_tokenizer
from components.common import artifacts, codelock, runtime
from components.common.formats import Format
from components.pretokenize import ops
from components.pretokenize.config import Precision
from components.pretokenize.data import Codes
from components.visual_tokenizer import data as visual_tokenizer


class Encoders:
    """Both tokenizers, loaded from their folders, on the fastest device of this machine."""

    def __init__(self, visual_folder: Path, audio_folder: Path, *, threads: int, precision: Precision):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.visual_model = visual_tokenizer.load(visual_folder).to(device)
        self.audio_model = audio_tokenizer.load(audio_folder).to(device)
        self.precision = precision
        self.digests = {"visual": artifacts.digest(visual_folder), "audio": artifacts.digest(audio_folder)}
        numerics = [device.type, torch.__version__, threads, precision, codelock.modules("pretokenize")]
        self.numerics = json.dumps(numerics, sort_keys=True)
        self.folder = runtime.current().cache / "pretokenize"

    def latent(self, fmt: Format) -> tuple[int, int, int]:
        """Return the token grid of a format."""
        return self.visual_model.latent(fmt.frames, fmt.height_px, fmt.width_px)

    def visual(self, frames_BTHWC: NDArray[np.uint8]) -> Codes:
        """Tokenize clips; returns (B, t, h, w)."""
        return self._cached("visual", frames_BTHWC, lambda: self._encode(frames_BTHWC))

    def _encode(self, frames_BTHWC: NDArray[np.uint8]) -> Codes:
        return ops.visual_codes(self.visual_model, frames_BTHWC, self.precision)

    def audio(self, wave_BS: NDArray[np.float32]) -> Codes:
        """Tokenize audio; returns (B, L, F)."""
        return self._cached("audio", wave_BS, lambda: ops.audio_codes(self.audio_model, wave_BS))

    def _cached(self, kind: str, batch: NDArray[np.generic], encode: Callable[[], Codes]) -> Codes:
        name = hashlib.sha256(f"{self.numerics}{kind}{self.digests[kind]}{batch.shape}".encode())
        name.update(np.ascontiguousarray(batch).data)
        path = self.folder / name.hexdigest()[:2] / f"{name.hexdigest()}.i32"
        if path.is_file():
            shape, codes = path.read_bytes().split(b"\n", 1)
            return np.frombuffer(codes, np.int32).reshape(json.loads(shape))
        codes_B = encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        artifacts.replace_file(path, f"{list(codes_B.shape)}\n".encode() + codes_B.tobytes())
        return codes_B
