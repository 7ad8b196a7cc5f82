"""Laws of calls into student code: steps, modes, seeds, memory, time, functions from afar."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest
import torch
from torch import nn

from grader.protocol import step_library
from grader.protocol.calls import DirectCalls, answer
from grader.protocol.values import Ask, Callback, Case, Check, CheckSuite, Ref, Step, Tensor
from grader.rules.comparing import failure_text


def tensor(*numbers: float) -> Tensor:
    return Tensor(np.array(numbers, np.float32))


def append(value, cache=None):
    cache = [] if cache is None else [*cache, value]
    return len(cache), cache


def test_a_result_is_its_numbers_whatever_the_order_of_their_bytes() -> None:
    """Read from a file of another machine, numbers are as right as any, here and in a worker."""
    for order in "<>":
        value = answer({"f": lambda to=order: np.array([1, 2]).astype(to + "f8")}, Ask("f")).value
        assert value.dtype == np.float64 and value.tolist() == [1, 2]


def test_a_sparse_result_or_gradient_is_its_numbers() -> None:
    """Embeddings may have sparse gradients: most rows are not used."""

    def rows(table, tokens):
        return nn.functional.embedding(tokens, table, sparse=True)

    table, tokens = Tensor(np.ones((3, 2), np.float32)), Tensor(np.array([2, 0, 2]))
    ask = Ask("rows", (table, tokens), cotangents=(np.ones((3, 2)),), wrt=("0",))
    (gradient,) = answer({"rows": rows}, ask).grads
    assert gradient.tolist() == [[1, 1], [0, 0], [2, 2]]
    value = answer({"f": lambda: torch.eye(2).to_sparse()}, Ask("f")).value
    assert value.data.tolist() == [[1, 0], [0, 1]]


class Text(str):
    """Text as markupsafe has it: what is cut from it is of its own class."""

    def __getitem__(self, key):
        return Text(super().__getitem__(key))


class OfText(Exception):
    def __str__(self):
        return Text("why")


def test_a_message_of_a_subclass_of_text_arrives_as_text() -> None:
    def fail():
        raise OfText

    failure = answer({"f": fail}, Ask("f")).failure
    assert failure is not None and (type(failure.message), failure.message) == (str, "why")


def test_a_step_feeds_the_next_and_the_call() -> None:
    steps = (
        Step("first", "append", (1.0,)),
        Step("second", "append", (2.0, Ref("first", (1,)))),
    )
    ask = Ask("append", (3.0, Ref("second", (1,))), steps=steps)
    assert answer({"append": append}, ask).value == (2, [2.0, 3.0])


def test_a_step_that_is_repeated_goes_on_from_its_own_result() -> None:
    steps = (
        Step("walk", "append", (1.0,)),
        Step("walk", "append", (2.0, Ref("walk", (1,))), times=3),
    )
    ask = Ask("append", (3.0, Ref("walk", (1,))), steps=steps)
    assert answer({"append": append}, ask).value == (4, [2.0, 2.0, 2.0, 3.0])


def test_all_results_of_a_repeated_step_can_be_kept() -> None:
    every = ("lengths", 0)
    steps = (
        Step("walk", "append", (1.0,), every=every),
        Step("walk", "append", (2.0, Ref("walk", (1,))), times=3, every=every),
    )
    after = (Step("all", "@same", (Ref("lengths"),)),)
    ask = Ask("append", (3.0, Ref("walk", (1,))), steps=steps, after=after)
    assert answer({"append": append}, ask).value == ((4, [2.0, 2.0, 2.0, 3.0]), [0, 1, 2, 3])


def doubled(x):
    return x * 2


def doubles(x):
    x *= 2
    return x


@pytest.mark.parametrize("arrays", [np.asarray, lambda numbers: Tensor(np.asarray(numbers))])
def test_a_second_call_is_with_the_same_objects_moved_on(arrays) -> None:
    """So its result tells whether the first call has written into them, whoever looks."""
    one = arrays([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    ask = Ask("f", (one,), watch=True, twice=True)
    moved, twice = [[10, 12], [2, 4], [6, 8]], [[20, 24], [4, 8], [12, 16]]
    for function, due in ((doubled, moved), (doubles, twice)):
        reply = answer({"f": function}, ask)
        again = reply.again.data if isinstance(one, Tensor) else reply.again
        first = reply.value.data if isinstance(one, Tensor) else reply.value
        assert np.array_equal(first, [[2, 4], [6, 8], [10, 12]])
        assert np.array_equal(again, due)


def test_steps_after_the_call_see_its_result() -> None:
    ask = Ask("append", (1.0,), after=(Step("again", "append", (5.0, Ref("result", (1,)))),))
    assert answer({"append": append}, ask).value == ((0, []), (1, [5.0]))


def test_an_optimizer_step_on_a_stock_model_is_seen_in_its_state() -> None:
    def step(model, optimizer, tokens):
        optimizer.zero_grad()
        model(tokens).sum().backward()
        optimizer.step()
        return 1.0

    weights = {"head.bias": np.zeros(3, np.float32)}
    program = (
        Step("model", "@transformer_language_model.Shallow", init=(3, 2), weights=weights),
        Step("optimizer", "@optimizer", ("SGD", Ref("model")), {"lr": 0.5}),
    )
    ask = Ask(
        "step",
        (Ref("model"), Ref("optimizer"), Tensor(np.array([[0, 1]]))),
        steps=program,
        after=(Step("state", "@state", (Ref("model"),)), Step("mode", "@mode", (Ref("model"),))),
    )
    loss, state, mode = answer({"step": step}, ask).value
    assert loss == 1.0 and mode is True
    # the gradient of a sum of two positions' logits by the bias is 2
    assert np.allclose(state["head.bias"].data, [-1.0, -1.0, -1.0])


def test_the_mode_of_a_model_is_that_of_all_its_parts() -> None:
    model = nn.Sequential(nn.Dropout())
    assert step_library.mode(model) is True and step_library.mode(model.eval()) is False
    model.training = True
    assert step_library.mode(model) == "different modes in different parts"


def test_what_is_no_tensor_is_not_counted() -> None:
    said = "what was drawn is a list, expected a tensor"
    assert step_library.tally([0, 1], groups=1, size=2) == said


def test_nested_weights_and_modes() -> None:
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([nn.Linear(2, 1, bias=False), nn.Dropout(1.0)])

        def forward(self, x):
            return self.parts[1](self.parts[0](x))

    weights = {"parts.0.weight": np.array([[2.0, 3.0]], np.float32)}
    for mode, expected in (("eval", 5.0), ("train", 0.0)):
        ask = Ask("Block", (tensor(1, 1),), init=(), weights=weights, mode=mode)
        assert answer({"Block": Block}, ask).value.data == pytest.approx(expected)


class Registered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.gain * x


class OnlyAnAttribute(Registered):
    def __init__(self) -> None:
        super().__init__()
        del self.gain
        self.gain = torch.ones(2)


class Frozen(Registered):
    def __init__(self) -> None:
        super().__init__()
        self.gain.requires_grad_(False)


class InAList(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = [Registered()]

    def forward(self, x):
        return self.parts[0](x)


@pytest.mark.parametrize(
    ("layer", "path", "learns"),
    [
        (Registered, "gain", True),
        (OnlyAnAttribute, "gain", False),
        (Frozen, "gain", False),
        (InAList, "parts.0.gain", False),
    ],
)
def test_a_weight_that_no_optimizer_would_change_is_an_error_that_names_it(
    layer: type[nn.Module], path: str, learns: bool
) -> None:
    assert any(one.requires_grad for one in layer().parameters()) is learns
    ask = Ask("Layer", (tensor(1, 2),), init=(), weights={path: np.array([3, 4], np.float32)})
    reply = answer({"Layer": layer}, ask)
    if learns:
        assert reply.value.data.tolist() == [3, 8]
    else:
        assert reply.failure.message.startswith(path)
        assert failure_text(reply) == reply.failure.message  # the code itself has raised nothing


class Shared(nn.Module):
    """Two layers that share one weight: as one layer, or as two."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.query = nn.Linear(2, 2, bias=False)
        self.key = self.query if layers == 1 else nn.Linear(2, 2, bias=False)
        self.key.weight = self.query.weight

    def forward(self, x):
        return self.query(x) + self.key(x)


@pytest.mark.parametrize("layers", [1, 2])
def test_two_names_of_one_parameter_cannot_have_two_values(layers: int) -> None:
    weights = {f"{name}.weight": np.eye(2, dtype=np.float32) for name in ("query", "key")}
    ask = Ask("Shared", (tensor(1, 2),), init=(layers,), weights=weights)
    said = failure_text(answer({"Shared": Shared}, ask))
    assert said.startswith("query.weight and key.weight are one and the same parameter")


def test_a_weight_of_another_shape_is_no_error_of_the_code() -> None:
    weights = {"gain": np.ones(3, np.float32)}
    ask = Ask("Layer", (tensor(1, 2),), init=(), weights=weights)
    said = failure_text(answer({"Layer": Registered}, ask))
    assert said == "gain has shape (2,), the contract says (3,)"


def test_a_seed_decides_the_call_and_leaves_the_world_alone() -> None:
    draw = {"draw": lambda: torch.rand(3)}
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second = (answer(draw, Ask("draw", seed=5)).value.data for _ in range(2))
    assert np.array_equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told")
def test_more_memory_than_the_question_allows_is_an_error_of_that_question_alone() -> None:
    greedy = {"hoard": lambda n: torch.zeros(n).sum()}
    reply = answer(greedy, Ask("hoard", (500_000_000,), memory=1_000_000_000))
    assert reply.failure is not None and reply.failure.type == "MemoryError"
    assert "1 GB" in reply.failure.message
    assert answer(greedy, Ask("hoard", (1000,), memory=1_000_000_000)).failure is None
    assert answer(greedy, Ask("hoard", (300_000_000,))).failure is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told")
def test_garbage_of_an_earlier_call_gives_a_later_one_no_more_memory() -> None:
    def leave() -> None:
        kept: list = [torch.zeros(100_000_000)]
        kept.append(kept)  # a cycle: it is freed when the collector next runs, and not before

    def hoard() -> torch.Tensor:
        gc.collect()
        return torch.zeros(50_000_000).sum()

    gc.disable()
    try:
        assert answer({"leave": leave}, Ask("leave")).failure is None
        reply = answer({"hoard": hoard}, Ask("hoard", memory=100_000_000))
    finally:
        gc.enable()
    assert reply.failure is not None and reply.failure.type == "MemoryError"


def test_work_is_counted_only_when_asked_for() -> None:
    names = {"product": lambda: torch.ones(2, 3) @ torch.ones(3, 5).clone().view(3, 5)}
    assert answer(names, Ask("product")).work is None
    ones, copy, product, multiply_add = 6 + 15, 15, 10, 2 * 2 * 3 * 5
    work = answer(names, Ask("product", counted="work")).work
    assert work == ones + copy + product + multiply_add


def test_the_work_of_fused_attention_grows_as_the_square_of_the_length() -> None:
    def attention(n: int) -> torch.Tensor:
        rows = torch.ones(1, 1, n, 8)
        return torch.nn.functional.scaled_dot_product_attention(rows, rows, rows)

    few, many = (
        answer({"attention": attention}, Ask("attention", (n,), counted="work")).work or 0
        for n in (100, 1000)
    )
    assert 90 < many / few < 100


def test_a_callback_is_called_and_not_seen() -> None:
    def test(candidate):
        return candidate(2) + 1

    calls = DirectCalls({"test": test}, {"key": lambda x: 10 * x}.__getitem__)
    assert calls.ask([Ask("test", (Callback("key"),))])[0].value == 21
    refused = DirectCalls({"test": test}).ask([Ask("test", (Callback("key"),))])[0]
    assert refused.failure is not None and "cannot be called here" in refused.failure.message


def test_an_unknown_name_in_a_program_is_an_error_that_names_it() -> None:
    reply = answer({"f": lambda: 1}, Ask("f", steps=(Step("x", "missing_name"),)))
    assert reply.failure is not None and "missing_name" in reply.failure.message


def test_a_question_that_checks_share_is_asked_once_and_one_asked_twice_is_asked_twice() -> None:
    first, second = Case("a", Ask("f", (1,))), Case("b", Ask("f", (2,)))
    checks = (Check("x", "", (first, second)), Check("y", "", (second, first, first)))
    asks, places = CheckSuite("f", 1.0, checks).questions()
    assert [ask.args for ask in asks] == [(1,), (2,), (1,)]
    assert places == [0, 1, 1, 0, 2]


def test_what_an_earlier_cell_has_set_changes_no_answer() -> None:
    """For the call numpy's errors and torch's default dtype are those of a fresh notebook."""

    def small():
        return float(np.exp(np.float64(-1e4))), torch.zeros(2)

    old = np.seterr(all="raise")
    torch.set_default_dtype(torch.float64)
    try:
        reply = answer({"small": small}, Ask("small"))
        kept = np.geterr()["under"], torch.get_default_dtype()
    finally:
        np.seterr(**old)
        torch.set_default_dtype(torch.float32)
    assert reply.failure is None
    assert reply.value[0] == 0.0 and reply.value[1].data.dtype == np.float32
    assert kept == ("raise", torch.float64)


def test_torch_s_own_generator_is_in_the_state_asked_for_and_afterwards_as_it_was() -> None:
    calls = DirectCalls({"draw": lambda: torch.rand(3, dtype=torch.float64)})
    before = torch.get_rng_state()
    one, again, other = (calls.ask([Ask("draw", seed=s)])[0].value.data for s in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    own = torch.rand(3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    assert one.tolist() == again.tolist() == own.tolist() != other.tolist()


def test_a_failure_tells_the_last_line_that_the_student_wrote() -> None:
    """Not the library's line in which it ended, and not the one that led there."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("def inner(x):\n    return np.zeros(2) @ x\ndef f(x):\n    return inner(x)")
    shell.user_ns["np"] = np
    failure = DirectCalls(shell.user_ns).ask([Ask("f", (np.zeros(3),))])[0].failure
    assert failure is not None and failure.line == "return np.zeros(2) @ x"


def test_an_error_says_which_line_of_the_students_cell_raised_it(shell) -> None:
    """The last line of a cell in the traceback, also where a library raised further down."""
    text = "import numpy as np\n\n\ndef f(x):\n    y = x\n    return np.linalg.inv(y)"
    assert shell.run_cell(text, store_history=True).success
    reply = answer(shell.user_ns, Ask("f", (np.zeros((2, 2)),)))
    failure = reply.failure
    assert failure is not None and failure.type == "LinAlgError"
    assert (failure.number, failure.line) == (6, "return np.linalg.inv(y)")
    assert failure.base == "ValueError"
    built_in = answer({"f": np.linalg.inv}, Ask("f", (np.zeros((2, 2)),))).failure
    assert built_in is not None and (built_in.number, built_in.line) == (0, "")


def test_a_library_that_comes_with_the_kernel_is_no_cell() -> None:
    names: dict = {}
    file = "/usr/lib/python3/site-packages/ipykernel/iostream.py"
    exec(compile("def f():\n    raise OSError", file, "exec"), names)
    failure = answer(names, Ask("f")).failure
    assert failure is not None and (failure.type, failure.number) == ("OSError", 0)
