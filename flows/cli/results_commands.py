"""The commands about results: `report`, `generate`, `lineage`, `reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import runs_commands
from flows.machine.workspace import enter

app = typer.Typer()


@app.command()
def report(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Show the path of the report."""
    from flows.dvc.repository import Repository
    from flows.runs import run_records as records

    workspace = enter()
    found = records.report_of(Repository(workspace.root).graph())
    if found is None:
        raise ValueError("there is no report yet: run `videopoet run`")
    print(found / "index.html")
    if show:
        typer.launch(str((found / "index.html").absolute()))


@app.command()
def generate(
    task: Annotated[str, typer.Option(help="Task, such as text-to-video; an unknown one lists all.")],
    output: Annotated[Path, typer.Option(help="File to write: .mp4, or .png for an image.")],
    prompt: Annotated[str, typer.Option(help="Text prompt.")] = "",
    image: Annotated[Path | None, typer.Option(help="Image, or a clip whose first frame is used.")] = None,
    video: Annotated[
        Path | None, typer.Option(help="Clip to continue, inpaint, outpaint, stylize or add audio to.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="Mask image, white where the clip is inpainted.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Audio file, or a clip with audio.")] = None,
    orientation: Annotated[str, typer.Option(help="square or portrait.")] = "square",
    long: Annotated[bool, typer.Option("--long", help="Generate the longer clip.")] = False,
    scale: Annotated[int, typer.Option(help="Resolution: 1, 2 or 4 times the base.")] = 1,
    seed: Annotated[int, typer.Option(help="Random seed; equal seeds give equal samples.")] = 0,
) -> None:
    """Generate a video with audio, or an image.

    Uses the models of the last run.
    """
    from flows.cli import request
    from flows.dvc.repository import Repository

    here = Path.cwd()
    workspace = enter()
    files = {"image": image, "video": video, "mask": mask, "audio": audio, "output": output}
    options: dict[str, object] = {name: path and here / path for name, path in files.items()}
    options |= {"task": task, "prompt": prompt or None, "orientation": orientation, "long": long}
    options |= {"scale": scale, "seed": seed}
    raise typer.Exit(request.carry_out(Repository(workspace.root).graph(), options))


@app.command()
def lineage(
    target: Annotated[str, typer.Argument(help="File, output, or first digits of a hash or clip ID.")] = "",
    forward: Annotated[str, typer.Option(help="Source file, alias/path or SHA-256: show what was made from it.")] = "",
) -> None:
    """Trace a result, or a source with --forward.

    Shows what a result was made from, back to the sources; with --forward, all
    outputs that contain a source or depend on it.
    """
    from flows.dvc.repository import Repository
    from flows.runs import forward_lineage
    from flows.runs import lineage as backward

    if bool(target) == bool(forward):
        raise ValueError("give either a file or hash, or a source with --forward")
    repository = Repository(enter().root)
    recorded = {stage.name: repository.recorded(stage.name) for stage in repository.graph().stages}
    entries = {name: entry for name, entry in recorded.items() if entry}
    for line in forward_lineage.lines(entries, forward) if forward else backward.lines(entries, target):
        print(line)


@app.command()
def reproduce(
    run: runs_commands.Run,
    stage: Annotated[str, typer.Option(help="Only this stage, with its inputs by hash from cache or remote.")] = "",
    into: Annotated[Path | None, typer.Option(help="Folder to work in; default: in .videopoet/reproduce.")] = None,
    media: Annotated[list[str] | None, typer.Option(help="ALIAS=FOLDER or ALIAS=STORE of the run's media.")] = None,
    tolerance: Annotated[float, typer.Option(help="Relative tolerance of numbers on another platform.")] = 0.05,
) -> None:
    """Run a record again and compare.

    Runs it in a clean folder and prints for each stage: identical, within
    tolerance, different or not run. Exit code 1 if a stage is different or did
    not run.
    """
    from components.common.runtime import root_of
    from flows.reproduction import reproduction

    pairs = [pair.partition("=") for pair in media or []]
    if wrong := [alias for alias, sign, _ in pairs if not sign]:
        raise ValueError(f"--media {wrong[0]}: write ALIAS=FOLDER")
    roots = {alias: root_of(root) for alias, _, root in pairs}
    folders = {alias: root.expanduser().absolute() if isinstance(root, Path) else root for alias, root in roots.items()}
    place = into and into.expanduser().absolute()
    found = reproduction.reproduce(enter(), run, stage, place, folders, tolerance)
    print("", *found.lines, sep="\n")
    raise typer.Exit(found.code)
