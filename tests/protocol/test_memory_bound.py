"""A bound of memory counts what tensors hold at a time, whatever the heap looks like."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from grader.course.layout import ROOT
from grader.protocol.calls import DirectCalls
from grader.protocol.counters import MemoryBound
from grader.protocol.values import Ask, Ref, Step

KILO = 8 * 1000  # bytes of a thousand numbers in float64


def thousand() -> torch.Tensor:
    return torch.ones(1000, dtype=torch.float64)


def test_views_share_and_what_is_freed_counts_no_more() -> None:
    with MemoryBound(10 * KILO) as bound:
        one = thousand()
        part = one[10:].view(-1)
        assert bound.held == KILO
        other = one * 2
        del one
        assert bound.held == 2 * KILO
        del part, other
        assert bound.held == 0


def test_what_autograd_keeps_for_the_way_back_counts_until_then() -> None:
    with MemoryBound(10 * KILO) as bound:
        power = thousand().requires_grad_().exp()
        total = power.sum()
        del power
        assert bound.held > 2 * KILO
        total.backward()
        del total
        assert bound.held <= KILO


def test_many_in_turn_are_right_and_as_many_at_once_are_too_much() -> None:
    def in_turn(count):
        return sum(float(thousand().sum()) for _ in range(count))

    def at_once(count):
        return sum(float(one.sum()) for one in [thousand() for _ in range(count)])

    calls = DirectCalls({"in_turn": in_turn, "at_once": at_once}, lambda name: None)
    bound = 500 * KILO
    asks = [Ask(name, (1000,), memory=bound) for name in ("in_turn", "at_once")]
    right, wrong = calls.ask(asks)
    assert right.value == 1_000_000.0 and right.failure is None
    assert wrong.failure is not None and wrong.failure.type == "MemoryError"
    assert wrong.failure.message == "it takes more than 0.004 GB of memory"


def test_holes_in_the_heap_make_no_room() -> None:
    """What was freed may stay with the process, and the limit of address space misses that."""
    block = 500_000  # 4 MB
    pins = []

    def leaves_holes():
        torch.ones(3_500_000, dtype=torch.float64)  # once freed, smaller ones come from the heap
        held = [torch.ones(block, dtype=torch.float64) for _ in range(20)]
        pins.append(torch.ones(100, dtype=torch.float64))  # above them
        return len(held)

    def holds():
        return len([torch.ones(block, dtype=torch.float64) for _ in range(4)])

    calls = DirectCalls({"leaves_holes": leaves_holes, "holds": holds}, lambda name: None)
    before, bounded = calls.ask([Ask("leaves_holes"), Ask("holds", memory=12_000_000)])
    assert before.value == 20
    assert bounded.failure is not None and bounded.failure.type == "MemoryError"


def test_steps_before_the_call_count_too() -> None:
    namespace = {"make": thousand, "use": lambda given: float(given.sum())}
    step = Step("given", "make")
    ask = Ask("use", (Ref("given"),), steps=(step,), memory=KILO // 2)
    (reply,) = DirectCalls(namespace, lambda name: None).ask([ask])
    assert reply.failure is not None and reply.failure.type == "MemoryError"


def test_sparse_tensors_may_be_made() -> None:
    with MemoryBound(10 * KILO) as bound:
        places = torch.arange(1000).expand(2, -1)
        table = torch.sparse_coo_tensor(places, thousand(), (1000, 1000))
        assert float(torch.sparse.mm(table, thousand()[:, None]).sum()) == 1000.0
        assert bound.held < 4 * KILO


SMALL_OF_EACH_BLOCK = """
import torch

from grader.protocol.calls import DirectCalls
from grader.protocol.values import Ask

torch.set_num_threads(1)
torch.empty(3_000_000)  # once freed, smaller ones come from the heap


def blocks(count):
    kept = []
    for _ in range(count):
        scores = torch.ones(16, 1024, dtype=torch.float64)
        scaled = scores * 2
        del scores
        kept.append(scaled.amax(-1))
        del scaled
    return float(torch.stack(kept).sum())


(reply,) = DirectCalls({"blocks": blocks}).ask([Ask("blocks", (3000,), memory=250_000_000)])
print(reply.value, reply.failure)
"""


@pytest.mark.slow
def test_holes_in_the_heap_cost_no_room() -> None:
    """Of each block something small is kept; all blocks together would be too large.

    In a process of its own: what this one's heap has held decides where tensors go.
    """
    command = [sys.executable, "-c", SMALL_OF_EACH_BLOCK]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split("\n")[0] == "96000.0 None", done.stdout + done.stderr
