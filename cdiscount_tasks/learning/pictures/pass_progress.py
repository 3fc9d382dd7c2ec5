"""How far a network's pass over pictures is, in the log."""

import logging
import time

logger = logging.getLogger(__name__)

PROGRESS_S = 60.0


class PassProgress:
    """Logs every minute how many pictures were looked at, how quickly, and how long the rest takes."""

    def __init__(self, num_pictures: int) -> None:
        """Begin to count; `num_pictures` are to be looked at."""
        self._total, self._done = num_pictures, 0
        self._began = self._logged = time.monotonic()

    def add(self, num_pictures: int) -> None:
        """Count pictures that were looked at."""
        self._done += num_pictures
        now = time.monotonic()
        if now - self._logged < PROGRESS_S:
            return
        self._logged = now
        rate = self._done / (now - self._began)
        numbers = (f"{number:,.0f}" for number in (self._done, self._total, rate, (self._total - self._done) / rate))
        logger.info("%s of %s pictures, %s pictures/s, %s s left", *numbers)
