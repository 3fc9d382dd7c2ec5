from dataclasses import replace

import numpy as np
import pytest

from cdiscount_tasks.learning.measuring import calibration
from cdiscount_tasks.learning.measuring.asked_in_blocks import AskedProducts, Kept, ask_in_blocks
from cdiscount_tasks.learning.measuring.calibration import choose_calibration, tempered
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.measuring.metrics import squared_errors

MANY = 300
TOP = 10


class Answers:
    """Stands for a network: random probabilities of images, told some at a time."""

    def __init__(self, asked, num_classes, at_once):
        random = np.random.default_rng(0)
        true = np.repeat(asked.true, asked.num_images)
        odds = random.standard_exponential((len(true), num_classes)) ** 4
        odds[np.arange(len(true)), true] += random.exponential(40, len(true))
        self.of_images = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        self.asked, self.at_once = [], at_once

    def __call__(self, places):
        for first in range(0, len(places), self.at_once):
            some = places[first : first + self.at_once]
            self.asked.extend(some.tolist())
            yield self.of_images[some]


def draw_products(num_classes, num_products=120):
    random = np.random.default_rng(1)
    return AskedProducts(
        true=random.integers(0, num_classes, num_products),
        group_id=np.arange(num_products) // 2,
        on_validation=random.random(num_products // 2).repeat(2) < 0.6,
        num_images=random.integers(1, 5, num_products),
    )


def ask(num_classes, at_once=7, asked=None):
    asked = asked or draw_products(num_classes)
    answers = Answers(asked, num_classes, at_once)
    return ask_in_blocks(answers, asked, num_classes, TOP if num_classes == MANY else None), asked, answers


def arrays(said):
    parts = {"image": said.images, "product": said.products, "certainty": said.certainty}
    found = {f"{kind} {name}": value for kind, part in parts.items() for name, value in vars(part).items()}
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("num_classes", [4, MANY])
@pytest.mark.parametrize("drawn_cells", [10**6, 40 * MANY])
def test_blocks_of_three_images_say_what_one_block_says_to_the_last_bit(monkeypatch, num_classes, drawn_cells):
    monkeypatch.setattr(calibration, "_MOST_CELLS", drawn_cells)
    whole, in_blocks = ask(num_classes, 10**6)[0], ask(num_classes, 3)[0]
    assert in_blocks.calibration == whole.calibration
    found, expected = arrays(in_blocks), arrays(whole)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("num_classes", [4, MANY])
def test_what_is_kept_is_that_of_all_probabilities_at_once(num_classes):
    said, asked, answers = ask(num_classes)
    of_products = joint_probabilities(answers.of_images, np.repeat(np.arange(120), asked.num_images))
    validation = asked.on_validation
    chosen = choose_calibration(of_products[validation], asked.true[validation], asked.group_id[validation])
    assert said.calibration == chosen
    assert np.array_equal(said.products.predicted, of_products.argmax(axis=1))
    assert np.array_equal(said.products.probability_of_label, of_products[np.arange(120), asked.true])
    assert np.array_equal(said.certainty.squared_error, squared_errors(of_products, asked.true).astype(np.float32))
    confidence, in_label = tempered(of_products, asked.true, chosen["temperature"])
    assert np.array_equal(said.certainty.confidence, confidence)
    assert np.array_equal(said.certainty.confidence_in_label, in_label)
    assert np.array_equal(said.images.predicted, answers.of_images.argmax(axis=1))


def test_few_classes_are_asked_about_in_the_order_of_the_images():
    _, asked, answers = ask(4)
    assert answers.asked == list(range(asked.num_images.sum()))


def test_of_many_classes_each_image_is_asked_about_once_and_the_draw_comes_first(monkeypatch):
    monkeypatch.setattr(calibration, "_MOST_CELLS", 40 * MANY)
    said, asked, answers = ask(MANY)
    assert sorted(answers.asked) == list(range(asked.num_images.sum()))
    assert said.calibration["num_temperature_products"] == 40
    first = np.repeat(np.arange(120), asked.num_images)[answers.asked]
    assert asked.on_validation[first[: np.flatnonzero(np.diff(first) < 0)[0]]].all()


def test_a_temperature_of_a_draw_is_chosen_on_the_draw_and_thresholds_on_all_of_validation(monkeypatch):
    monkeypatch.setattr(calibration, "_MOST_CELLS", 40 * MANY)
    said, asked, answers = ask(MANY)
    of_products = joint_probabilities(answers.of_images, np.repeat(np.arange(120), asked.num_images))
    validation = np.flatnonzero(asked.on_validation)
    drawn = validation[calibration.draw_for_temperature(asked.group_id[validation], MANY)]
    temperature = calibration.choose_temperature(of_products[drawn], asked.true[drawn])
    assert (said.calibration["temperature"], said.calibration["temperature_note"]) == temperature
    confidence, _ = tempered(of_products, asked.true, temperature[0])
    assert np.array_equal(said.certainty.confidence, confidence)
    assert said.calibration["num_validation_products"] == len(validation)


@pytest.mark.parametrize("num_classes", [4, MANY])
def test_test_products_have_no_part_in_what_is_chosen(num_classes):
    asked = draw_products(num_classes)
    chosen = ask(num_classes, asked=asked)[0].calibration
    other = np.where(asked.on_validation, asked.true, (asked.true + 1) % num_classes)
    answers = Answers(asked, num_classes, 7)
    top = None if num_classes == 4 else TOP
    assert ask_in_blocks(answers, replace(asked, true=other), num_classes, top).calibration == chosen
    other = np.where(asked.on_validation, (asked.true + 1) % num_classes, asked.true)
    assert ask_in_blocks(answers, replace(asked, true=other), num_classes, top).calibration != chosen


def test_of_many_classes_the_ten_most_probable_are_kept():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(MANY), 5).astype(np.float32)
    true = np.array([0, 1, 2, 3, 299])
    kept = Kept(true, MANY, TOP)
    kept.put(np.arange(5), probabilities)
    assert kept.top_classes.tolist() == np.argsort(-probabilities, axis=1)[:, :10].tolist()
    assert np.array_equal(kept.probabilities, np.take_along_axis(probabilities, kept.top_classes.astype(int), axis=1))
    assert np.array_equal(kept.predicted, kept.top_classes[:, 0])
    assert np.array_equal(kept.probability_of_label, probabilities[np.arange(5), true])


@pytest.mark.parametrize("on_validation", [False, True])
def test_a_split_without_a_product_is_no_error(on_validation):
    asked = replace(draw_products(MANY), on_validation=np.full(120, on_validation))
    said = ask(MANY, asked=asked)[0]
    assert said.calibration["num_validation_products"] == 120 * on_validation
