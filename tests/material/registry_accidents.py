"""Accidents of a registry, each in forked processes: deaths at every line, at random moments, races.

`python -m tests.material.registry_accidents <lines|moments|races|looks> <folder> <number>` prints JSON: what was seen.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from cdiscount_tasks.artifacts import disk_faults, documents, files, in_place, journal, json_files, locks
from cdiscount_tasks.runs import decisions, history, looks, promotion, registry, replay
from cdiscount_tasks.stages.replay import Replayed
from tests.material.registry_models import environment_in, judged_as, make_candidate

WATCHED = {
    module.__file__
    for module in (journal, files, in_place, documents, json_files, locks, disk_faults, history, promotion)
}
DIED, MOVED = 9, 7

replay.replay = lambda *_: Replayed(256, 0.0, 1e-5)


def put(environment, candidate, expected):
    return promotion.promote(candidate, judged_as(), expected=expected, who="rule", environment=environment)


def in_a_fork(act):
    """Run in a forked process; returns its exit status, that of a signal as a negative number."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            act()
            status = 0
        except decisions.ChampionMovedError:
            status = MOVED
        finally:
            os._exit(status)
    return process


def status_of(process):
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def die_at(number):
    """Let this process die right before the given line of the watched modules, counted from 1."""
    left = number

    def in_frame(_frame, event, _argument):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(DIED)
        return in_frame

    sys.settrace(lambda frame, *_: in_frame if frame.f_code.co_filename in WATCHED else None)


def write_in_part(share):
    """Let a line of history be cut: part of it is written, and the process dies."""
    whole = os.write

    def write(descriptor, data):
        whole(descriptor, data[: int(len(data) * share)])
        os._exit(DIED)

    journal.os.write = write


def check(environment, old, new):
    """Check that there is one whole champion and a whole history; returns which champion it is."""
    folder = registry.registry_dir("wine", environment)
    entries = registry.history("wine", environment)
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    found = registry.champion("wine", environment)
    assert found.run_id in (old.run_id, new.run_id), found.run_id
    assert found.decision == decisions.last_promotion(entries).number
    assert history.read_champion_file(folder) == decisions.last_promotion(entries)
    return found


def die_everywhere(root, step):
    """Let a promotion die at every `step`-th line and with its line of history cut; then it is tried again."""
    whole = root / "whole"
    environment = environment_in(whole)
    old, new = (make_candidate(environment, run_id) for run_id in ("old", "new"))
    put(environment, old, None)
    seen, number = Counter(), 1
    cuts = [lambda share=share: write_in_part(share) for share in (0.0, 0.1, 0.5, 0.999)]
    while True:
        accident = cuts.pop() if cuts else lambda number=number: die_at(number)
        copy = root / "copy"
        shutil.copytree(whole, copy)
        there = environment_in(copy)

        def act(there=there, accident=accident):
            accident()
            put(there, new, 1)

        status = status_of(in_a_fork(act))
        assert status in (DIED, 0), status
        seen[check(there, old, new).run_id] += status == DIED
        assert put(there, new, 1).number == 2
        assert len(registry.history("wine", there)) == 2
        assert check(there, old, new).run_id == "new"
        shutil.rmtree(copy)
        if status == 0:
            return seen
        number += 0 if cuts else step


def die_at_moments(root, times):
    """Let a process that promotes without end be killed at random moments."""
    environment = environment_in(root)
    pair = [make_candidate(environment, run_id) for run_id in ("even", "odd")]
    put(environment, pair[0], None)
    rng, seen = random.Random(times), Counter()

    def act():
        while True:
            last = decisions.last_promotion(registry.history("wine", environment))
            put(environment, pair[last.candidate.run_id == "even"], last.number)

    for _ in range(times):
        process = in_a_fork(act)
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(process, signal.SIGKILL)
        assert status_of(process) == -signal.SIGKILL
        seen[check(environment, *pair).run_id] += 1
    seen["lines"] = len(registry.history("wine", environment))
    return seen


def at_once(*acts):
    """Run in forked processes that begin at the same moment; returns their statuses."""
    reader, writer = os.pipe()

    def waiting(act):
        def begin():
            os.close(writer)
            os.read(reader, 1)  # returns when every writing end is closed
            act()

        return begin

    processes = [in_a_fork(waiting(act)) for act in acts]
    os.close(writer)
    os.close(reader)
    return [status_of(process) for process in processes]


def race(root, times):
    """Let two promote at once, both judged against the same champion."""
    seen = Counter()
    for number in range(times):
        environment = environment_in(root / str(number))
        first, *both = (make_candidate(environment, run_id) for run_id in ("first", "one", "two"))
        put(environment, first, None)
        statuses = at_once(*(lambda it=it, there=environment: put(there, it, 1) for it in both))
        assert sorted(statuses) == [0, MOVED], statuses
        winner = both[statuses.index(0)]
        assert check(environment, winner, winner).decision == 2
        assert len(registry.history("wine", environment)) == 2
        seen[winner.run_id] += 1
    return seen


def race_of_looks(root, times):
    """Let three look at once, two of them the same: each challenger has a look of its own number."""
    seen = Counter()
    for number in range(times):
        environment = environment_in(root / str(number))

        def look(challenger, there=environment):
            looks.record_look("wine", challenger, None, "judgement-{}".format, {}, there)

        assert at_once(*(lambda it=it, look=look: look(it) for it in ("a", "b", "a"))) == [0, 0, 0]
        found = registry.history("wine", environment)
        assert [entry.look for entry in found] == [1, 2]
        assert [entry.judgement for entry in found] == ["judgement-1", "judgement-2"]
        seen[found[0].challenger] += 1
    return seen


if __name__ == "__main__":
    what = {"lines": die_everywhere, "moments": die_at_moments, "races": race, "looks": race_of_looks}[sys.argv[1]]
    print(json.dumps(what(Path(sys.argv[2]), int(sys.argv[3]))))
