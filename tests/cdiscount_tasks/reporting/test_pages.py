import re
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.records import Reason
from cdiscount_tasks.reporting import pages, words
from cdiscount_tasks.reporting.pages import FinishedReport, render_index

CSS = (Path(pages.__file__).parent / "templates" / "page.css").read_text("utf-8")
TEXTS = ("ink", "soft", "accent", "good", "bad", "warn")
PAIRS = [(text, ground) for text in TEXTS for ground in ("paper", "surface")]
PAIRS += [(name, f"{name}-soft") for name in ("good", "bad", "warn")]
PAIRS += [("figure-ink", "paper"), ("figure-first", "paper"), ("figure-second", "paper"), ("soft", "faint")]


def colours_of(block):
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", block))


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = np.array([int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


def make_report(sample="wine", written="2026-11-23 17:00", link="wine/a/report.html", origin="file"):
    figure = {"value": 0.8, "low": 0.75, "high": 0.84, "n": 200, "num_groups": 180}
    metrics = {
        "sample": {"name": sample, "title": f"<b>{sample}</b>"},
        "run_id": "manual__1",
        "preset": "smoke",
        "catalogue": {"origin": origin},
        "verdict": {"above_baseline": True, "certified": True, "champion": None},
        "test": {"product": {"accuracy": figure}, "baseline": {"majority": {**figure, "value": 0.556}}},
        "durations_s": {"total": 312.0},
    }
    return FinishedReport(link, written, metrics)


@pytest.mark.parametrize("mode", ["light", "dark", "print"])
def test_every_text_can_be_read_on_its_ground(mode):
    light, dark, paper = re.findall(r":root \{(.*?)\n *\}", CSS, flags=re.DOTALL)
    colours = {**colours_of(light), **colours_of({"light": light, "dark": dark, "print": paper}[mode])}
    for text, ground in PAIRS:
        bright, dim = sorted([luminance(colours[text]), luminance(colours[ground])], reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (text, ground)


def test_the_index_groups_by_sample_with_the_newest_first():
    reports = [
        make_report(written="2026-11-22 10:00", link="wine/old/report.html"),
        make_report(sample="bag", link="bag/a/report.html"),
        make_report(written="2026-11-23 10:00", link="wine/new/report.html"),
    ]
    links = re.findall(r'href="([^"]+)"', render_index(reports))
    assert links == ["bag/a/report.html", "wine/new/report.html", "wine/old/report.html"]


def test_the_index_marks_drawn_runs_and_escapes_titles():
    page = render_index([make_report(origin="drawn")])
    assert ">drawn</span>" in page
    assert "<b>wine</b>" not in page and "&lt;b&gt;wine&lt;/b&gt;" in page


def test_an_index_without_runs_says_how_to_get_one():
    page = render_index([])
    assert "No run has finished yet" in page and "drawn" not in page


def test_every_reason_of_the_labels_is_explained():
    members = list(Reason)
    for reason in members[members.index(Reason.PICTURE_DAMAGED) :]:
        assert "rejected.parquet" not in words.explained(reason), reason
    assert "rejected.parquet" in words.explained("new_reason")
