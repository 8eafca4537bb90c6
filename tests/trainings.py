"""A training of a second, as a script whose last argument is its output: `fit` with a model of five numbers."""

TRAINING = """
import os, sys, time
from pathlib import Path
import torch
from components.common import errors, runtime
from components.common.fit import fit

class Line:
    def __init__(self):
        torch.manual_seed(0)
        self.modules = {"model": torch.nn.Linear(4, 1)}
        self.optimizers = {"model": torch.optim.AdamW(self.modules["model"].parameters(), lr=0.01)}

    def batch(self, step, rank, world):
        return torch.randn(8, 4, generator=torch.Generator().manual_seed(step))[rank::world]

    def step(self, strategy, batch, step):
        if os.environ.get("EXIT_AT") == f"{strategy.rank} {step}":
            sys.exit(int(os.environ["EXIT_CODE"]))
        time.sleep(float(os.environ.get("STEP_S", "0")))
        loss = (self.modules["model"](batch) - batch.sum(1, keepdim=True)).square().mean()
        self.optimizers["model"].zero_grad()
        strategy.backward(loss)
        self.optimizers["model"].step()
        print("did step", step, flush=True)
        return {"loss": loss}

world = int(os.environ["WORLD_SIZE"])
training, scratch = Line(), Path(os.environ.get("VIDEOPOET_SCRATCH", "scratch"))
output = Path(sys.argv[-1])
try:
    with runtime.use(runtime.Runtime(scratch=scratch, cache=scratch, nodes=world)):
        history = fit(training, steps=30, seed=1, checkpoint_every_steps=5, unit="rows", per_step=8)
    output.mkdir(parents=True, exist_ok=True)
    history.write_csv(output / "curve.csv")
except (errors.Stopped, errors.Retryable) as error:
    print(error, flush=True)
    sys.exit(errors.STOPPED if isinstance(error, errors.Stopped) else errors.RETRY)
"""
