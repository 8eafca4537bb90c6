import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from flows.graph import placement
from flows.graph.graph import Graph, Stage
from flows.graph.placement import Placements, ThreadScheduler, cores


def stage(name: str, *parents: str, threads: int = 1) -> Stage:
    return Stage(name, f"make {name}", (), {name: {"threads": threads}}, (f"out/{name}",), parents)


def budget(total: int, *stages: Stage) -> ThreadScheduler:
    return ThreadScheduler(total, Graph.of(stages).stages)


def test_no_more_threads_are_out_than_there_are():
    stages = [stage(f"s{number}", threads=count) for number, count in enumerate([1, 2, 3, 1, 1, 2] * 4)]
    threads, guard = budget(3, *stages), threading.Lock()
    out, most = 0, 0

    def work(one: Stage) -> None:
        nonlocal out, most
        with threads.completing(one.name), threads.taken(one):
            with guard:
                out += one.threads
                most = max(most, out)
            time.sleep(0.01)
            with guard:
                out -= one.threads

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(work, stages))
    assert most == 3


def test_one_that_wants_more_than_there_is_runs_alone():
    big, small, other = stage("big", threads=64), stage("small"), stage("other")
    threads = budget(2, big, small, other)
    with threads.completing("big"), threads.taken(big):
        assert not can_take(threads, small)
    assert can_take(threads, other)


def test_a_failure_gives_the_threads_back_and_leaves_what_stands_below():
    one, other = stage("one"), stage("other")
    threads = budget(1, one, other, stage("below", "one"), stage("last", "below"))
    with pytest.raises(ValueError, match="broken"), threads.completing("one"), threads.taken(one):
        raise ValueError("broken")
    assert can_take(threads, other)


def test_the_longest_way_to_the_end_goes_first_even_if_it_asks_last():
    short, long, after = stage("short"), stage("long"), stage("after", "long")
    threads, order = budget(1, short, long, after), list[str]()

    def work(one: Stage) -> None:
        with threads.completing(one.name), threads.taken(one):
            order.append(one.name)

    first = threading.Thread(target=work, args=(short,))
    first.start()
    time.sleep(0.1)
    work(long)
    work(after)
    first.join()
    assert order[0] == "long"


def test_a_stage_that_never_asks_holds_nobody_up_for_ever(monkeypatch):
    monkeypatch.setattr(placement, "WAIT_S", 0.2)
    silent, below, waiting = stage("silent"), stage("below", "silent"), stage("waiting")
    threads = budget(1, silent, below, waiting)
    asked_s = time.monotonic()
    assert can_take(threads, waiting, within_s=5)
    assert 0.1 < time.monotonic() - asked_s < 2


def test_there_is_a_core():
    assert cores() >= 1


def can_take(threads: ThreadScheduler, one: Stage, within_s: float = 0.2) -> bool:
    taken = threading.Event()

    def take() -> None:
        with threads.taken(one):
            taken.set()

    threading.Thread(target=take, daemon=True).start()
    return taken.wait(within_s)


def test_the_projects_own_file_is_whole_and_serves_every_stage(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[3])
    placements = Placements.read()
    assert placements.of(stage("ingest", threads=2)).image == "videopoet:cpu"


def test_a_stage_gets_the_defaults_then_its_familys_part_then_its_own(tmp_path):
    placements = read(tmp_path, adapt={"gpus": 1, "cpu": 8}, **{"adapt@v2a": {"gpus": 2}})
    assert placements.of(stage("adapt@v2a")).gpus == 2
    assert placements.of(stage("adapt@v2a")).cpu == 8
    assert placements.of(stage("adapt@t2v")).gpus == 1
    assert placements.of(stage("ingest")).gpus == 0


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"gpu": 1}, "`stages.adapt.gpu` is unknown"),
        ({"cpu": "many"}, "`stages.adapt.cpu` must be int"),
    ],
)
def test_a_key_that_is_wrong_is_named(tmp_path, part, words):
    with pytest.raises(ValueError, match=words):
        read(tmp_path, adapt=part)


def test_a_key_that_is_missing_is_named(tmp_path):
    file = tmp_path / "placement.yaml"
    file.write_text("namespace: videopoet\ndefaults: {image: x}\nstages: {}\n")
    with pytest.raises(ValueError, match=r"`defaults.cpu` is missing.*`defaults.memory` is missing"):
        Placements.read(file)


def test_a_stage_never_gets_fewer_cores_than_it_has_threads(tmp_path):
    with pytest.raises(ValueError, match="ingest uses 3 threads but gets 2 cores: raise `cpu`"):
        read(tmp_path).of(stage("ingest", threads=3))


def read(folder: Path, **stages: dict) -> Placements:
    own = yaml.safe_load((Path(__file__).parents[3] / placement.PLACEMENT).read_text())
    (folder / "placement.yaml").write_text(yaml.safe_dump(own | {"stages": stages}))
    return Placements.read(folder / "placement.yaml")


@pytest.mark.parametrize(
    ("component", "part", "words"),
    [
        ("adapt", {"parts": 2}, "`parts` in k8s/placement.yaml is for filter, ingest, pretokenize"),
        ("ingest", {"parts": 2, "scratch_claim": ""}, "share a cache: name its `scratch_claim`"),
        ("generate", {"gpus": 2}, "is not a training and runs as one process"),
        ("ingest", {"nodes": 2}, "is not a training and runs as one process"),
    ],
)
def test_what_a_stage_cannot_do_with_several_pods_or_gpus_is_said(tmp_path, component, part, words):
    command = f"python -m components {component} --params {component} --output out"
    asked = replace(stage(component), cmd=command)
    with pytest.raises(ValueError, match=words):
        read(tmp_path, **{component: part}).of(asked)


def test_our_trainings_use_every_gpu_and_what_is_not_ours_is_a_process_a_pod(tmp_path):
    found = read(tmp_path, adapt={"nodes": 2, "gpus": 4}).of(stage("adapt"))
    assert found.world_size("python -m components adapt --params adapt.v2a --output out") == 8
    assert found.world_size("python mine.py") == 2
