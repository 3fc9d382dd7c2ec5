import re

import matplotlib as mpl
import numpy as np
import pandas as pd

from cdiscount_tasks.pages.parts.figures import heat, learning_curves


def make_history(num_epochs=5):
    epochs = np.arange(1, num_epochs + 1)
    columns = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "learning_rate")
    return pd.DataFrame({"epoch": epochs, **dict.fromkeys(columns, 1 / epochs)})


def luminance(colour):
    channels = np.array(mpl.colors.to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


def test_the_same_history_gives_the_same_svg():
    assert learning_curves(make_history(), 3) == learning_curves(make_history(), 3)


def test_no_id_is_used_twice_over_all_figures_of_a_page():
    ids = re.findall(r'\bid="([^"]+)"', "".join(curve.svg for curve in learning_curves(make_history(), 3)))
    assert ids
    assert len(ids) == len(set(ids))


def test_what_a_figure_refers_to_is_in_it():
    for curve in learning_curves(make_history(), 3):
        referred = re.findall(r'(?:href="#|url\(#)([^")]+)', curve.svg)
        assert set(referred) <= set(re.findall(r'\bid="([^"]+)"', curve.svg))


def test_figures_take_their_colours_from_the_page_and_carry_no_date():
    for curve in learning_curves(make_history(), None):
        assert "var(--figure-first)" in curve.svg
        assert not re.search(r"#01020\d|<metadata|<style|<\?xml|DOCTYPE|http://(?!www.w3.org)", curve.svg)


def test_figures_say_in_words_what_they_show():
    loss = learning_curves(make_history(), 3)[0]
    assert 'role="img"' in loss.svg and loss.alt in loss.svg
    assert "train 0.2" in loss.alt and "5 epochs" in loss.alt


def test_a_model_without_history_has_no_curves_and_one_epoch_is_enough_for_some():
    assert learning_curves(make_history(0), None) == []
    assert len(learning_curves(make_history(1), 1)) == 3


def test_every_cell_of_the_matrix_can_be_read_on_its_colour():
    cells = [cell for row in heat([[n, 100 - n] for n in range(101)]) for cell in row]
    for cell in cells:
        light, dark = sorted([luminance(cell.background), luminance(cell.ink)], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_class_without_products_has_a_row_of_zero_shares():
    assert [cell.share for cell in heat([[0, 0], [1, 3]])[0]] == [0, 0]


def test_where_tuning_begins_and_what_was_resumed_is_marked():
    history = make_history().assign(phase=["head"] * 2 + ["fine_tune"] * 3, num_resumes=[0, 0, 1, 0, 0])
    marked = learning_curves(history, 3)[0].svg
    assert "tuning begins" in marked
    assert "resumed" in marked
    assert "tuning begins" not in learning_curves(make_history(), 3)[0].svg


def test_a_share_of_half_a_per_cent_or_less_is_no_number_in_its_cell():
    (row,) = heat([[395, 2, 3]])
    assert [cell.in_percent for cell in row] == ["99", "", "1"]
