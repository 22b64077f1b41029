"""The pages of results: everything a reader needs, and nothing that is not in the record."""

import json
import re
from pathlib import Path

import markdown
import pytest

from mnemic.errors import DataError
from mnemic.reproduce.pages import write_pages

RESULTS = Path(__file__).parents[2] / "docs/results"


def verdict(*, met=True, **changes):
    found = {"mean": 0.51234, "low": 0.4, "high": 0.625, "by seed": [0.5, 0.52468]}
    return {
        "what": "share | recalled",
        "expected": "≥ 0.5",
        "source": "requirement",
        "published": ".44",
        "found": found,
        "met": met,
    } | changes


def record(name="spens2022/replay-fashion", **changes):
    return {
        "name": name,
        "paper": "Spens & Burgess 2022",
        "figure": "figure 3",
        "claim": "Noise brings back a memory_of_mine [1], and x < y.",
        "stands in": "",
        "scale": "small",
        "seeds": [0, 1],
        "config": {"stored": 5000},
        "data": {"0": "abc"},
        "verdicts": [verdict()],
        "numbers": {"share": {"mean": 0.51234}},
        "versions": {"mnemic": "0.1.0", "torch": "2.13.0"},
        "machine": {"system": "Linux x86_64", "cores": 2, "threads": 1},
        "seconds": 12.0,
    } | changes


@pytest.fixture
def written(tmp_path):
    """Writes records, with a figure each, and their pages."""

    def write(*records):
        folder = tmp_path / "records"
        folder.mkdir(exist_ok=True)
        for each in records:
            stem = each["name"].replace("/", "-")
            (folder / f"{stem}.json").write_text(json.dumps(each))
            for suffix in ("png", "svg"):
                (folder / f"{stem}-coverage.{suffix}").write_text("a figure")
        pages = write_pages(folder, tmp_path / "docs/results")
        return {page.stem: page.read_text() for page in pages}

    return write


def shown(text):
    """What a reader sees: the page without its marks."""
    html = markdown.markdown(text, extensions=["tables", "pymdownx.superfences"])
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_page_says_claim_paper_expectation_finding_verdict_and_how_to_run_it(written):
    page = shown(written(record())["spens2022-replay-fashion"])
    for said in (
        "Noise brings back a memory_of_mine [1], and x &lt; y.",
        "Spens &amp; Burgess 2022, figure 3.",
        "share | recalled ≥ 0.5 .44 0.512 [0.4, 0.625] as expected requirement",
        "mean over 2 seeds",
        "small (stored 5000)",
        "seeds: 0, 1",
        "mnemic 0.1.0, torch 2.13.0",
        "Linux x86_64, 1 of 2 cores",
        "mnemic reproduce spens2022/replay-fashion --scale small --seeds 2",
    ):
        assert said in page


def test_what_stands_in_for_the_data_is_said_where_something_does(written):
    pages = written(record("a"), record("b", **{"stands in": "Scenes are rendered anew."}))
    assert "stands in" not in pages["a"]
    assert "What stands in for the data: Scenes are rendered anew." in pages["b"]


@pytest.mark.parametrize(
    ("met", "row", "listed"),
    [
        (True, "| as expected |", "| 1 of 1 |"),
        (False, "| **not as expected** |", "| **0 of 1** |"),
        (None, "| not judged: toy size |", "| not judged: toy size |"),
    ],
)
def test_a_verdict_is_the_records_on_its_page_and_in_the_index(written, met, row, listed):
    pages = written(record("a", verdicts=[verdict(met=met)]))
    assert row in pages["a"]
    assert listed in pages["index"]


def test_the_index_counts_what_was_judged_and_names_what_did_not_come_out(written):
    pages = written(
        record("good"),
        record("bad", verdicts=[verdict(), verdict(what="the other", met=False)]),
        record("toy", scale="toy", verdicts=[verdict(met=None)]),
    )
    assert "3 results; 2 of 3 numbers are as expected." in shown(pages["index"])
    (missed,) = re.findall(r"^- .*", pages["index"], re.M)
    assert missed == r"- [bad](bad.md): the other is 0.512 \[0.4, 0.625\], expected ≥ 0.5"
    assert "Toy size" in pages["toy"]
    assert "Toy size" not in pages["good"]


def test_where_everything_came_out_nothing_is_said_to_have_failed(written):
    assert "Not as expected" not in written(record())["index"]


def test_every_link_of_a_page_leads_to_a_file_beside_it(written, tmp_path):
    pages = written(record(), record("ablation/fashion"))
    folder = tmp_path / "docs/results"
    links = {
        target for text in pages.values() for target in re.findall(r"(?<!\\)\]\(([^)]+)\)", text)
    }
    assert {"spens2022-replay-fashion.md", "spens2022-replay-fashion.json"} <= links
    assert {"spens2022-replay-fashion-coverage.png", "ablation-fashion-coverage.svg"} <= links
    assert all((folder / target).is_file() for target in links)


def test_a_figure_belongs_to_the_record_it_is_named_for_and_to_no_shorter_name(written):
    pages = written(record("ablation/shapes3d"), record("ablation/shapes3d-grey"))
    assert "grey" not in pages["ablation-shapes3d"]
    assert "ablation-shapes3d-grey-coverage.png" in pages["ablation-shapes3d-grey"]


def test_one_seed_has_no_interval_and_other_seeds_have_no_count(written):
    found = verdict()["found"] | {"by seed": [0.51234]}
    page = written(record("a", seeds=[7], verdicts=[verdict(found=found)]))["a"]
    assert "| 0.512 |" in page
    assert "one seed" in page
    assert "--seeds" not in page  # which counts from 0


def test_pages_can_be_written_again_from_where_they_are(written, tmp_path):
    pages = written(record())
    folder = tmp_path / "docs/results"
    again = {page.stem: page.read_text() for page in write_pages(folder, folder)}
    assert again == pages


def test_a_folder_without_records_has_an_index_that_says_so(written):
    assert "0 results; 0 of 0 numbers" in written()["index"]


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"name": "a"}'])
def test_what_is_no_record_is_refused_by_name(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(DataError, match=r"other\.json is not the record"):
        write_pages(tmp_path, tmp_path / "docs")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="no folder"):
        write_pages(tmp_path / "nowhere", tmp_path)


def test_the_pages_of_the_documentation_are_those_of_their_records(tmp_path):
    for page in write_pages(RESULTS, tmp_path):
        assert page.read_text() == (RESULTS / page.name).read_text(), page.name
