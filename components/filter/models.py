"""Stills and captions -> scores of public networks, from folders in Hugging Face format.

CLIP scores how well a caption fits; an image classifier gives the probability of labels. Both see center crops of a few
stills of a clip. They run on one thread, so that clips measured in parallel get the same numbers.

Shapes: S stills, H height, W width, C channels, L labels.
"""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForImageClassification, CLIPModel

from components.media import pixels
from components.media.arrays import Pixels

DIGITS = 4


class ClipModel:
    """CLIP: similarity of captions and images."""

    def __init__(self, folder: Path):
        model = CLIPModel.from_pretrained(folder, local_files_only=True)
        self.prepare = ImagePreparation(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(model.text_model.embeddings.position_embedding.num_embeddings)
        self.tokenizer.no_padding()
        self.model, self.device = _ready(model)

    @torch.no_grad()
    def similarity(self, stills_SHWC: Pixels, caption: str) -> float:
        """Return the cosine of the caption and the still that it fits best."""
        ids = torch.tensor([self.tokenizer.encode(caption).ids], device=self.device)
        found = self.model(input_ids=ids, pixel_values=self.prepare(stills_SHWC).to(self.device))
        return round(float((found.image_embeds @ found.text_embeds.T).max()), DIGITS)


class ImageClassifier:
    """Probabilities of some labels of a classifier, summed or each."""

    def __init__(self, folder: Path, labels: tuple[str, ...]):
        model = AutoModelForImageClassification.from_pretrained(folder, local_files_only=True)
        index_of = {label: index for index, label in model.config.id2label.items()}
        if missing := [label for label in labels if label not in index_of]:
            choices = ", ".join(sorted(index_of))
            raise ValueError(f"{folder.name} has no label {', '.join(missing)}: choose of {choices}")
        self.labels, self.indices = labels, [int(index_of[label]) for label in labels]
        self.prepare = ImagePreparation(folder)
        self.model, self.device = _ready(model)

    @torch.no_grad()
    def probabilities(self, stills_SHWC: Pixels) -> list[float]:
        """Return the summed probability of the labels for each still."""
        return [round(float(share), DIGITS) for share in self._each(stills_SHWC).sum(dim=-1)]

    @torch.no_grad()
    def likeliest(self, stills_SHWC: Pixels) -> tuple[str, float]:
        """Return the label of the highest mean probability over the stills, and that probability."""
        mean_L = self._each(stills_SHWC).mean(dim=0)
        best = int(mean_L.argmax())
        return self.labels[best], round(float(mean_L[best]), DIGITS)

    def _each(self, stills_SHWC: Pixels) -> Tensor:
        """Probabilities (S, L)."""
        logits = self.model(pixel_values=self.prepare(stills_SHWC).to(self.device)).logits
        each_SL: Tensor = logits.float().softmax(dim=-1)[:, self.indices]
        return each_SL


class ImagePreparation:
    """Crop and normalization of a network's preprocessor_config.json."""

    def __init__(self, folder: Path):
        settings = json.loads((folder / "preprocessor_config.json").read_text())
        size = settings.get("crop_size") or settings["size"]
        self.side_px = size if isinstance(size, int) else int(size.get("height") or size["shortest_edge"])
        self.mean_C11, self.deviation_C11 = (
            torch.tensor(settings[name])[:, None, None] for name in ("image_mean", "image_std")
        )

    def __call__(self, stills_SHWC: Pixels) -> Tensor:
        """Return float32 (S, C, side, side)."""
        square_SHWC = pixels.crop_and_resize(stills_SHWC, self.side_px, self.side_px)
        unit_SCHW: Tensor = torch.from_numpy(square_SHWC).permute(0, 3, 1, 2).float() / 255
        return (unit_SCHW - self.mean_C11) / self.deviation_C11


def _ready(model: nn.Module) -> tuple[nn.Module, torch.device]:
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return model.to(device).eval().requires_grad_(False), device
