import pytest

from cdiscount_tasks.pages.parts.sparkline import Point, draw_sparkline


def points(values, preset="baseline"):
    return [
        Point(value, value - 0.05, value + 0.05, preset, f"2026-01-{day + 1:02d}") for day, value in enumerate(values)
    ]


def corners(text):
    return [tuple(map(float, corner.split(","))) for corner in text.split()]


def test_one_run_is_no_line():
    assert draw_sparkline(points([0.8])) is None


def test_a_higher_accuracy_stands_higher():
    (_, first), (_, second) = corners(draw_sparkline(points([0.7, 0.9])).line)
    assert second < first


def test_the_band_holds_the_line():
    spark = draw_sparkline(points([0.7, 0.9, 0.8]))
    band = corners(spark.band)
    uppers, lowers = band[:3], band[3:][::-1]
    for (_, upper), (_, y), (_, lower) in zip(uppers, corners(spark.line), lowers, strict=True):
        assert upper < y < lower


def test_everything_stays_within_the_picture():
    spark = draw_sparkline([*points([0.0, 1.0, 0.5]), *points([0.2], "smoke")])
    for x, y in [*corners(spark.line), *corners(spark.band), *spark.others]:
        assert 0 <= x <= 640 and 0 <= y <= 96


def test_the_line_is_the_commonest_preset_and_others_stand_apart():
    spark = draw_sparkline([*points([0.8, 0.81]), *points([0.5], "smoke")])
    assert spark.preset == "baseline"
    assert len(spark.dots) == 2 and len(spark.others) == 1


def test_runs_of_one_preset_with_other_knobs_are_not_joined():
    edited = [point._replace(kind="image_size 96") for point in points([0.5])]
    spark = draw_sparkline([*points([0.8, 0.81]), *edited])
    assert len(spark.dots) == 2 and len(spark.others) == 1


def test_of_equally_common_presets_the_newest_run_decides():
    assert draw_sparkline([*points([0.8]), *points([0.5], "smoke")]).preset == "smoke"


def test_equal_accuracies_are_a_flat_line_in_the_middle():
    line = corners(draw_sparkline([Point(0.8, None, None, "a", "d")] * 3).line)
    assert {y for _, y in line} == {48.0}


def test_a_run_without_an_interval_takes_the_band_away():
    spark = draw_sparkline([*points([0.8, 0.81]), Point(0.8, None, None, "baseline", "2026-02-01")])
    assert spark.band == ""


def test_the_words_tell_first_lowest_highest_and_last():
    alt = draw_sparkline(points([0.75, 0.6, 0.9, 0.8])).alt
    for word in ("4 runs", "first 75.0 %", "lowest 60.0 %", "highest 90.0 %", "last 80.0 %", "75.0 to 85.0"):
        assert word in alt


@pytest.mark.parametrize("num_runs", [2, 300])
def test_the_runs_are_spread_over_the_whole_width(num_runs):
    line = corners(draw_sparkline(points([0.8] * num_runs)).line)
    assert (line[0][0], line[-1][0]) == (8, 632)
