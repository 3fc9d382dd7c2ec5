"""What a signal does while a tool is still importing: nothing has been started yet that would have to be ended."""

import os
import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded_signals() -> list[signal.Signals]:
    """Return the signals that end a tool: under `nohup` the end of the terminal is not one of them."""
    return [number for number in STOP_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


def end_at_once() -> None:
    """Let a signal end the program with a sentence, until `command.exit_status` takes over."""

    def end(number: int, _: FrameType | None) -> None:
        os.write(2, b"\nstopped: nothing had been started\n")
        os._exit(128 + number)

    for number in heeded_signals():
        signal.signal(number, end)
