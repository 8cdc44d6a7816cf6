"""The pictures: what stands where, and that what they say is escaped."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenge.evaluation.scorecard import Score, Scorecard
from challenge.evaluation.significance import Estimate
from challenge.manifest import DatasetFacts, Epoch, Manifest, SubmissionFacts, TrainingFacts
from challenge.report.charts import Scale, nice_ticks, score_panels, source_panel, training_panels
from challenge.report.page import RunFacts, render_page
from challenge.types import Category

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert("1")</script>&'


def card(*names: str) -> Scorecard:
    scores = {
        name: Score(
            10, Estimate(0.1 * i, 0.1 * i - 0.05, 0.1 * i + 0.05), Estimate(0.5, 0.4, 0.6), Estimate(2, 1, 3)
        )
        for i, name in enumerate(names, 1)
    }
    return Scorecard("signed", scores[names[0]], scores)


def drawn(
    scores: Scorecard | None = None,
    *,
    official: bool = False,
    sources: dict[str, int] | None = None,
    training: Sequence[Mapping[str, float]] = (),
) -> dict[str, ElementTree.Element]:
    """The page's pictures by the key of their panel; each is well-formed XML."""
    epochs = tuple(msgspec.convert({"epoch": i, **each}, Epoch) for i, each in enumerate(training))
    manifest = Manifest(
        dataset=DatasetFacts(1, 0, 0, 0, 1, 1, 1, official),
        lightgcn=(TrainingFacts(epochs=epochs),),
        submission=SubmissionFacts("s", "h", {"title_only": sources or {}}),
    )
    page = render_page(RunFacts("run", manifest, card=scores))
    found = [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    return {picture.attrib["aria-labelledby"].removesuffix("-title"): picture for picture in found}


def of_class(picture: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in picture.iter() if element.get("class") == name]


def numbers(path: str | None) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", path or "")]


def widths(picture: ElementTree.Element) -> list[float]:
    return [float(bar.attrib["width"]) for bar in of_class(picture, "bar")]


def test_bars_are_as_long_as_their_values() -> None:
    long = widths(drawn(sources={"few": 10, "many": 40, "none": 0})["sources"])
    assert long[1:] == pytest.approx([long[0] / 4, 0], abs=0.02)
    scores = widths(drawn(card("first_5", "first_10", "own"))["scores-r_precision"])
    assert [width / scores[0] for width in scores] == pytest.approx([1, 2, 3], abs=1e-3)


def test_whiskers_and_diamonds_stand_on_the_scale_of_the_bars() -> None:
    shown = drawn(card("title_only", "own"), official=True)["scores-r_precision"]
    bar = of_class(shown, "bar")[0]
    start, unit = float(bar.attrib["x"]), float(bar.attrib["width"]) / 0.1
    low, _, high = numbers(of_class(shown, "whisker")[0].get("d"))
    assert [low, high] == pytest.approx([start + 0.05 * unit, start + 0.15 * unit], abs=0.05)
    (diamond,) = of_class(shown, "best")
    assert numbers(diamond.get("d"))[0] == pytest.approx(start + 0.0978 * unit, abs=0.05)
    ticks = [numbers(line.get("d"))[0] for line in of_class(shown, "grid")]
    labels = [float(label.text or "") for label in of_class(shown, "tick")]
    assert ticks == pytest.approx([start + label * unit for label in labels], abs=0.05)
    assert not of_class(drawn(card("title_only"))["scores-r_precision"], "best")


def test_everything_lies_inside_its_picture() -> None:
    records = [{"epoch": epoch, "loss": 8 - epoch / 7, "ndcg": 0.001 * epoch} for epoch in range(9)]
    counts = {"a source with a name that is much too long": 1_234_567, "b": 3}
    for picture in drawn(card(*Category), sources=counts, training=records).values():
        _, _, width, height = numbers(picture.attrib["viewBox"])
        for element in picture.iter():
            assert 0 <= float(element.get("x", 0)) + float(element.get("width", 0)) <= width
            assert 0 <= float(element.get("y", 0)) <= height
            if element.get("text-anchor") == "end":
                assert 7.2 * len(element.text or "") <= float(element.attrib["x"])


def test_curves_go_through_their_points() -> None:
    shown = drawn(training=[{"epoch": e, "loss": loss} for e, loss in enumerate([4.0, 2.0, 1.0, 3.0])])
    places = numbers(of_class(shown["training-loss"], "curve")[0].get("points"))
    x, y = places[::2], places[1::2]
    assert [place - x[0] for place in x] == pytest.approx([i * (x[1] - x[0]) for i in range(4)], abs=0.02)
    assert y[0] < y[3] < y[1] < y[2]  # what is more stands higher, where y is less
    assert y[2] - y[1] == pytest.approx((y[1] - y[0]) / 2, abs=0.02)
    assert len(of_class(shown["training-loss"], "point")) == 4


def test_names_are_escaped() -> None:
    manifest = Manifest(
        submission=SubmissionFacts("s", "h", {HOSTILE: {HOSTILE: 5}}), config={HOSTILE: HOSTILE}
    )
    page = render_page(RunFacts("run", manifest, card=card(HOSTILE)))
    assert "<script" not in page
    pictures = drawn(card(HOSTILE), sources={HOSTILE: 5})
    assert len(pictures) == 4
    for picture in pictures.values():
        texts = [text.text or "" for text in picture.iter(f"{SVG}text")]
        assert HOSTILE[:26] + "…" in texts
        assert HOSTILE in ElementTree.tostring(picture, encoding="unicode", method="text")


def test_pictures_say_in_words_what_they_show() -> None:
    shown = drawn(card("title_only"), official=True, training=[{"loss": 2}, {"loss": 1}])
    for key, picture in shown.items():
        title, described = picture[0], picture[1]
        assert picture.get("role") == "img"
        assert title.attrib["id"] == picture.get("aria-labelledby") == f"{key}-title"
        assert described.attrib["id"] == picture.get("aria-describedby")
    assert shown["scores-clicks"][0].text == "Clicks (lower is better)"
    words = "title only: 0.1000, 95 %: 0.0500 to 0.1500, best of 2018: 0.0978"
    assert shown["scores-r_precision"][1].text == words
    assert shown["training-loss"][1].text == "From 2 at epoch 0 to 1 at epoch 1"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 0.374, [0, 0.1, 0.2, 0.3, 0.4]),
        (0, 51, [0, 20, 40, 60]),
        (0, 0, [0, 0.2]),
        (0, 775_138, [0, 200_000, 400_000, 600_000, 800_000]),
        (8.34, 8.78, [8.3, 8.4, 8.5, 8.6, 8.7, 8.8]),
        (-0.3, 0.2, [-0.3, -0.2, -0.1, 0, 0.1, 0.2]),
    ],
)
def test_ticks_that_a_reader_expects(low: float, high: float, expected: list[float]) -> None:
    assert nice_ticks(low, high) == expected


def test_steps_of_epochs_are_whole() -> None:
    assert nice_ticks(0, 2, min_step=1) == [0, 1, 2]
    assert nice_ticks(1, 1, min_step=1) == [1, 2]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_ticks_are_few_round_and_enclose(first: float, second: float) -> None:
    low, high = sorted((first, second))
    ticks = nice_ticks(low, high)
    step = ticks[1] - ticks[0]
    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= low + 0.01 * step
    assert ticks[-1] >= high - 0.01 * step
    leading = step / 10.0 ** math.floor(math.log10(step) + 1e-3)
    assert min(abs(leading - factor) for factor in (1, 2, 5)) < 0.01


def test_labels_have_the_decimals_of_their_step() -> None:
    scale = Scale([0, 0.05, 0.1], 10, 20)
    assert [scale.label(tick) for tick in scale.ticks] == ["0.00", "0.05", "0.10"]
    assert (scale(0), scale(0.05), scale(0.2)) == (10, 15, 30)
    assert Scale([0, 200_000], 0, 1).label(200_000) == "200,000"


def test_nothing_to_show() -> None:
    assert source_panel({}).bars == []
    assert [panel.bars for panel in score_panels(Scorecard("s", card("own").overall, {}), official=True)] == [
        []
    ] * 3
    assert training_panels({}, "epoch") == []
