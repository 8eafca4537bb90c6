"""Prompts from params.yaml, in addition to those of the held-out clips."""

from pathlib import Path

from components.common import artifacts
from components.generate.config import Config


def added(config: Config) -> list[str]:
    """Return the prompts of params.yaml, then those of the prompt file, one a line without empty lines.

    Raises ValueError if the file is missing or does not match its hash.
    """
    prompts = list(config.prompts)
    if config.prompt_file:
        path = Path(config.prompt_file)
        if not path.is_file():
            raise ValueError(f"generate.prompt_file: there is no file {path}")
        if (found := artifacts.hash_file(path)) != config.prompt_file_sha256:
            raise ValueError(
                f"generate.prompt_file: {path} has changed; if you want it so, set prompt_file_sha256: {found}"
            )
        prompts += [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return prompts
