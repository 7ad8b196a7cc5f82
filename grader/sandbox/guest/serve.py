"""In a worker: run cells and call student code as the judge asks, until the channel closes."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

from grader.protocol import wire
from grader.protocol.calls import DirectCalls
from grader.protocol.channel import Channel, ChannelClosed
from grader.protocol.marshal import from_wire, to_wire
from grader.protocol.values import Failure, Reply
from grader.sandbox.guest.shell import Shell, run_cell
from grader.student import earlier_answers

SPARE = 1 << 20  # bytes of a frame left for the failures that replace replies


def serve(channel: Channel, shell: Shell) -> None:
    """Answer requests in order. An answer is only data: the judge decides what it is worth."""
    while True:
        try:
            request = channel.receive()
        except ChannelClosed:
            return
        _reply(channel, _handle(channel, shell, request))


def _handle(channel: Channel, shell: Shell, request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "cell":
        return run_cell(shell, request["source"])
    if request["op"] == "supply":
        earlier_answers.SUPPLIED.update(request["texts"])
        return {"supplied": True}
    callbacks = functools.partial(_callback, channel)
    # The supervisor bounds its memory: a limit that this process set, it could lift again.
    calls = DirectCalls(shell.user_ns, callbacks, bounds_memory=False)
    return {"replies": calls.ask(request["asks"])}


def _callback(channel: Channel, key: str) -> Callable[..., Any]:
    """Make a function that sends its arguments to the judge and returns what the judge's gives.

    The judge's function must not be here, where student code could read it.
    """

    def function(*args: Any, **kwargs: Any) -> Any:
        sent_args = [to_wire(arg) for arg in args]
        sent_kwargs = {name: to_wire(arg) for name, arg in kwargs.items()}
        channel.send({"remote": key, "args": sent_args, "kwargs": sent_kwargs})
        answer = channel.receive()
        if answer["error"]:
            raise getattr(builtins, answer["type"])(answer["error"])
        for argument, after in zip((*args, *kwargs.values()), answer["after"], strict=True):
            _copy_changes(argument, from_wire(after))
        return from_wire(answer["value"])

    return function


def _reply(channel: Channel, answer: dict[str, Any]) -> None:
    """Send an answer, with a failure in place of each reply that cannot be sent."""
    try:
        frame = wire.dumps(answer)
    except (wire.WireError, RecursionError):
        frame = wire.dumps({"replies": _sendable(answer.get("replies", []))})
    channel.sock.settimeout(None)
    channel.sock.sendall(frame)


def _sendable(replies: list[Reply]) -> list[Reply]:
    """Return the replies, with a failure in place of each that cannot be sent or does not fit."""
    room, kept = wire.MAX_FRAME - SPARE, []
    for reply in replies:
        try:
            size = len(wire.dumps(reply))
        except (wire.WireError, RecursionError) as error:
            kept.append(_unsent(type(error).__name__, str(error)[:200]))
            continue
        if size <= room:
            room -= size
            kept.append(reply)
        else:
            most = wire.MAX_FRAME // 2**20
            kept.append(_unsent("", f"the answers take more than the {most} MB that are read"))
    return kept


def _unsent(kind: str, why: str) -> Reply:
    return Reply(failure=Failure("malformed", kind, why))


def _copy_changes(argument: Any, after: Any) -> None:
    """Write into a tensor what the judge's function wrote into its copy of it."""
    if hasattr(argument, "detach") and not bool((argument.detach() == after).all()):
        argument.detach().copy_(after)
