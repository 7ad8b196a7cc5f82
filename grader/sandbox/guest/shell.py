"""The IPython shell that runs student cells, and the record of their outputs."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

from grader.protocol.marshal import plain_text

# Bounds for one cell, so that no output can fill the judge's memory or the page.
MAX_TEXT = 200_000  # characters
MAX_IMAGES = 4_000_000  # characters, in base64
MAX_OUTPUTS = 200


class Record:
    """A cell's outputs as notebook dicts, within bounds; a note says if some were dropped."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.room = {"text": MAX_TEXT, "image": MAX_IMAGES}
        self.full = False

    def stream(self, name: str, text: str) -> None:
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") == "stream" and last.get("name") == name:
            last["text"] += self._fit(text, "text")
        else:
            self._add({"output_type": "stream", "name": name, "text": self._fit(text, "text")})

    def bundle(self, kind: str, data: dict[str, Any]) -> None:
        kept = {}
        for mime, value in data.items():
            if isinstance(mime, str) and isinstance(value, str):
                text = plain_text(value)
                room = "image" if mime.startswith("image/") or "data:image" in text else "text"
                if len(text) <= self.room[room]:
                    self.room[room] -= len(text)
                    kept[plain_text(mime)] = text
                else:
                    self.full = True
        self._add({"output_type": kind, "data": kept})

    def error(self, name: str, message: str, lines: list[str]) -> None:
        text = [self._fit(line, "text") for line in lines[:100]]
        said = {"ename": plain_text(name)[:200], "evalue": plain_text(message)[:2000]}
        self._add({"output_type": "error", **said, "traceback": text}, always=True)

    def finish(self) -> list[dict[str, Any]]:
        if self.full:
            note = "\n(the rest of the output was dropped)\n"
            self.outputs.append({"output_type": "stream", "name": "stderr", "text": note})
        return self.outputs

    def _add(self, output: dict[str, Any], always: bool = False) -> None:
        if len(self.outputs) < MAX_OUTPUTS or always:
            self.outputs.append(output)
        else:
            self.full = True

    def _fit(self, text: str, room: str) -> str:
        text = plain_text(text)
        if len(text) > self.room[room]:
            self.full = True
            text = text[: self.room[room]]
        self.room[room] -= len(text)
        return text


RECORD = Record()


class _Stream(io.TextIOBase):
    """sys.stdout or sys.stderr that writes into the record."""

    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        RECORD.stream(self.name, str(text))
        return len(text)


class _Publisher(DisplayPublisher):
    def publish(self, data: Any, metadata: Any = None, *_: Any, **__: Any) -> None:
        RECORD.bundle("display_data", dict(data))

    def clear_output(self, wait: bool = False) -> None:
        RECORD.start()


class _Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        return

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        RECORD.bundle("execute_result", dict(format_dict))

    def finish_displayhook(self) -> None:
        return


class Shell(InteractiveShell):
    """An InteractiveShell without a terminal, a kernel, or a history."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def enable_gui(self, gui: Any = None) -> None:
        return

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        lines = stb if isinstance(stb, list) else [str(stb)]
        RECORD.error(getattr(etype, "__name__", "Error"), str(evalue), [str(s) for s in lines])


def make_shell() -> Shell:
    """Make a shell that is ready to be forked."""
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Plain"
    shell = Shell.instance(config=config)
    shell.system = _system  # type: ignore[method-assign]
    return shell


def _system(command: str) -> None:
    """Run ``!command``; what it writes becomes output of the cell, since there is no terminal."""
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, errors="replace", check=False
    )
    RECORD.stream("stdout", done.stdout)
    RECORD.stream("stderr", done.stderr)


def run_cell(shell: Shell, source: str) -> dict[str, Any]:
    """Run one cell; return its outputs and, if it raised, the exception's type."""
    RECORD.start()
    sys.stdout, sys.stderr = _Stream("stdout"), _Stream("stderr")
    error = ""
    try:
        result = shell.run_cell(source, store_history=True, silent=False)
        raised = result.error_before_exec or result.error_in_exec
        error = type(raised).__name__ if raised is not None else ""
    except BaseException as escaped:  # IPython lets some through; the worker must survive them
        error = type(escaped).__name__
        RECORD.error(error, str(escaped), [])
    return {"outputs": RECORD.finish(), "error": error[:200]}
