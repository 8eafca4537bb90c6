from pathlib import Path

import numpy as np
import torch

from components.adapt import ops
from components.language_model.data import BatchSpec, TokenDataset, load
from components.language_model.tasks import TASKS
from components.pretokenize.data import Tokens


def test_a_share_keeps_the_best_rows_in_order():
    rows = np.array([2, 4, 6, 8])
    assert ops.best(rows, np.array([0.1, 0.9, 0.5, 0.7]), 0.5).tolist() == [4, 8]
    assert ops.best(rows, np.zeros(4), 0.01).tolist() == [2]


def test_losses_by_sequence_average_to_the_models_loss(tokens: Path, base: Path):
    model, _ = load(base)
    dataset = TokenDataset(Tokens(tokens), "train")
    task = TASKS["text_to_video"]
    batch = dataset.batch(BatchSpec(task, "clip", 0), dataset.rows(task, "clip"))
    torch.testing.assert_close(ops.sequence_losses(model, batch).mean(), model(batch)["loss"])


def test_a_caption_that_the_model_cannot_see_gains_nothing(tokens: Path, base: Path):
    model, _ = load(base)
    model.text.weight.zero_()
    dataset = TokenDataset(Tokens(tokens), "train")
    rows = dataset.rows(TASKS["text_to_video"], "clip")
    batches = [ops.caption_gains(model, dataset, "clip", rows, batch) for batch in (3, 8)]
    np.testing.assert_allclose(*batches, atol=1e-5)
    assert batches[0].shape == (len(rows),)
