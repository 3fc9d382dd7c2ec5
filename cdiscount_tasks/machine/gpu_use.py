"""What the GPUs that this process uses do while it works: how busy they are, and how much of their memory is taken."""

import os
import subprocess
import threading
from types import TracebackType
from typing import IO, NamedTuple, Self

_INTERVAL_MS = 500
_PATIENCE_S = 5.0  # with a child or a thread that does not end: nothing here may hold a training up
_PERCENT = 100.0
_MOST_MIB = 2.0**30  # no card has that much: what says more is no measure


class GpuUse(NamedTuple):
    """What was seen of the GPUs; None: they do not tell.

    Attributes:
        busy_share: In [0, 1], the mean over all samples of all GPUs. A GPU is busy while anything runs on it, however
            few of its cores that takes.
        idle_share: In [0, 1], of the samples at 0 %.
        memory_peak_gib: The most that was taken of one GPU's memory, by whichever process; what a framework reserves is
            taken, too.
        num_samples: Readings of one GPU, at least 1.
    """

    busy_share: float | None
    idle_share: float | None
    memory_peak_gib: float | None
    num_samples: int


def _command() -> list[str] | None:
    """Return what tells of the GPUs that CUDA_VISIBLE_DEVICES shows, again and again; None: it shows none."""
    command = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits",
               f"--loop-ms={_INTERVAL_MS}"]  # fmt: skip
    if (shown := os.environ.get("CUDA_VISIBLE_DEVICES")) is None:
        return command
    named = [name.strip() for name in shown.split(",") if name.strip() not in ("", "-1")]
    return [*command, f"--id={','.join(named)}"] if named else None


def _number(text: str, most: float) -> float | None:
    """Return a number in [0, most]; None: it is something else, such as `[N/A]`."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= most else None


class _Seen:
    """Sums over the samples, not the samples: a training may take days."""

    def __init__(self) -> None:
        self._num_samples = self._num_rates = self._num_idle = 0
        self._sum_percent = 0.0
        self._peak_mib: float | None = None

    def add(self, line: str) -> None:
        """Add a sample, `62, 3172` (per cent, MiB); what is no sample, or was cut off, counts for nothing."""
        parts = line.split(",")
        if len(parts) != 2 or not line.endswith("\n"):
            return
        percent, mib = _number(parts[0], _PERCENT), _number(parts[1], _MOST_MIB)
        self._num_samples += percent is not None or mib is not None
        if percent is not None:
            self._num_rates += 1
            self._num_idle += percent == 0
            self._sum_percent += percent
        if mib is not None:
            self._peak_mib = max(mib, self._peak_mib or 0.0)

    def use(self) -> GpuUse | None:
        if not self._num_samples:
            return None
        num, peak_mib = self._num_rates, self._peak_mib
        return GpuUse(
            busy_share=self._sum_percent / _PERCENT / num if num else None,
            idle_share=self._num_idle / num if num else None,
            memory_peak_gib=None if peak_mib is None else peak_mib / 1024,
            num_samples=self._num_samples,
        )


class GpuWatch:
    """Watches the GPUs while the block under `with` runs; whatever becomes of nvidia-smi, the block runs.

    One nvidia-smi runs meanwhile, and a thread reads what it says. It is ended with the block. Should this process be
    killed, it ends at its next sample: nobody is left to read it.
    """

    def __init__(self) -> None:
        """Prepare to watch; GPUs are claimed before the block begins."""
        self._seen = _Seen()
        self._child: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def use(self) -> GpuUse | None:
        """What was seen; None: nothing, for want of a GPU, of nvidia-smi, or of half a second."""
        return self._seen.use()

    def __enter__(self) -> Self:
        """Begin to watch, where there is something to see."""
        if (command := _command()) is None:
            return self
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                encoding="ascii", errors="replace",
            )  # fmt: skip
        except OSError:
            return self
        self._reader = threading.Thread(target=self._read, args=[self._child.stdout], name="gpu-watch", daemon=True)
        self._reader.start()
        return self

    def _read(self, said: IO[str]) -> None:
        for line in said:
            self._seen.add(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End nvidia-smi; an exception passes."""
        if self._child is None or self._reader is None or self._child.stdout is None:
            return
        for end in (self._child.terminate, self._child.kill):
            end()
            try:
                self._child.wait(_PATIENCE_S)
                break
            except subprocess.TimeoutExpired:  # a driver that hangs keeps even a killed process
                continue
        self._reader.join(_PATIENCE_S)
        if not self._reader.is_alive():  # to close what is being read would wait for the reader
            self._child.stdout.close()
