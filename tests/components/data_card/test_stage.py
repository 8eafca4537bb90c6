"""The card of made-up clips is whole, points nowhere outside, is the same each time, and stops what drifted."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.common import artifacts, runtime
from components.common.errors import DataError
from components.common.pages import formatting
from components.data_card import counting, samples, stage
from components.data_card.config import Config
from components.data_card.data import CARD, PAGE, read
from components.data_card.page import CardVerdict, license_verdict
from components.data_card.statistics import ArrivedAndKept, StageCounts, Statistics, from_json
from components.filter import data
from components.filter import stage as filtering
from components.filter.config import Config as Rules
from tests.components.data_card.conftest import HOSTILE


@pytest.fixture(scope="module")
def written(config: Config, clips: Path, filtered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    (folder / "none.json").write_text("{}")
    stage.run(config, clips=clips, filtered=filtered, reference=folder / "none.json", output=folder / "card")
    return folder / "card"


@pytest.fixture(scope="module")
def html(written: Path) -> str:
    return (written / PAGE).read_text()


def test_kept_and_left_out_are_what_arrived_in_every_column(written: Path) -> None:
    card = from_json(json.loads((written / CARD).read_text()))
    assert (card.files.arrived, card.files.kept) == (6, 4)
    assert (card.clips.arrived, card.clips.kept, card.clips.dropped) == (17, 14, {"too_short": 1, "too_still": 2})
    assert all(sum(counts.kept.values()) == 14 for counts in card.shares.values())
    assert all(sum(bins.arrived) == 17 and sum(bins.kept) == 14 for bins in card.scores.values())
    assert card.totals.kept["videos"] == 10
    assert card.totals.kept["images"] == 4
    assert card.totals.kept["video_s"] == round(8 * 17 / 8 + 2 * 41 / 8)
    assert card.shares["audio"].kept == {"audible": 8, "image": 4, "none": 1, "silent": 1}
    assert card.shares["license"].arrived == {"": 16, "CC0-1.0": 1}


def test_dropped_clips_are_shown_under_their_reason_with_what_was_found(html: str) -> None:
    assert html.count('<figure class="strip"') == 5 + 2 + 1
    still = html.split('id="dropped-too_still"')[1].split("</section>")[0]
    assert still.count("data:image/jpeg;base64,") == 2
    assert "motion 0 of the full scale, less than 0.001" in still


def test_below_a_near_duplicate_stands_what_is_kept_instead(
    config: Config, clips: Path, rules: Rules, tmp_path: Path
) -> None:
    made = data.Clips(clips)
    rows = [made.row(index) for index in range(len(made))]
    twin = replace(rows[5], clip=replace(rows[5].clip, clip_id="f" * 64, source_sha256="f" * 64, split="train"))
    with artifacts.fresh(tmp_path / "clips") as fresh:
        data.write(fresh, [*rows, twin])
        shutil.copy(clips / "quarantine.parquet", fresh)
        facts = data.facts(made.formats)
        artifacts.describe(fresh, "clips", inputs={}, counts={"arrived": 1, "kept": 1}, facts=facts)
    with artifacts.fresh(tmp_path / "pretrained") as folder:
        artifacts.describe(folder, "pretrained", inputs={}, counts={})
    paths = {"clips": tmp_path / "clips", "output": tmp_path / "filtered"}
    filtering.run(rules, pretrained=tmp_path / "pretrained", **paths)
    sheets = samples.sheets(config, read(tmp_path / "clips", tmp_path / "filtered"))
    (shown,) = next(sheet.shown for sheet in sheets if sheet.reason == "near_duplicate")
    assert shown.detail == f"below it, the clip that is kept instead: {rows[5].clip.clip_id[:12]}"
    assert shown.height_px > 2 * config.tile_px


def test_the_header_says_what_was_checked(html: str) -> None:
    header = html.split("</header>")[0]
    assert "<h1>Data card</h1>" in header
    assert "no accepted card: gate off" in header
    assert "not checked: the filter has no list of allowed licenses; 14 of 14 kept clips name no license" in header


def test_a_filter_with_a_list_of_licenses_gives_a_license_verdict() -> None:
    card = Statistics(
        StageCounts(2, 2, {}),
        StageCounts(2, 2, {}),
        ArrivedAndKept({}, {}),
        {"license": ArrivedAndKept({"CC0-1.0": 2}, {"CC0-1.0": 2})},
        {},
        [],
    )
    assert license_verdict(card) == CardVerdict("pass", "all kept clips have an allowed license: CC0-1.0")


def test_each_split_has_its_totals(html: str, clips: Path, filtered: Path) -> None:
    totals = counting.split_totals(read(clips, filtered))
    assert sum(split["videos"] + split["images"] for split in totals.values()) == 14
    assert sum(split["captioned"] for split in totals.values()) > 0
    assert html.count('data-label="with caption"') == len(totals)


def test_languages_that_no_source_names_are_marked_as_guesses(clips: Path, filtered: Path, html: str) -> None:
    inputs = read(clips, filtered)
    guessed = counting.guessed_languages(inputs)
    assert ("Guessed from the caption" in html) == bool(guessed)


def test_every_table_head_has_a_scope(html: str) -> None:
    assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", html))


def test_rules_that_are_off_say_so(html: str) -> None:
    assert "<li>aesthetic</li>" in html
    assert "<li>opt out</li>" in html


def test_what_is_drawn_more_or_less_often_stands_in_the_card(
    config: Config, clips: Path, filtered: Path, rules: Rules, nothing: Path, tmp_path: Path, html: str
) -> None:
    section = html.split('id="balance"')[1].split("</section>")[0]
    assert "<li>attribute</li><li>concept</li>" in section
    assert "<table" not in section  # nothing is weighted, so there are no rows
    evened = replace(rules, balance=replace(rules.balance, max_share=0.2, max_draws=4.0, min_clips=2))
    filtering.run(evened, clips=clips, pretrained=filtered.parent / "pretrained", output=tmp_path / "filtered")
    stage.run(config, clips=clips, filtered=tmp_path / "filtered", reference=nothing, output=tmp_path / "card")
    section = (tmp_path / "card" / PAGE).read_text().split('id="balance"')[1].split("</section>")[0]
    assert "<li>concept</li>" not in section
    shares = pq.read_table(tmp_path / "filtered" / data.BALANCE).to_pylist()
    assert any(share["share_after"] < share["share_before"] for share in shares)
    above = sum(share["share_after"] > 0.2 * 1.01 for share in shares)
    assert above
    assert f"at most {formatting.quantity(0.2, 'share')} each" in section
    assert f"{above} of them have more" in section
    for share in shares[:16]:
        before, after = (formatting.quantity(share[name], "share") for name in ("share_before", "share_after"))
        assert re.search(rf"{share['name']}</bdi>.*?{re.escape(f'{before} → {after}')}", section)


def test_what_great_expectations_says_of_both_boundaries_stands_in_the_card(html: str) -> None:
    gates = html.split('id="gates"')[1]
    assert gates.count("PASS</span>") >= 18
    assert "FAIL</span>" not in gates
    assert "every kept clip is in training or held out" in gates


def test_words_of_the_data_cannot_become_markup_nor_turn_the_text_around(html: str) -> None:
    assert "<script>" not in html
    assert html.count(f"<bdi>mine/{HOSTILE[:0]}&lt;script&gt;") == 1


def test_nothing_is_fetched_from_elsewhere_and_nothing_says_where_it_was_made(written: Path, html: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!data:image/jpeg;base64,|#)', html)
    assert "://" not in html.replace("http://www.w3.org/2000/svg", "")
    assert str(written.parent) not in html
    assert set(artifacts.read_manifest(written).files) == {CARD, PAGE}


def test_the_same_inputs_give_the_same_bytes(
    written: Path, config: Config, clips: Path, filtered: Path, nothing: Path, tmp_path: Path
) -> None:
    nothing.write_text("{}")
    stage.run(config, clips=clips, filtered=filtered, reference=nothing, output=tmp_path / "again")
    assert artifacts.digest(tmp_path / "again") == artifacts.digest(written)


def test_an_accepted_card_of_the_same_data_shows_no_drift(
    written: Path, config: Config, clips: Path, filtered: Path, tmp_path: Path
) -> None:
    summary = stage.run(config, clips=clips, filtered=filtered, reference=written / CARD, output=tmp_path / "card")
    assert summary.counts["columns compared"] > 15
    drift = (tmp_path / "card" / PAGE).read_text().split('id="drift"')[1].split("</section>")[0]
    assert "FAIL" not in drift
    assert "no column drifted further than 0.25" in (tmp_path / "card" / PAGE).read_text()
    assert drift.count('<td data-label="index" class="number">0.000</td>') == summary.counts["columns compared"]


def test_data_that_drifted_stop_the_run_and_leave_their_card_to_be_looked_at(
    written: Path, config: Config, clips: Path, filtered: Path, tmp_path: Path
) -> None:
    before = json.loads((written / CARD).read_text())
    before["shares"]["kind"]["kept"] = {"image": 13, "video": 1}
    before["totals"]["kept"]["sources"] = 10**6
    (tmp_path / "before.json").write_text(json.dumps(before))
    easy = replace(config, max_drift=0.2)
    with (
        runtime.use(runtime.Runtime(scratch=tmp_path / "scratch", cache=tmp_path)),
        pytest.raises(DataError, match=r"max_drift = 0.2 allows: kind 2\.\d+ .*'image', 92.9% → 28.6%"),
    ):
        stage.run(easy, clips=clips, filtered=filtered, reference=tmp_path / "before.json", output=tmp_path / "card")
    assert not (tmp_path / "card").exists()
    refused = tmp_path / "scratch" / stage.REFUSED
    page = (refused / PAGE).read_text()
    assert '<span class="bad">FAIL</span> kind' in page
    assert from_json(json.loads((refused / CARD).read_text())).shares["kind"].kept == {"video": 10, "image": 4}


def test_folders_that_do_not_belong_together_are_refused(
    config: Config, clips: Path, filtered: Path, nothing: Path, tmp_path: Path
) -> None:
    other = tmp_path / "clips"
    shutil.copytree(clips, other)
    manifest = json.loads((other / artifacts.MANIFEST).read_text())
    (other / artifacts.MANIFEST).write_text(json.dumps(manifest | {"kind": "others"}))
    with pytest.raises(ValueError, match="was not made from"):
        stage.run(config, clips=other, filtered=filtered, reference=nothing, output=tmp_path / "card")


@pytest.mark.parametrize(("content", "words"), [("[]", "must hold a card"), ("{", "as JSON"), ('{"a": 1}', "no card")])
def test_a_reference_that_is_no_card_is_refused_with_the_remedy(
    config: Config, clips: Path, filtered: Path, tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "reference.json").write_text(content)
    with pytest.raises(ValueError, match=words):
        stage.run(
            config, clips=clips, filtered=filtered, reference=tmp_path / "reference.json", output=tmp_path / "card"
        )
