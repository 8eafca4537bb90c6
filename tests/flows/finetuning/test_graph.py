"""The graph of a fine-tune: what is new is learnt from, and scored as the run that it is compared with."""

from pathlib import Path

import yaml

from flows.finetuning import graph

MAIN = yaml.safe_load((Path(__file__).parents[3] / "dvc.yaml").read_text())
OWN = yaml.safe_load(graph.text(MAIN))
STAGES = OWN["stages"]


def test_it_makes_anew_what_depends_on_new_sources_and_trains_one_model():
    assert list(STAGES) == [
        *("ingest", "filter", "embed_text", "estimate_structure", "pretokenize", "finetune"),
        *("generate", "evaluate", "report"),
    ]
    assert OWN["metrics"] == ["metrics/metrics.json"]
    assert OWN["plots"] == [{"models/adapt_t2i_t2v/losses.csv": {"x": "step", "y": "loss"}}]


def test_every_stage_but_two_is_that_of_the_main_graph():
    assert {name for name in STAGES if STAGES[name] != MAIN["stages"].get(name)} == {"filter", "finetune"}


def test_the_filter_keeps_the_held_out_clips_of_the_base():
    assert STAGES["filter"] == MAIN["stages"]["filter"] | {
        "cmd": "python -m components filter --params filter --clips data/clips --known base/data/filtered"
        " --pretrained models/pretrained --output data/filtered",
        "deps": ["codelock/filter.json", "data/clips", "base/data/filtered", "models/pretrained"],
    }


def test_the_text_to_video_model_of_the_base_is_trained_further():
    assert STAGES["finetune"] == {
        "cmd": "python -m components adapt --params finetune.training --tokens data/tokens"
        " --language-model base/models/adapt_t2i_t2v --output models/adapt_t2i_t2v",
        "deps": ["codelock/adapt.json", "data/tokens", "base/models/adapt_t2i_t2v"],
        "params": ["finetune.training", "finetune.base", "formats"],
        "outs": ["models/adapt_t2i_t2v"],
    }


def test_every_stage_that_is_not_run_again_is_one_of_the_main_graph():
    assert MAIN["stages"].keys() >= graph.OF_THE_BASE
