import pytest
import torch
from torch.nn import functional as F

from components.language_model.config import Architecture
from components.language_model.data import BatchSpec, TokenDataset
from components.language_model.embedding import CodeTable
from components.language_model.model import Batch, Model, TokenSpec
from components.language_model.tasks import TASKS
from components.pretokenize.data import Tokens


def batch_of(tokens, task: str, given: int, region: str = "") -> Batch:
    dataset = TokenDataset(Tokens(tokens), "train")
    return dataset.batch(BatchSpec(TASKS[task], "clip", given, region), dataset.rows(TASKS[task], "clip")[:3])


@pytest.mark.parametrize(("task", "given"), [("text_to_video", 0), ("audio_video_continuation", 1), ("stylization", 1)])
def test_no_state_learns_of_an_output_that_comes_later(tokens, model: Model, task: str, given: int):
    batch = batch_of(tokens, task, given)
    plan = batch.layout
    x = (model.embed(plan, batch.ids, batch.text) + model.position_embedding(plan.positions)).detach().requires_grad_()
    mask = plan.mask()
    for position in (plan.prefix - 1, plan.prefix, plan.tokens - 2):
        state = model.decode(x, model.rotary_tables(plan, x.device), mask)
        (gradient,) = torch.autograd.grad(state[:, position].square().sum(), x)
        later = max(position + 1, plan.prefix)
        assert gradient[:, later:].abs().max() == 0
        assert (gradient[:, :later].abs().amax(dim=(0, 2)) > 0).all()


def test_empty_text_and_left_out_text_change_nothing(tokens, model: Model):
    batch = batch_of(tokens, "text_to_video", 0)
    assert batch.text is not None
    assert batch.text_lengths is not None
    scrambled = torch.where(batch.layout.filled(batch.text_lengths)[:, 3:7, None], batch.text, torch.tensor(9.0))
    torch.testing.assert_close(
        model.states(Batch(batch.layout, batch.ids, scrambled, batch.text_lengths))[:, 8:], model.states(batch)[:, 8:]
    )
    without = torch.zeros_like(batch.text_lengths)
    one, other = (model(Batch(batch.layout, batch.ids, text, without))["loss"] for text in (batch.text, -batch.text))
    torch.testing.assert_close(one, other)


def dense_loss(model: Model, batch: Batch) -> torch.Tensor:
    """Logits over the whole vocabulary, all but the allowed ids struck out."""
    vocabulary = model.token_spec.vocabulary
    assert isinstance(model.visual_head, CodeTable)
    rows = torch.cat([torch.zeros(256, model.architecture.width), model.visual_head.rows(), model.audio_head])
    logits = model.states(batch) @ rows.T
    losses = []
    for run in batch.layout.spans:
        allowed = torch.full((vocabulary.size,), -torch.inf)
        allowed[run.ids.start : run.ids.stop] = 0
        span = slice(run.start - 1, run.start + run.length - 1)
        targets = batch.ids[:, run.start : run.start + run.length]
        losses.append(F.cross_entropy((logits[:, span] + allowed).flatten(0, 1), targets.flatten(), reduction="none"))
    return torch.cat(losses).mean()


@pytest.mark.parametrize("chunk", [0, 1, 7, 1000])
@pytest.mark.parametrize(
    ("task", "given"), [("text_to_video", 0), ("video_to_audio", 3), ("audio_video_continuation", 1)]
)
@pytest.mark.parametrize("architecture", ["table_and_bits"], indirect=True)
def test_the_sliced_and_chunked_loss_is_the_dense_constrained_one(
    tokens, model: Model, task: str, given: int, chunk: int
):
    batch = batch_of(tokens, task, given)
    model.head_chunk_tokens = chunk
    ours, theirs = model(batch)["loss"], dense_loss(model, batch)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(
        *(torch.autograd.grad(loss, list(model.blocks.parameters())) for loss in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["table", "bits", "table_and_bits"])
def test_looking_up_a_code_gives_its_row(kind):
    table = CodeTable(kind, 5, 8)
    codes = torch.arange(32).view(4, 8)
    torch.testing.assert_close(table(codes), table.rows()[codes])


def test_a_new_model_guesses_evenly(architecture: Architecture, token_spec: TokenSpec, tokens):
    torch.manual_seed(0)
    loss = Model(architecture, token_spec)(batch_of(tokens, "text_to_video", 0))["loss"]
    assert loss.item() == pytest.approx(torch.tensor(64.0).log().item(), abs=0.3)
