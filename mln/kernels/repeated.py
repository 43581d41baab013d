"""A step that is repeated on a device, on CUDA as one graph: the host launches it in one call."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import torch
from torch import Tensor

from mln.kernels.recorder import Recorder
from mln.losses.state import TrainingState

WARM_UP = 2
"""Steps that are launched one operation after another, before the graph is captured: libraries
are loaded and buffers made in them. Short trainings are not worth a graph."""


class GraphMemory:
    """What the graphs of one rollout's chunks share on CUDA: a stream and a pool of memory.

    With their own each chunk would keep another training step's memory until the rollout ends.
    captured: whether steps are worth a graph; False after the first that could not be captured.
    launched, replayed: steps so far that were done operation by operation, and as a graph.
    """

    def __init__(self, device: torch.device, captured: bool = True) -> None:
        self.captured = captured and device.type == "cuda"
        self.launched = self.replayed = 0
        self.aside: torch.cuda.Stream | None = None
        if self.captured:
            self.aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = torch.cuda.graph_pool_handle() if self.captured else None
        # A pool lives as long as one of its graphs.
        self.newest: torch.cuda.CUDAGraph | None = None


class Repeated:
    """Calls step(at) for at = 0, 1, ..., int64 [1] on the device.

    A step must read and write tensors that stay where they are, and copy nothing from the host.
    One that cannot be captured is launched operation by operation.
    """

    def __init__(
        self, step: Callable[[Tensor], None], device: torch.device, memory: GraphMemory
    ) -> None:
        self.step, self.memory = step, memory
        self.at = torch.zeros(1, dtype=torch.int64, device=device)
        self.done = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def until(self, end: int) -> None:
        """Repeat the step until it has been done `end` times."""
        while self.done < end:
            if self.memory.captured and self.graph is None and self.done == WARM_UP:
                self._try_to_capture()
            if self.graph is not None:
                self.graph.replay()
                self.memory.replayed += 1
            else:
                (self._aside if self.memory.captured else self._once)()
                self.memory.launched += 1
            self.done += 1

    def _once(self) -> None:
        self.step(self.at)
        self.at.add_(1)

    def _try_to_capture(self) -> None:
        try:
            self.graph = self._capture()
        except RuntimeError as error:  # out of memory is one too
            self.memory.captured = False
            logging.getLogger("mln").warning(
                "training without a CUDA graph: %s", str(error).splitlines()[0]
            )

    def _capture(self) -> torch.cuda.CUDAGraph:
        # As torch.cuda.graph does, without its tidying, which takes longer than a short training.
        graph, aside = torch.cuda.CUDAGraph(), self.memory.aside
        assert aside is not None
        torch.cuda.synchronize()
        with torch.cuda.stream(aside):
            graph.capture_begin(pool=self.memory.pool)
            try:
                self._once()
            except BaseException:
                # A stream that still captured would fail everything after it.
                with suppress(RuntimeError):
                    graph.capture_end()
                raise
            graph.capture_end()
        torch.cuda.current_stream().wait_stream(aside)
        self.memory.newest = graph
        return graph

    def _aside(self) -> None:
        """On a stream of its own, as what is captured afterwards must be warmed up."""
        now, aside = torch.cuda.current_stream(), self.memory.aside
        assert aside is not None
        aside.wait_stream(now)
        with torch.cuda.stream(aside):
            self._once()
        now.wait_stream(aside)


class OnDevice(Protocol):
    """A chunk of members in training; state: of their loss, None where it has none."""

    state: TrainingState | None

    def evaluate(self, step: int, recorder: Recorder) -> None:
        """Record the scores after a step."""


def train_on_device(
    chunk: OnDevice,
    step: Callable[[Tensor], None],
    recorder: Recorder,
    device: torch.device,
    graphs: GraphMemory,
) -> None:
    """Train a chunk by steps as `Repeated` does them, and evaluate it at the recorder's points.

    The state that the loss observes in a step may be made anew: it is kept where it stands, since
    a graph reads and writes it there.
    """
    state = chunk.state
    memory = None if state is None else state.memory.clone()

    def in_place(at: Tensor) -> None:
        if state is None or memory is None:
            step(at)
            return
        state.memory = memory
        step(at)
        memory.copy_(state.memory)

    steps = Repeated(in_place, device, graphs)
    for point in recorder.stops():
        steps.until(point)
        if point in recorder.points:
            chunk.evaluate(point, recorder)
