"""What goes wrong in lesson 1."""

from __future__ import annotations

from grader.course.versions import misconception


@misconception(
    "reversed_copy", "in_place", "reverses the caller's own list", "The argument has changed."
)
def reversed_in_place(items):
    items.reverse()
    return items


@misconception(
    "reversed_copy",
    "returns_none",
    "returns what list.reverse returns",
    "`list.reverse` works in place and returns None.",
)
def reversed_none(items):
    return list(items).reverse()


@misconception(
    "reversed_copy", "sorts", "sorts instead of reversing", "Items keep no order of their own."
)
def reversed_sorted(items):
    return sorted(items, key=repr, reverse=True)


@misconception("reversed_copy", "drops_first", "stops one item early", "The first item is missing.")
def reversed_short(items):
    return [items[i] for i in range(len(items) - 1, 0, -1)]


@misconception(
    "reversed_copy", "drops_repeats", "keeps one of each", "An item that occurs twice is lost."
)
def reversed_unique(items):
    out = []
    for item in items[::-1]:
        if item not in out:
            out.append(item)
    return out
