"""The arguments of a call of a library's function."""

from __future__ import annotations

from grader.rules.loops.values import Array, Value, as_array


class Arguments:
    """A call's arguments, by place or by any of the names they go by."""

    def __init__(self, args: list[Value], keywords: dict[str, Value]) -> None:
        self.args = args
        self.keywords = keywords

    def get(self, place: int, *names: str) -> Value | None:
        """The argument at this place, or given under one of the names."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.args[place] if place < len(self.args) else None

    def array(self, place: int = 0) -> Array | None:
        """The argument at this place as an array, if it is one."""
        value = self.get(place)
        made = as_array(value) if value is not None else None
        return made if isinstance(made, Array) else None
