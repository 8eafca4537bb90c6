"""The page of made-up artifacts is whole, points nowhere outside, and is the same each time."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.common import artifacts, pages
from components.media import video
from components.report import page, stage
from components.report.config import Config
from components.report.records import ManifestCounts

LINK = re.compile(r'(?:src|href)="([^"]+)"')


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, run_of_everything: dict[str, Any], config: Config) -> Path:
    output = tmp_path_factory.mktemp("first") / "report"
    stage.run(config, **run_of_everything, output=output)
    return output


@pytest.fixture(scope="module")
def html(written: Path) -> str:
    return (written / "index.html").read_text()


def test_every_link_leads_to_a_file_or_a_place_in_the_page(written: Path, html: str) -> None:
    links = LINK.findall(html)
    assert links
    places = set(re.findall(r'id="([^"]+)"', html))
    for link in links:
        if not link.startswith("../"):
            assert link[1:] in places if link.startswith("#") else (written / link).is_file(), link


def test_it_links_to_the_data_card_and_the_scores_by_their_paths_in_the_graph(html: str) -> None:
    outside = {link for link in LINK.findall(html) if link.startswith("../")}
    assert outside == {"../data/card/card.html", "../metrics/scores.json", "../metrics/measures.csv"}


def test_every_file_is_shown(written: Path, html: str) -> None:
    shown = {link for link in LINK.findall(html) if not link.startswith(("#", "../"))}
    assert set(artifacts.read_manifest(written).files) == shown | {"index.html"}


def test_a_record_can_put_its_facts_into_a_copy(html: str) -> None:
    assert "videopoet runs show latest" in html
    stamped = pages.with_run_facts(html, "<p>Run 0123456789</p>")
    assert "<p>Run 0123456789</p>" in stamped
    assert "videopoet runs show latest" not in stamped


def test_nothing_is_fetched_from_elsewhere_and_nothing_says_where_it_was_made(written: Path, html: str) -> None:
    without_names = html.replace("http://www.w3.org/2000/svg", "")
    assert "://" not in without_names
    assert str(written.parent.parent) not in html


def test_the_same_inputs_give_the_same_bytes(
    written: Path, tmp_path: Path, run_of_everything: dict[str, Any], config: Config
) -> None:
    stage.run(config, **run_of_everything, output=tmp_path / "elsewhere")
    assert artifacts.digest(tmp_path / "elsewhere") == artifacts.digest(written)


def test_clips_have_controls_and_real_ones_stand_beside_them(written: Path, html: str) -> None:
    assert html.count("<video") == html.count("controls loop playsinline")
    assert 'src="assets/originals/c1-clip-inpaint_center.mp4"' in html
    assert video.probe(written / "assets/originals/c1-clip.mp4").has_audio
    assert not video.probe(written / "assets/originals/c1-clip-inpaint_center.mp4").has_audio


def test_every_video_has_a_name_and_every_table_head_a_scope(html: str) -> None:
    videos = re.findall(r"<video[^>]*>", html)
    assert videos
    for video_tag in videos:
        assert re.search(r'aria-label="[^"]{5,}"', video_tag), video_tag
    assert 'aria-label="Text to video: a red square (generated)"' in html
    assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", html))


def test_the_summary_comes_before_the_clips_and_these_before_the_scores(html: str) -> None:
    places = [html.index(f'<section id="{name}">') for name in ("summary", "clips", "scores")]
    assert places == sorted(places)
    assert html.count('class="verdict ') == 1


def test_no_seed_is_shown(html: str) -> None:
    assert "seed 7" not in html


def test_scores_name_their_instruments(html: str) -> None:
    assert "Fréchet distance" in html
    assert "by local-judge; lower is better" in html
    assert "<code>local-judge</code> is a stand-in" in html


def test_a_model_that_was_not_trained_here_says_so(html: str) -> None:
    assert html.count("Not trained here") == 1


def test_kept_and_left_out_make_what_arrived(html: str) -> None:
    assert '<p class="big">85 <span class="small">of 95</span></p>' in html
    assert "quarantined: undecodable" in html
    assert "dropped: too still" in html


def test_counts_that_do_not_come_out_even_are_refused() -> None:
    with pytest.raises(ValueError, match="Clips kept: 9 arrived, but 4 were kept and 3 dropped"):
        page.step("Clips kept", "dropped", ManifestCounts({"arrived": 9, "kept": 4}, {"too_still": 3}))


def test_words_of_the_data_cannot_become_markup(
    tmp_path: Path, run_of_everything: dict[str, Any], config: Config
) -> None:
    metrics = tmp_path / "metrics"
    shutil.copytree(run_of_everything["metrics"], metrics)
    scores = json.loads((metrics / "scores.json").read_text())
    (metrics / "scores.json").write_text(json.dumps([scores[0] | {"name": "<script>"}]))
    stage.run(config, **run_of_everything | {"metrics": metrics}, output=tmp_path / "report")
    assert "&lt;script&gt;" in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    ("which", "name", "words"),
    [
        ("judge", "metrics.json", "judge holds no metrics.json"),
        ("image_heavy", "losses.csv", "image_heavy holds no losses.csv"),
        ("samples", "media/t0.mp4", "media holds no t0.mp4"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, run_of_everything: dict[str, Any], config: Config, which: str, name: str, words: str
) -> None:
    broken, models = tmp_path / which, run_of_everything["models"]
    is_model = hasattr(models, which)
    shutil.copytree(getattr(models, which) if is_model else run_of_everything[which], broken)
    (broken / name).unlink()
    changed = {"models": replace(models, **{which: broken})} if is_model else {which: broken}
    with pytest.raises(ValueError, match=words):
        stage.run(config, **run_of_everything | changed, output=tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_score_of_another_shape_is_named(tmp_path: Path, run_of_everything: dict[str, Any], config: Config) -> None:
    metrics = tmp_path / "metrics"
    shutil.copytree(run_of_everything["metrics"], metrics)
    (metrics / "scores.json").write_text('[{"name": "odd"}]')
    with pytest.raises(ValueError, match=r"record 0 \(odd\).*task"):
        stage.run(config, **run_of_everything | {"metrics": metrics}, output=tmp_path / "report")


def test_fewer_cards_make_a_smaller_page(
    tmp_path: Path, written: Path, run_of_everything: dict[str, Any], config: Config
) -> None:
    one = stage.run(replace(config, samples_per_task=1), **run_of_everything, output=tmp_path / "report")
    assert one.counts["cards"] < artifacts.read_manifest(written).counts["cards"]
