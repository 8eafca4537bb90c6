"""Pictures and words -> scores of public networks, from folders in Hugging Face format.

CLIP says how well words fit; a classifier of pictures says how likely a label is. Both see squares from the middle of
a few stills of a clip. On one thread, so that clips that are looked at side by side get the same numbers.

Shapes: S stills, H height, W width, C channels, L labels.
"""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForImageClassification, CLIPModel

from components.filter.measures import Pixels
from components.media import pixels

DIGITS = 4


class Clip:
    """How well words fit pictures."""

    def __init__(self, folder: Path):
        model = CLIPModel.from_pretrained(folder, local_files_only=True)
        self.prepare = Prepare(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(model.text_model.embeddings.position_embedding.num_embeddings)
        self.tokenizer.no_padding()
        self.model, self.device = _ready(model)

    @torch.no_grad()
    def similarity(self, stills_SHWC: Pixels, words: str) -> float:
        """Cosine between the words and the still that they fit best."""
        ids = torch.tensor([self.tokenizer.encode(words).ids], device=self.device)
        seen = self.model(input_ids=ids, pixel_values=self.prepare(stills_SHWC).to(self.device))
        return round(float((seen.image_embeds @ seen.text_embeds.T).max()), DIGITS)


class Labels:
    """How likely some labels are: together, or each."""

    def __init__(self, folder: Path, labels: tuple[str, ...]):
        model = AutoModelForImageClassification.from_pretrained(folder, local_files_only=True)
        places = {label: place for place, label in model.config.id2label.items()}
        if unknown := [label for label in labels if label not in places]:
            raise ValueError(f"{folder.name} has no label {', '.join(unknown)}: choose of {', '.join(sorted(places))}")
        self.labels, self.places = labels, [int(places[label]) for label in labels]
        self.prepare = Prepare(folder)
        self.model, self.device = _ready(model)

    @torch.no_grad()
    def probabilities(self, stills_SHWC: Pixels) -> list[float]:
        """One number a still."""
        return [round(float(share), DIGITS) for share in self._each(stills_SHWC).sum(dim=-1)]

    @torch.no_grad()
    def likeliest(self, stills_SHWC: Pixels) -> tuple[str, float]:
        """The label that fits the stills best on average, and how well: its mean probability."""
        mean_L = self._each(stills_SHWC).mean(dim=0)
        best = int(mean_L.argmax())
        return self.labels[best], round(float(mean_L[best]), DIGITS)

    def _each(self, stills_SHWC: Pixels) -> Tensor:
        """Probabilities (S, L)."""
        logits = self.model(pixel_values=self.prepare(stills_SHWC).to(self.device)).logits
        each_SL: Tensor = logits.float().softmax(dim=-1)[:, self.places]
        return each_SL


class Prepare:
    """Stills -> what a network was trained on: its square, its mean and its deviation."""

    def __init__(self, folder: Path):
        settings = json.loads((folder / "preprocessor_config.json").read_text())
        size = settings.get("crop_size") or settings["size"]
        self.side_px = size if isinstance(size, int) else int(size.get("height") or size["shortest_edge"])
        self.mean_C11, self.deviation_C11 = (
            torch.tensor(settings[name])[:, None, None] for name in ("image_mean", "image_std")
        )

    def __call__(self, stills_SHWC: Pixels) -> Tensor:
        """Float (S, C, side, side)."""
        square_SHWC = pixels.crop_and_resize(stills_SHWC, self.side_px, self.side_px)
        unit_SCHW: Tensor = torch.from_numpy(square_SHWC).permute(0, 3, 1, 2).float() / 255
        return (unit_SCHW - self.mean_C11) / self.deviation_C11


def _ready(model: nn.Module) -> tuple[nn.Module, torch.device]:
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return model.to(device).eval().requires_grad_(False), device
