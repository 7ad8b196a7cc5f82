"""Inside the walls: run cells, answer questions, until the judge hangs up."""

from __future__ import annotations

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


def serve(channel: Channel, shell: Shell) -> None:
    """Answer requests in order. Each answer is data; what it is worth is decided elsewhere."""
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
    callbacks = functools.partial(_far_away, channel)
    return {"replies": DirectCalls(shell.user_ns, callbacks).ask(request["asks"])}


def _far_away(channel: Channel, key: str) -> Callable[..., Any]:
    """A function that the judge runs: arguments out, result back, nothing of it here."""

    def function(*args: Any, **kwargs: Any) -> Any:
        sent = [to_wire(arg) for arg in args], {name: to_wire(arg) for name, arg in kwargs.items()}
        channel.send({"remote": key, "args": sent[0], "kwargs": sent[1]})
        answer = channel.receive()
        if answer["error"]:
            raise ValueError(answer["error"])
        for mine, theirs in zip(args, answer["after"], strict=True):
            _as_after(mine, from_wire(theirs))
        return from_wire(answer["value"])

    return function


def _reply(channel: Channel, answer: dict[str, Any]) -> None:
    try:
        frame = wire.dumps(answer)
    except (wire.WireError, RecursionError):
        replies = answer.get("replies", [])
        answer = {"replies": [_small(reply) for reply in replies]}
        frame = wire.dumps(answer)
    channel.sock.settimeout(None)
    channel.sock.sendall(frame)


def _small(reply: Reply) -> Reply:
    """The reply if it travels, or the fact that it does not."""
    try:
        wire.dumps(reply)
    except (wire.WireError, RecursionError) as error:
        return Reply(failure=Failure("malformed", type(error).__name__, str(error)[:200]))
    return reply


def _as_after(mine: Any, theirs: Any) -> None:
    """What the call wrote into an argument there is written into it here."""
    if hasattr(mine, "detach") and not bool((mine.detach() == theirs).all()):
        mine.detach().copy_(theirs)
