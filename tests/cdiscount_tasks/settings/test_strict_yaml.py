import math
import os

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.sample import read_sample
from cdiscount_tasks.settings.strict_yaml import read_yaml


@pytest.fixture
def read(tmp_path):
    """Read a text as YAML; returns what it holds."""

    def run(text):
        path = tmp_path / "x.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return read_yaml(path).value

    return run


def refusal(read, text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("-1", -1), ("0", 0),
        ("1e-3", 0.001), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-.inf", -math.inf),
        ("yes", True), ("Off", False), ("~", None), ("", None), ("'011'", "011"), ('"no"', "no"), ("|\n  011", "011\n"),
        ("2024-01-01", "2024-01-01"), ("y", "y"), ("=", "="), ("5#6", "5#6"), ("0 3 * * 1", "0 3 * * 1"),
    ],
)  # fmt: skip
def test_a_value_means_what_yaml_1_2_says_or_an_old_yes_or_no(read, text, value):
    assert repr(read(f"a: {text}\n")["a"]) == repr(value)


@pytest.mark.parametrize(
    "text", ["011", "-007", "08", "1_000", "1_0.5", "0x1F", "0b11", "0o17", "1:30", "190:20:30", "+5", "-0", "9" * 5000]
)
def test_a_number_that_yaml_programs_read_differently_is_refused_with_its_line(read, text):
    assert f"line 2: b is {text[:40]}: " in refusal(read, f"a: 1\nb: {text}\n")
    assert read(f"a: '{text}'\n") == {"a": text}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("on: 1", 'line 1: on: YAML reads on as true; put it in quotes: "on"'),
        ("a: {null: 1}", 'a.null: YAML reads null as nothing; put it in quotes: "null"'),
        ("1: 2", 'YAML reads 1 as a number; put it in quotes: "1"'),
        ("? [a]\n: 1", "the name of a setting is plain text"),
        ("a: 1\nb: 2\na: 3", "line 3: 'a' occurs twice, first in line 1"),
        ("a: {b: 1, b: 2}", "line 1: 'b' occurs twice"),
        ("a: &x 1\nb: &x 2", "line 2: &x is defined twice"),
        ("a: *x", "the alias *x needs its &x above it"),
        ("a: &x [*x]", "line 1: *x is used inside &x itself"),
        ("<<: 5", "`<<` takes the settings of an anchor"),
        ("a: !!str 011", "the tag tag:yaml.org,2002:str is not supported"),
        ("a: !!python/object/apply:os.getcwd []", "is not supported"),
        ("a: 1\n---\nb: 1", "line 2 begins a second document"),
        ("a: [", "is not YAML: line 1: "),
        ("a:\n\tb: 1", "line 2: found character '\\t' that cannot start any token; indent with spaces"),
        ("a: b: c", "put text that holds a colon and a space in quotes"),
        ("a: @daily", "put text that begins with this character in quotes"),
        ('a: "\\UFFFFFFFF"', "an escape in double quotes names no character"),
        ('a: "\\ud800"', "line 1 has text with the invisible character U+D800"),
        ('a: "\\0"', "line 1 has text with the invisible character U+0000"),
        ("a: 1 # x\u2028b: 2", "line 1 has the invisible character U+2028; remove it"),
        ("a: 1\nb: \0", "line 2 has the invisible character U+0000; is the file in UTF-16?"),
        ("a: 1".encode("utf-16"), "it is in UTF-16; save it as UTF-8"),
        (b"a: 1\nb: \xe9\n", "line 2 is not UTF-8; save it as UTF-8"),
        (b"#" * (2**20 + 1), "has 1,048,577 bytes, expected at most 1,048,576"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_in_one_way_alone_is_refused(read, text, words):
    assert words in refusal(read, text)


@pytest.mark.parametrize("deep", ["[" * 100_000, "{a: " * 50_000, "- " * 5_000])
def test_a_yaml_that_nests_without_end_is_refused(read, deep):
    assert "is nested more than 20 levels deep" in refusal(read, f"a:\n  {deep}")


@pytest.mark.parametrize(
    "row",
    [lambda above: f"[{', '.join([f'*{above}'] * 10)}]", lambda above: f"{{x: *{above}, y: *{above}, z: *{above}}}"],
)
def test_aliases_that_multiply_without_end_are_refused(read, row):
    lines = ["a0: &a0 [1]", *(f"a{i}: &a{i} {row(f'a{i - 1}')}" for i in range(1, 30))]
    assert "values once its aliases are written out" in refusal(read, "\n".join(lines))


def test_a_merge_key_takes_what_its_mapping_does_not_set(read):
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 9}\nd: {x: 3, <<: *b}\n"
    assert read(text)["c"] == {"x": 9, "y": 1, "z": 2}
    assert read(text)["d"] == {"x": 3, "y": 2, "z": 2}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_ends_do_no_harm(read, end):
    assert read(f"\ufeffa: 1{end}b: [2, 3]{end}") == {"a": 1, "b": [2, 3]}


def test_a_folder_or_a_dangling_link_in_place_of_a_file_is_told(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="it is a folder, expected a file"):
        read_yaml(tmp_path / "folder.yaml")
    with pytest.raises(ConfigError, match="it is a link to nothing"):
        read_yaml(tmp_path / "link.yaml")


@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
def test_what_is_no_file_of_sane_size_is_refused_unread(tmp_path, kind):
    path = tmp_path / "s.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    with pytest.raises(ConfigError, match="has 1,099,511,627,776 bytes" if kind == "huge" else "it is a device"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            b"name: x\ntitle:Wine\nseed: 1\n",
            "line 2: could not find expected ':'; a setting is written as `name: value`",
        ),
        ("name: x\n".encode("utf-32"), "it is in UTF-32"),
    ],
)
def test_the_blame_is_where_the_fault_is(tmp_path, data, words):
    (tmp_path / "s.yaml").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_yaml(tmp_path / "s.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["? {0}\n: 1\n? {0}\n: 2\n", "a: *{0}\n", "a: !{0} 1\n", "? '{0}'\n: 1\n"])
def test_a_long_name_is_told_in_short(tmp_path, text):
    (tmp_path / "s.yaml").write_text(text.format("k" * 2000))
    with pytest.raises(ConfigError) as caught:
        read_sample(tmp_path / "s.yaml")
    assert "k" * 60 in str(caught.value)
    assert "k" * 120 not in str(caught.value)
