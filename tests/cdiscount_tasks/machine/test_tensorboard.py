from types import SimpleNamespace

import pytest

from cdiscount_tasks.machine.tensorboard import _FIGURES, EpochLogs

EPOCH = SimpleNamespace(epoch=1, **dict.fromkeys(_FIGURES, 0.5))


@pytest.mark.training
def test_logs_that_cannot_be_begun_stop_no_training(tmp_path, caplog):
    (tmp_path / "file").touch()
    EpochLogs(tmp_path / "file" / "logs")(EPOCH)
    assert "no more logs for TensorBoard" in caplog.text


@pytest.mark.training
def test_logs_that_can_no_longer_be_written_stop_no_training(tmp_path, caplog):
    logs = EpochLogs(tmp_path / "logs")
    logs(EPOCH)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    logs._writer.flush = full
    logs(EPOCH)
    logs(EPOCH)
    assert caplog.text.count("No space left on device") == 1
