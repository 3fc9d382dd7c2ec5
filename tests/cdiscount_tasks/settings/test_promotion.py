import pytest
import yaml
from pydantic import ValidationError

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.promotion import PromotionConfig
from cdiscount_tasks.settings.sample import read_sample
from tests.material.colours_sample import SETTINGS


def load(tmp_path, promotion):
    path = tmp_path / "colours.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, "promotion": promotion}))
    return read_sample(path)


def test_without_a_word_evidence_promotes_and_nobody_is_asked():
    config = PromotionConfig()
    assert (config.promote_when, config.approval, config.approvers) == ("better", "none", ())
    assert config.gates.no_class_falls
    assert all(value is None for name, value in config.gates if name != "no_class_falls")


def test_a_sample_says_what_promotes(tmp_path):
    found = load(
        tmp_path,
        {
            "promote_when": "not_worse", "approval": "required", "approvers": ["ann", "bob"], "approval_hours": 24,
            "gates": {"least_macro_f1": 0.6, "no_class_falls": False, "least_speed": 0.5},
        },
    ).promotion  # fmt: skip
    assert (found.promote_when, found.approvers, found.approval_hours) == ("not_worse", ("ann", "bob"), 24)
    assert (found.gates.least_macro_f1, found.gates.no_class_falls, found.gates.least_speed) == (0.6, False, 0.5)


@pytest.mark.parametrize(("promotion", "words"), [
    ({"promote_when": "always"}, "promote_when"),
    ({"approval": "maybe"}, "approval"),
    ({"approvers": ["ann"]}, "names approvers, but approval is none"),
    ({"approval": "required", "approvers": "ann"}, "approvers"),
    ({"approval": "required", "approvers": [""]}, "approvers"),
    ({"approval": "required", "approval_hours": 0}, "approval_hours"),
    ({"approval": "required", "approval_hours": 9000}, "approval_hours"),
    ({"gates": {"least_macro_f1": 1.5}}, "least_macro_f1"),
    ({"gates": {"least_speed": 0}}, "least_speed"),
    ({"gates": {"fastest": 1}}, "fastest"),
    ({"gate": {}}, "gate"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_its_name(tmp_path, promotion, words):
    with pytest.raises(ConfigError, match=words) as told:
        load(tmp_path, promotion)
    assert "colours.yaml" in str(told.value)


def test_it_is_frozen():
    with pytest.raises(ValidationError):
        PromotionConfig().approval = "required"
