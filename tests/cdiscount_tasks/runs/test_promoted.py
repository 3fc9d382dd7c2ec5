import pytest

from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import promotion, replay
from cdiscount_tasks.runs.promoted import check_champion_stands, promoted_models
from cdiscount_tasks.stages.replay import Replayed
from tests.material.registry_models import environment_in_bucket, judged_as, make_candidate


@pytest.fixture
def champion(tmp_path, bucket, monkeypatch):
    """Return the environments of two machines, the first of which has a champion, the bucket, and the model's path."""
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    url = f"{bucket}/data"
    machines = [environment_in_bucket(tmp_path / name, url) for name in ("here", "there")]
    candidate = make_candidate(machines[0], "one")
    promotion.promote(candidate, judged_as(), expected=None, who="rule", environment=machines[0], reason="first")
    return machines, open_store(url), candidate.model


def test_a_champion_of_which_the_bucket_lost_an_object_is_not_trained_again(champion):
    (here, there), store, model = champion
    assert promoted_models(there) == {there.work_dir / model}
    check_champion_stands("wine", there.work_dir / "samples" / "wine" / "model-0123456789abcdef", there)
    store.remove(found.name for found in store.list() if "model.keras." in found.name)
    with pytest.raises(DataError, match=r"is not trained again, since it would be another model: .* is missing or cut"):
        check_champion_stands("wine", there.work_dir / model, there)
    check_champion_stands("wine", here.work_dir / model, here)
    refresh(here.data_dir)
    check_champion_stands("wine", there.work_dir / model, there)


def test_a_champion_that_was_removed_may_be_made_again(champion):
    (_, there), store, model = champion
    store.remove(found.name for found in store.list() if "/model-" in found.name)
    check_champion_stands("wine", there.work_dir / model, there)
