import pytest
import torch

from components.super_resolution.config import Windows
from components.super_resolution.model import Architecture, Model

WINDOWS = Windows(vertical=(1, 4, 2), horizontal=(1, 2, 4), temporal=(3, 2, 2))


@pytest.fixture(params=[False, True], ids=["attended", "added"])
def model(request: pytest.FixtureRequest) -> Model:
    torch.manual_seed(0)
    architecture = Architecture(
        bits=7,
        text_width=12,
        grid=(3, 4, 4),
        windows=WINDOWS,
        width=32,
        heads=2,
        feed_forward_width=48,
        blocks=2,
        subpixel_conditioning=request.param,
    )
    return Model(architecture).eval()


@pytest.fixture
def given() -> dict[str, torch.Tensor]:
    """A batch of two: codes of 7 bits on a (3, 4, 4) grid, their small version, four text positions."""
    generator = torch.Generator().manual_seed(1)
    return {
        "hr_BTHW": torch.randint(0, 128, (2, 3, 4, 4), generator=generator),
        "masked_BTHW": torch.rand(2, 3, 4, 4, generator=generator) < 0.5,
        "lr_BThw": torch.randint(0, 128, (2, 3, 2, 2), generator=generator),
        "text_BSD": torch.randn(2, 4, 12, generator=generator),
        "lengths_B": torch.tensor([4, 2]),
    }
