"""Epochs on JAX: own steps, on pictures that lie on the device where they fit.

Of a batch only row numbers, flips and shifts travel; the device gathers and moves the pictures itself. No step waits
for the figures of the one before, and there is one shape of a batch to compile: the last one of an epoch is filled up
with examples of its first ones, which weigh nothing.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np

from cdiscount_tasks.learning.networks.averaging import Average, floats_of
from cdiscount_tasks.learning.networks.batches import EpochOrder, Examples, Ways, weights_of
from cdiscount_tasks.learning.networks.batches_ahead import BatchesAhead
from cdiscount_tasks.learning.networks.jax_arrays import hold_on_device, put, spread, take_pictures
from cdiscount_tasks.learning.networks.objective import Schedule
from cdiscount_tasks.learning.networks.progress import Pulse
from cdiscount_tasks.learning.networks.state import TrainingState
from cdiscount_tasks.learning.pictures.mixed import Mix, mix_pictures
from cdiscount_tasks.learning.pictures.smaller import scale_down
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.settings.training import TrainingConfig

FIGURES_S = 1.0
"""So often the figures of the running epoch are read, which waits for the steps that are under way."""

_MANY_STEPS = 256
LONG_TRAINING = 10_000
"""From so many steps on a GPU takes many a call. At batches of 64 it waits half of its time for Python to ask for the
next one; but the program of many takes ten seconds longer to compile. On a CPU XLA's convolutions run sixty times
slower in a loop."""


class _State(NamedTuple):
    """The values that a step replaces, in the order of the network's, the optimiser's and the average's variables."""

    trainable: list[Any]
    others: list[Any]
    optimizer: list[Any]
    average: list[Any]
    sums: Any  # float32, [2]: of loss and of right answers, over examples, since the figures were last read


class _Batch(NamedTuple):
    """What a step needs to know of its examples: int32, bool, int32 [.., 2], int32 and float32 by example.

    What is None is left out of the program.
    """

    rows: Any
    mirrored: Any
    shift: Any
    class_index: Any
    weight: Any
    is_real: Any
    mix: Mix | None = None
    rate: Any = None  # float32, by batch: of learning
    average_rate: Any = None  # float32, by batch: which share of the average is new


def _take(resident: Any, batch: _Batch, size: int | None) -> Any:
    if resident.ndim == 4:
        taken = take_pictures(resident, batch.rows, batch.mirrored, batch.shift)
        return taken if size is None else scale_down(taken, size, jnp)
    # Vectors, by side: in half precision until they are taken, as `Vectors.take` does.
    return resident[batch.rows, jnp.minimum(batch.mirrored, resident.shape[1] - 1)].astype(jnp.float32)


@contextmanager
def _rate_given(optimizer: Any, rate: Any) -> Iterator[None]:
    """Let an optimiser learn at a rate that comes with the batch; None: at that of its schedule."""
    if rate is None:
        yield
        return
    optimizer._learning_rate.given = rate
    try:
        yield
    finally:
        optimizer._learning_rate.given = None


def _rates_of(optimizer: Any) -> Callable[[Any], Any] | None:
    """Return what tells the rates of steps; None: the optimiser leaves steps out, and only it knows how many."""
    schedule = getattr(optimizer, "_learning_rate", None)
    return jax.jit(jax.vmap(schedule)) if isinstance(schedule, Schedule) else None


def _target(batch: _Batch) -> Any:
    """Return what the loss compares answers with."""
    if batch.mix is None:
        return batch.class_index
    parts = batch.class_index, batch.class_index[::-1], batch.mix.share
    return jnp.stack([part.astype(jnp.float32) for part in parts], axis=1)


def _make_step(network: keras.Model) -> Callable[[_State, Any, _Batch], _State]:
    """Return one step: what the network sees and a batch of examples -> the next state."""
    optimizer, loss_of = network.optimizer, network.loss
    sharding = spread("batch")

    def objective(trainable: Any, state: _State, seen: Any, batch: _Batch) -> Any:
        found, others = network.stateless_call(trainable, state.others, seen, training=True)
        loss = loss_of(_target(batch), found, sample_weight=batch.weight)
        with keras.StatelessScope(state_mapping=list(zip(optimizer.variables, state.optimizer, strict=True))):
            scaled = optimizer.scale_loss(loss)
        right = jnp.sum((jnp.argmax(found, axis=-1) == batch.class_index) * batch.is_real)
        return scaled, (others, jnp.stack([loss * jnp.sum(batch.is_real), right]).astype(jnp.float32))

    def step(state: _State, seen: Any, batch: _Batch) -> _State:
        if sharding is not None:
            seen = jax.lax.with_sharding_constraint(seen, sharding)
        if batch.mix is not None:
            seen = mix_pictures(seen, seen[::-1], batch.mix, jnp)
        gradients, (others, sums) = jax.grad(objective, has_aux=True)(state.trainable, state, seen, batch)
        with _rate_given(optimizer, batch.rate):
            trainable, slots = optimizer.stateless_apply(state.optimizer, gradients, state.trainable)
        average = state.average
        if average:
            now = floats_of([*trainable, *others])
            average = [mean + batch.average_rate * (one - mean) for mean, one in zip(average, now, strict=True)]
        return _State(trainable, others, slots, average, state.sums + sums)

    return step


def _no_sums() -> Any:
    return put(np.zeros(2, np.float32), None)


def batch_of(epoch: _Batch, number: Any) -> _Batch:
    """Return one batch of an epoch."""
    batch: _Batch = jax.tree.map(lambda part: part[number], epoch)
    return batch


def _brought(parts: _Batch, *axes: str | None) -> _Batch:
    """Bring parts to the devices; `axes` names those that all of them begin with."""
    brought: _Batch = jax.tree.map(lambda part: put(part, *[*axes, None, None][: part.ndim]), parts)
    return brought


class Learner:
    """Learns from epochs step by step."""

    def __init__(
        self, network: keras.Model, average: Average, examples: Examples, config: TrainingConfig, device: Device
    ) -> None:
        """Take a compiled network, the average of its weights, and what it learns from.

        The device's GPUs share out each batch evenly.
        """
        self._network, self._average, self._examples, self._config = network, average, examples, config
        self._resident = hold_on_device(examples.inputs)
        self._weights = weights_of(examples, config)
        self._rates = _rates_of(network.optimizer)
        step = _make_step(network)

        def gather(resident: Any, epoch: _Batch, number: Any, size: int | None) -> tuple[Any, _Batch]:
            batch = batch_of(epoch, number)
            return _take(resident, batch, size), batch

        def steps(state: _State, resident: Any, epoch: _Batch, first: Any, end: Any, size: int | None) -> _State:
            def one(number: Any, state: _State) -> _State:
                return step(state, *gather(resident, epoch, number, size))

            last: _State = jax.lax.fori_loop(first, end, one, state)
            return last

        # One program learns, wherever its pictures come from: where they lie depends on the memory that is free.
        self.step = jax.jit(step, donate_argnums=0, out_shardings=spread())
        self._gather = jax.jit(gather, static_argnames="size")
        self._steps = jax.jit(steps, static_argnames="size", donate_argnums=0, out_shardings=spread())
        num_steps = config.epochs * math.ceil(len(examples) / config.batch_size)
        self._most_steps = _MANY_STEPS if device.is_gpu and num_steps >= LONG_TRAINING else 1
        self._state: _State | None = None
        self._waited_s = self._learnt_s = 0.0

    @property
    def input_wait_share(self) -> float:
        """Return which share of the time of its epochs was spent waiting for batches."""
        return self._waited_s / max(self._learnt_s, 1e-9)

    def learn(self, state: TrainingState, pulse: Pulse) -> None:
        """Learn from the batches of the running epoch, or from those that are left of it."""
        began, first = time.monotonic(), state.step
        number = len(state.history) + 1
        epoch, size = self.deal_out(number), Ways.of(self._config, number).size
        self._state, sums, told = self.take_state(), np.zeros(2), began
        with closing(self._calls(epoch, first, size)) as calls:
            for end, call in calls:
                self._state = call(self._state)
                if end in (first + 1, len(epoch.rows)) or time.monotonic() - told >= FIGURES_S:
                    told = time.monotonic()
                    self._tell(pulse, sums, first, end)
        self.settle()
        self._state = None
        self._learnt_s += time.monotonic() - began

    def _calls(self, epoch: _Batch, first: int, size: int | None) -> Generator[tuple[int, Callable[[_State], _State]]]:
        """Yield calls until an epoch is over: the step that each ends before, and what makes the next state."""
        if self._resident is not None:
            yield from self._calls_on_device(_brought(epoch, None, "batch"), first, len(epoch.rows), size)
        else:
            yield from self._calls_with_batches(epoch, first, size)

    def _calls_on_device(
        self, epoch: _Batch, first: int, end: int, size: int | None
    ) -> Generator[tuple[int, Callable[[_State], _State]]]:
        """Yield calls of one step, or of twice as many as the one before: the first figures come soon."""
        num_steps = 1
        while first < end:
            num_steps = min(num_steps, end - first)
            if self._most_steps == 1:
                seen, batch = self._gather(self._resident, epoch, first, size=size)
                yield first + 1, partial(self.step, seen=seen, batch=batch)
            else:
                more = {"epoch": epoch, "first": first, "end": first + num_steps, "size": size}
                yield first + num_steps, partial(self._steps, resident=self._resident, **more)
            first += num_steps
            num_steps = min(2 * num_steps, self._most_steps)

    def _calls_with_batches(
        self, epoch: _Batch, first: int, size: int | None
    ) -> Generator[tuple[int, Callable[[_State], _State]]]:
        """Yield calls of one step, each with a batch that is brought to the device."""
        inputs = self._examples.inputs
        inputs.expect(list(epoch.rows[first:]))

        def make(number: int) -> tuple[np.ndarray, _Batch]:
            batch = batch_of(epoch, number)
            taken = inputs.take(batch.rows, batch.mirrored, batch.shift)
            return taken if size is None else scale_down(taken, size, np), batch

        ahead = BatchesAhead(make, first, len(epoch.rows))
        try:
            for number in range(first, len(epoch.rows)):
                seen, batch = ahead.next()
                seen = put(seen, "batch", *[None] * (seen.ndim - 1))
                yield number + 1, partial(self.step, seen=seen, batch=_brought(batch, "batch"))
        finally:
            ahead.end()
            self._waited_s += ahead.waited_s

    def _tell(self, pulse: Pulse, sums: np.ndarray, first: int, end: int) -> None:
        """Read the figures of the steps from `first` on, and tell them."""
        assert self._state is not None
        sums += np.asarray(self._state.sums, np.float64)
        self._state = self._state._replace(sums=_no_sums())
        size = self._config.batch_size
        num_real = min(end * size, len(self._examples)) - first * size
        loss, accuracy = (sums / num_real).tolist()
        pulse.count(end - first, loss, accuracy)

    def deal_out(self, number: int) -> _Batch:
        """Return the batches of an epoch, each part [num_steps, batch_size, ...]; the last one is filled up."""
        examples, size = self._examples, self._config.batch_size
        ways = Ways.of(self._config, number)
        order = EpochOrder.of(examples.class_index, examples.inputs.max_shift, self._config.seed, number, ways)
        num_steps = math.ceil(len(examples) / size)
        rows = np.resize(order.rows, num_steps * size)
        is_real = np.arange(num_steps * size) < len(examples)
        shown = order.shown[rows]
        weight = self._weights[shown] * is_real
        num_last = len(examples) - (num_steps - 1) * size
        weight[-size:] *= size / num_last  # the loss is divided by the batch size
        parts = _Batch(
            rows=shown.astype(np.int32),
            mirrored=order.mirrored[rows],
            shift=order.shift[rows].astype(np.int32),
            class_index=examples.class_index[shown].astype(np.int32),
            weight=weight.astype(np.float32),
            is_real=is_real,
            mix=order.mix and Mix(*(part[rows] for part in order.mix)),
        )
        batches: _Batch = jax.tree.map(lambda part: part.reshape(num_steps, size, *part.shape[1:]), parts)
        steps = (number - 1) * num_steps, number * num_steps
        if self._rates is not None:
            batches = batches._replace(rate=np.asarray(self._rates(np.arange(*steps, dtype=np.int32))))
        return batches._replace(average_rate=self._average.rates(*steps)) if self._average.variables else batches

    def settle(self) -> None:
        """Give the network and its optimiser the values that were learnt."""
        if self._state is not None:
            for variables, values in zip(self._variables(), self._state[:4], strict=True):
                for variable, value in zip(variables, values, strict=True):
                    variable.assign(value)
            self._state = self.take_state()

    def _variables(self) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        network, average = self._network, self._average.variables
        return network.trainable_variables, network.non_trainable_variables, network.optimizer.variables, average

    def take_state(self) -> _State:
        """Return the values that the network and its optimiser have now; a step that is given them uses them up."""
        trainable, others, slots, average = ([one.value for one in variables] for variables in self._variables())
        return _State(trainable, others, slots, average, _no_sums())
