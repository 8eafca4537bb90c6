import pytest
import torch

from components.language_model.heads import FactorizedHead, FlatHead

BITS, WIDTH = 5, 8


@pytest.fixture(params=["flat", "factorized"])
def head(request: pytest.FixtureRequest) -> FlatHead | FactorizedHead:
    torch.manual_seed(0)
    if request.param == "flat":
        return FlatHead(torch.randn(1 << BITS, WIDTH))
    factorized = FactorizedHead(BITS, WIDTH)
    for parameter in factorized.parameters():
        torch.nn.init.normal_(parameter)
    return factorized


def likelihoods(head: FlatHead | FactorizedHead, states: torch.Tensor) -> torch.Tensor:
    """Of every code, (B, N, V)."""
    every = torch.arange(1 << BITS)
    losses = [head.losses(states, code.expand(states.shape[:2])) for code in every]
    return (-torch.stack(losses, dim=-1)).exp()


def test_the_shares_of_all_codes_sum_to_one(head):
    shares = likelihoods(head, torch.randn(2, 3, WIDTH))
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 3))


def test_the_loss_is_the_sum_of_the_losses(head):
    states, codes = torch.randn(2, 3, WIDTH), torch.randint(1 << BITS, (2, 3))
    torch.testing.assert_close(head.loss(states, codes), head.losses(states, codes).sum())


def test_parts_drawn_one_after_the_other_follow_the_shares(head):
    states = torch.randn(1, WIDTH).expand(20_000, WIDTH)
    previous_parts: list[torch.Tensor] = []
    for _ in range(head.parts):
        previous_parts.append(torch.multinomial(head.scores(states, previous_parts).softmax(-1), 1)[:, 0])
    found = torch.bincount(head.join(previous_parts), minlength=1 << BITS) / len(states)
    torch.testing.assert_close(found, likelihoods(head, states[None, :1])[0, 0], atol=0.015, rtol=0)


def test_the_second_half_knows_the_first():
    torch.manual_seed(0)
    factorized = FactorizedHead(BITS, WIDTH)
    state = torch.randn(1, WIDTH)
    one, other = (factorized.scores(state, [torch.tensor([low])]) for low in (0, 1))
    assert not torch.equal(one, other)
