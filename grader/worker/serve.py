"""Inside the walls: run cells, answer questions, until the judge hangs up."""

from __future__ import annotations

from typing import Any

from grader.channel import Channel, ChannelClosed
from grader.core import wire
from grader.core.values import Failure, Reply
from grader.seam import DirectSeam
from grader.worker.shell import Shell, run_cell


def serve(channel: Channel, shell: Shell) -> None:
    """Answer requests in order. Each answer is data; what it is worth is decided elsewhere."""
    while True:
        try:
            request = channel.receive()
        except ChannelClosed:
            return
        _reply(channel, _handle(shell, request))


def _handle(shell: Shell, request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "cell":
        return run_cell(shell, request["source"])
    return {"replies": DirectSeam(shell.user_ns).ask(request["asks"])}


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
