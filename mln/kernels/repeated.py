"""A step that is repeated on a device, on CUDA as one graph: the host launches it in one call."""

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 2
"""Steps that are launched one operation after another, before the graph is captured: libraries
are loaded and buffers made in them. Short trainings are not worth a graph."""


class Repeated:
    """Calls step(at) for at = 0, 1, ..., int64 [1] on the device.

    A step must read and write tensors that stay where they are, and copy nothing from the host.
    captured: whether CUDA may replay it as a graph.
    """

    def __init__(
        self, step: Callable[[Tensor], None], device: torch.device, captured: bool = True
    ) -> None:
        self.step = step
        self.at = torch.zeros(1, dtype=torch.int64, device=device)
        self.done = 0
        self.captured = captured and device.type == "cuda"
        self.graph: torch.cuda.CUDAGraph | None = None

    def until(self, end: int) -> None:
        """Repeat the step until it has been done `end` times."""
        while self.done < end:
            if self.captured and self.graph is None and self.done == WARM_UP:
                self.graph = self._capture()
            if self.graph is not None:
                self.graph.replay()
            elif self.captured:
                self._aside()
            else:
                self._once()
            self.done += 1

    def _once(self) -> None:
        self.step(self.at)
        self.at.add_(1)

    def _capture(self) -> torch.cuda.CUDAGraph:
        # As torch.cuda.graph does, without its tidying, which takes longer than a short training.
        graph, aside = torch.cuda.CUDAGraph(), torch.cuda.Stream()
        torch.cuda.synchronize()
        with torch.cuda.stream(aside):
            graph.capture_begin()
            self._once()
            graph.capture_end()
        torch.cuda.current_stream().wait_stream(aside)
        return graph

    def _aside(self) -> None:
        """On a stream of its own, as what is captured afterwards must be warmed up."""
        now, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(now)
        with torch.cuda.stream(aside):
            self._once()
        now.wait_stream(aside)
