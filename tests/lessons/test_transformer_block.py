"""Laws of lesson 6: against torch's own layers, by what a block leaves alone, and of its rules."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.course.sources import stub_source
from grader.protocol.calls import DirectCalls
from grader.protocol.values import Verdict
from grader.rules.evaluate import evaluate
from grader.rules.rule import Finding, rule_named
from solutions.multi_head_attention.checks import layer_reference
from solutions.transformer_block import (
    FeedForward,
    TransformerBlock,
    block_gradients,
    failing_vectors,
    gelu,
    gradient_by_depth,
    layer_norm,
    repaired_layer_norm,
)
from solutions.transformer_block.checks import (
    BLOCK,
    EXERCISES,
    FEED,
    block_reference,
    feed_reference,
    gelu_reference,
    gradients_reference,
    norm_reference,
)

GENERATOR = torch.Generator().manual_seed(6)
HIDDEN = -math.inf
SPECS = {exercise.id: exercise for exercise in EXERCISES}


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def trained(layer: nn.Module) -> nn.Module:
    """The layer in float64 with no weight at its initial value."""
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw(*parameter.shape) / math.sqrt(parameter.shape[-1]))
    return layer


def library_block(block: TransformerBlock) -> nn.TransformerEncoderLayer:
    """torch's pre-norm layer with the weights of ours."""
    attention, feed, d = block.attention, block.feed_forward, block.norm1.weight.shape[0]
    other = nn.TransformerEncoderLayer(
        d,
        attention.num_heads,
        feed.up.out_features,
        block.dropout.p,
        F.gelu,
        batch_first=True,
        norm_first=True,
    ).double()
    pairs = {
        other.self_attn.out_proj.weight: attention.W_output.weight,
        other.linear1.weight: feed.up.weight,
        other.linear1.bias: feed.up.bias,
        other.linear2.weight: feed.down.weight,
        other.linear2.bias: feed.down.bias,
        other.norm1.weight: block.norm1.weight,
        other.norm1.bias: block.norm1.bias,
        other.norm2.weight: block.norm2.weight,
        other.norm2.bias: block.norm2.bias,
    }
    stacked = [attention.W_query.weight, attention.W_key.weight, attention.W_value.weight]
    with torch.no_grad():
        other.self_attn.in_proj_weight.copy_(torch.cat(stacked))
        other.self_attn.in_proj_bias.zero_()
        other.self_attn.out_proj.bias.zero_()
        for theirs, ours in pairs.items():
            theirs.copy_(ours)
    return other


@pytest.mark.parametrize("heads", [1, 2, 6])
@pytest.mark.parametrize("masked", [False, True])
def test_the_block_is_torchs_pre_norm_layer_with_the_same_weights(heads: int, masked: bool) -> None:
    block = trained(TransformerBlock(12, heads, 20))
    library, x = library_block(block), draw(3, 5, 12)
    causal = torch.full((5, 5), HIDDEN, dtype=torch.float64).triu(1) if masked else None
    ours, theirs = block(x, causal), library(x, causal)
    torch.testing.assert_close(ours, theirs)
    cotangent = draw(3, 5, 12)
    grads = torch.autograd.grad((ours * cotangent).sum(), block.feed_forward.up.weight)
    others = torch.autograd.grad((theirs * cotangent).sum(), library.linear1.weight)
    torch.testing.assert_close(grads, others)


def test_it_is_not_torchs_post_norm_layer() -> None:
    block = trained(TransformerBlock(12, 2, 20))
    library, x = library_block(block), draw(3, 5, 12)
    library.norm_first = False
    assert not torch.allclose(block(x), library(x), atol=0.1)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_in_evaluation_dropout_leaves_torchs_layer_and_ours_equal(p: float) -> None:
    block = trained(TransformerBlock(8, 2, 12, p))
    x = draw(2, 3, 8)
    torch.testing.assert_close(block.eval()(x), library_block(block).eval()(x))
    assert not torch.equal(block.train()(x), block.eval()(x))


def test_the_specifications_references_are_torchs_layers_too() -> None:
    """The loops that answers are judged by agree with code that nobody here wrote."""
    block = trained(TransformerBlock(8, 2, 12))
    x, mask = draw(2, 5, 8), torch.full((5, 5), HIDDEN, dtype=torch.float64).triu(1)
    weights = {path: block.get_parameter(path).detach().numpy() for path in BLOCK}
    close = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(
        block_reference(2, weights, x.numpy(), mask.numpy()),
        library_block(block)(x, mask).detach().numpy(),
        **close,
    )
    gain, bias = draw(8), draw(8)
    np.testing.assert_allclose(
        norm_reference(x.numpy(), gain.numpy(), bias.numpy(), 0.1),
        F.layer_norm(x, (8,), gain, bias, 0.1).numpy(),
        **close,
    )
    np.testing.assert_allclose(gelu_reference(x.numpy()), F.gelu(x).numpy(), **close)
    feed = {k.removeprefix("feed_forward."): w for k, w in weights.items() if "feed" in k}
    np.testing.assert_allclose(
        feed_reference(feed, x.numpy()), block.feed_forward(x).detach().numpy(), **close
    )


# --- the parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [layer_norm, repaired_layer_norm])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (2, 3, 4), (2, 1, 3, 8)])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_layer_norm_is_torchs(norm, shape: tuple[int, ...], eps: float) -> None:
    x, gain, bias = draw(*shape), draw(shape[-1]), draw(shape[-1])
    torch.testing.assert_close(
        norm(x, gain, bias, eps), F.layer_norm(x, shape[-1:], gain, bias, eps)
    )
    torch.testing.assert_close(norm(x, gain, bias), F.layer_norm(x, shape[-1:], gain, bias))


def test_layer_norm_forgets_where_a_vector_was_and_how_long() -> None:
    x, one, zero = draw(4, 9), torch.ones(9).double(), torch.zeros(9).double()
    moved = layer_norm(1000 * x - 300, one, zero, eps=0.0)
    torch.testing.assert_close(moved, layer_norm(x, one, zero, eps=0.0))
    torch.testing.assert_close(layer_norm(-x, one, zero), -layer_norm(x, one, zero))


def test_layer_norm_normalizes_what_it_has_normalized_to_the_same() -> None:
    x, one, zero = draw(4, 9), torch.ones(9).double(), torch.zeros(9).double()
    once = layer_norm(x, one, zero, eps=0.0)
    torch.testing.assert_close(layer_norm(once, one, zero, eps=0.0), once)


def test_the_gradient_through_layer_norm_changes_neither_mean_nor_length() -> None:
    """Moving along 1 or along x changes nothing, so the gradient is perpendicular to both."""
    x = draw(5, 8).requires_grad_()
    y = layer_norm(x, draw(8), draw(8), eps=0.0)
    (grad,) = torch.autograd.grad((y * draw(5, 8)).sum(), x)
    centered = x - x.mean(-1, keepdim=True)
    torch.testing.assert_close(grad.sum(-1), torch.zeros(5).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(
        (grad * centered).sum(-1), torch.zeros(5).double(), atol=1e-12, rtol=0
    )


def test_float32_keeps_its_digits_when_the_mean_is_a_thousand_times_the_spread() -> None:
    x = (1000 + draw(50, 16)).float()
    one, zero = torch.ones(16), torch.zeros(16)
    exact = F.layer_norm(x.double(), (16,))
    assert (layer_norm(x, one, zero) - exact).abs().max() < 2e-3
    variance = x.square().mean(-1, keepdim=True) - x.mean(-1, keepdim=True).square()
    naive = (x - x.mean(-1, keepdim=True)) / (variance.clamp(min=0) + 1e-5).sqrt()
    assert (naive - exact).abs().max() > 2e-2


def test_gelu_is_torchs_and_not_its_approximation() -> None:
    x = torch.linspace(-6, 6, 201, dtype=torch.float64)
    torch.testing.assert_close(gelu(x), F.gelu(x))
    gap = (gelu(x) - F.gelu(x, approximate="tanh")).abs().max()
    assert 1e-4 < gap < 1e-3


def test_gelu_of_x_and_of_minus_x_differ_by_x() -> None:
    x = draw(100)
    torch.testing.assert_close(gelu(x) - gelu(-x), x)


def test_gelu_is_the_average_of_a_random_gate() -> None:
    """x times the share of standard normal numbers below x, within 5 sigma of a count."""
    seen = draw(40_000)
    for x in (-1.5, -0.5, 0.5, 2.0):
        share = (seen < x).double().mean().item()
        exact = gelu(torch.tensor(x, dtype=torch.float64)).item() / x
        assert abs(share - exact) < 5 * math.sqrt(exact * (1 - exact) / 40_000)


def test_positions_do_not_meet_in_the_feed_forward_network() -> None:
    network, x = trained(FeedForward(6, 10)), draw(2, 5, 6)
    whole = network(x)
    for t in range(5):
        torch.testing.assert_close(network(x[:, t]), whole[:, t])


# --- the block ----------------------------------------------------------------------------------


def test_with_both_sub_layers_silent_the_block_hands_the_stream_on() -> None:
    block, x = trained(TransformerBlock(8, 2, 12)), 100 * draw(2, 4, 8)
    with torch.no_grad():
        block.attention.W_output.weight.zero_()
        block.feed_forward.down.weight.zero_()
        block.feed_forward.down.bias.zero_()
    assert torch.equal(block(x), x)


def test_what_a_block_adds_does_not_depend_on_the_size_of_the_stream() -> None:
    """Layer norm hears the direction only: a stream a million times as large gets as much added."""
    block, x = trained(TransformerBlock(8, 2, 12)), draw(2, 4, 8)
    with torch.no_grad():
        block.feed_forward.down.weight.zero_()
        block.feed_forward.down.bias.zero_()
    small, large = block(1e3 * x) - 1e3 * x, block(1e6 * x) - 1e6 * x
    torch.testing.assert_close(small, large, rtol=1e-5, atol=1e-8)


def test_a_changed_future_changes_nothing_under_a_causal_mask() -> None:
    block, x = trained(TransformerBlock(8, 4, 12)), draw(2, 6, 8)
    causal = torch.full((6, 6), HIDDEN).triu(1)
    before = block(x, causal)
    for t in range(6):
        changed = x.clone()
        changed[:, t] += 100 * draw(8)
        after = block(changed, causal)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])


def test_without_a_mask_the_order_of_positions_means_nothing() -> None:
    block, x = trained(TransformerBlock(8, 2, 12)), draw(2, 5, 8)
    order = torch.randperm(5, generator=GENERATOR)
    torch.testing.assert_close(block(x[:, order]), block(x)[:, order])


def test_dropout_leaves_the_average_as_it_is() -> None:
    """A sub-layer's output, averaged over many draws, within 5 sigma of its mean."""
    block, x = trained(TransformerBlock(4, 2, 6, 0.25)), draw(1, 3, 4)
    with torch.no_grad():
        block.feed_forward.down.weight.zero_()
        block.feed_forward.down.bias.zero_()
        branch = block.eval()(x) - x
        torch.manual_seed(0)
        many = torch.stack([block.train()(x) - x for _ in range(2000)])
    sigma = branch.abs() * math.sqrt(0.25 / 0.75 / 2000)
    assert ((many.mean(0) - branch).abs() <= 5 * sigma + 1e-12).all()


# --- the gradients of a stack -------------------------------------------------------------------


def stack(
    count: int = 3,
) -> tuple[list[TransformerBlock], nn.LayerNorm, torch.Tensor, torch.Tensor]:
    """Blocks, a layer norm for the end, input and target."""
    blocks = [trained(TransformerBlock(8, 2, 12)) for _ in range(count)]
    return blocks, trained(nn.LayerNorm(8)), draw(2, 4, 8), draw(2, 4, 8)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_a_blocks_gradient_is_that_of_torchs_layer(pre_norm: bool) -> None:
    """torch's layer has biases that ours has not: they are 0, and their gradients left out."""
    blocks, final, x, target = stack()
    layers = [library_block(block) for block in blocks]
    out = x
    for layer in layers:
        layer.norm_first = pre_norm
        out = layer(out)
    F.mse_loss(final(out), target).backward()
    expected = []
    for layer in layers:
        left_out = (layer.self_attn.in_proj_bias, layer.self_attn.out_proj.bias)
        grads = [p.grad for p in layer.parameters() if all(p is not one for one in left_out)]
        expected.append(torch.cat([g.flatten() for g in grads if g is not None]).norm().item())
    final.zero_grad()
    found = block_gradients(blocks, final, x, target, pre_norm)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_the_gradients_worked_out_by_hand_are_slopes_of_the_loops(pre_norm: bool) -> None:
    """What answers are judged by, against central differences of loops over every number."""
    blocks, final, x, target = stack(2)
    weights = [{k: b.get_parameter(k).detach().numpy().copy() for k in BLOCK} for b in blocks]
    end = {f"final.{k}": v.detach().numpy() for k, v in final.named_parameters()}

    def loss() -> float:
        out = x.numpy()
        for own in weights:
            if pre_norm:
                out = block_reference(2, own, out)
                continue
            inside = {k.removeprefix("attention."): w for k, w in own.items()}
            out = out + layer_reference(2, inside, out, None, None)[0]
            out = norm_reference(out, own["norm1.weight"], own["norm1.bias"])
            feed = {k: own[f"feed_forward.{k}"] for k in FEED}
            out = norm_reference(
                out + feed_reference(feed, out), own["norm2.weight"], own["norm2.bias"]
            )
        out = norm_reference(out, end["final.weight"], end["final.bias"])
        return float(((out - target.numpy()) ** 2).mean())

    found = gradients_reference(weights, end, 2, x.numpy(), target.numpy(), pre_norm)
    for own, grads in zip(weights, found, strict=True):
        assert set(grads) == set(BLOCK)
        for name, array in own.items():
            place = tuple(int(torch.randint(n, (), generator=GENERATOR)) for n in array.shape)
            old = array[place]
            array[place] = old + 1e-5
            above = loss()
            array[place] = old - 1e-5
            below = loss()
            array[place] = old
            slope = (above - below) / 2e-5
            assert grads[name][place] == pytest.approx(slope, rel=1e-5, abs=1e-9), name


def test_measuring_leaves_every_grad_as_it_was_and_counts_none_of_it() -> None:
    blocks, final, x, target = stack()
    fresh = block_gradients(blocks, final, x, target, True)
    parameters = [p for layer in (*blocks, final) for p in layer.parameters()]
    assert all(p.grad is None for p in parameters)
    for p in parameters[::2]:
        p.grad = torch.full_like(p, 7.0)
    assert block_gradients(blocks, final, x, target, True) == fresh
    for place, p in enumerate(parameters):
        held = p.grad
        assert held is None if place % 2 else held is not None and bool((held == 7.0).all())


def test_a_frozen_block_adds_nothing_and_changes_nothing_for_the_others() -> None:
    blocks, final, x, target = stack()
    before = block_gradients(blocks, final, x, target, False)
    blocks[1].requires_grad_(False)
    after = block_gradients(blocks, final, x, target, False)
    assert after == [before[0], 0.0, before[2]]


def test_where_the_target_is_reached_there_is_no_gradient() -> None:
    blocks, final, x, _ = stack()
    with torch.no_grad():
        reached = final(blocks[2](blocks[1](blocks[0](x))))
    assert block_gradients(blocks, final, x, reached, True) == pytest.approx([0.0] * 3, abs=1e-12)


def test_twice_the_error_has_twice_the_gradient() -> None:
    blocks, final, x, target = stack()
    with torch.no_grad():
        reached = final(blocks[2](blocks[1](blocks[0](x))))
    once = block_gradients(blocks, final, x, target, True)
    twice = block_gradients(blocks, final, x, reached + 2 * (target - reached), True)
    assert twice == pytest.approx([2 * norm for norm in once], rel=1e-9)


# --- gradients by depth -------------------------------------------------------------------------


def test_the_last_gradient_falls_like_one_over_the_root_of_depth_in_pre_norm_alone() -> None:
    """Xiong et al. 2020, theorem 1: twelve times the depth, √12 times less, within a third."""
    for pre_norm, predicted in ((True, 1 / math.sqrt(12)), (False, 1.0)):
        shallow, deep = (gradient_by_depth(depth, pre_norm)[-1] for depth in (2, 24))
        assert predicted / 1.5 < deep / shallow < predicted * 1.5


def test_measuring_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    gradient_by_depth(2, True)
    assert torch.equal(torch.rand(3), expected)


# --- the rules ----------------------------------------------------------------------------------


def judged(exercise: str, answer: object, seed: bytes = b"rules") -> Verdict:
    suite = SPECS[exercise].suite(seed)
    replies = DirectCalls({exercise: answer}).ask(p.ask for p in suite.cases)
    return evaluate(suite, replies, dict)


def said(verdict: Verdict) -> dict[str, str]:
    return {check.name: check.message for check in verdict.checks if not check.passed}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda depth, pre_norm: tuple([0.3] * depth), "a tuple of"),
        (lambda depth, pre_norm: [0.3] * (depth + 1), "the list has 2 items, expected 1"),
        (lambda depth, pre_norm: [1] * depth, "item 0 of the list is the int 1"),
        (lambda depth, pre_norm: [math.nan] * depth, "item 0 of the list is nan"),
        (lambda depth, pre_norm: [0.0] * depth, "item 0 of the list is 0, expected a positive"),
    ],
)
def test_what_is_no_list_of_positive_floats_is_named(answer, text: str) -> None:
    verdict = judged("gradient_by_depth", answer)
    assert verdict.score == 0
    assert text in said(verdict)["one number for each block"]


def test_numbers_made_up_without_the_effect_earn_nothing() -> None:
    verdict = judged("gradient_by_depth", lambda depth, pre_norm: [0.3] * depth)
    assert verdict.score == 0
    assert "1.00 times as much, expected at most 0.65 times" in "".join(said(verdict).values())


@pytest.mark.parametrize("seed", [bytes([i]) for i in range(20)])
def test_another_generator_drops_other_entries_and_passes(seed: bytes) -> None:
    class OwnDraws(TransformerBlock):
        def __init__(self, *sizes: float) -> None:
            super().__init__(*sizes)  # type: ignore[arg-type]
            self.dropout = ByHand(self.dropout.p)

    class ByHand(nn.Dropout):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not self.training:
                return x
            kept = torch.rand(x.shape).flip(-1) >= self.p
            return kept * x / max(1 - self.p, 1e-30)

    assert judged("TransformerBlock", OwnDraws, seed).passed


def test_a_dropout_that_drops_too_rarely_is_counted_out() -> None:
    class Rarely(TransformerBlock):
        def __init__(self, *sizes: float) -> None:
            super().__init__(*sizes)  # type: ignore[arg-type]
            p = self.dropout.p
            if 0 < p < 1:
                self.dropout = nn.Sequential(Scale((1 - p / 2) / (1 - p)), nn.Dropout(p / 2))

    class Scale(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor if self.training else x

    text = said(judged("TransformerBlock", Rarely))
    assert list(text) == ["dropout in training mode"]
    assert "entries are dropped" in text["dropout in training mode"]


def test_the_same_entries_every_time_are_noticed() -> None:
    class Fixed(TransformerBlock):
        def forward(self, x, mask=None):
            torch.manual_seed(3)
            return super().forward(x, mask)

    text = said(judged("TransformerBlock", Fixed))
    assert list(text) == ["dropout in training mode"]
    assert "the same entries are dropped" in text["dropout in training mode"]


def test_what_is_handed_out_to_be_mended_earns_nothing_as_it_is() -> None:
    names = {"torch": torch}
    exec(stub_source("transformer_block", "repaired_layer_norm"), names)
    assert judged("repaired_layer_norm", names["repaired_layer_norm"]).score == 0


def test_a_gate_that_is_drawn_is_named_and_other_chance_is_not() -> None:
    """Only answers that hold nothing but zeros and numbers of x are a gate."""
    rule = rule_named("transformer_block.undrawn")
    check = next(c for c in SPECS["gelu"].suite(b"gate").checks if c.name == "nothing random")

    def found(answer) -> object:
        return rule(check, DirectCalls({"gelu": answer}).ask(case.ask for case in check.cases))

    def gate(x):
        return torch.where(torch.rand(x.shape) < 0.5, x, torch.zeros_like(x))

    drawn = found(gate)
    assert isinstance(drawn, Finding) and drawn.names == "gate_of_a_coin"
    noisy = found(lambda x: F.gelu(x) + torch.randn(x.shape))
    assert isinstance(noisy, Finding) and noisy.names == ""
    doubled = found(lambda x: 2 * gate(x))  # dropout, not a gate
    assert isinstance(doubled, Finding) and doubled.names == ""
    assert found(F.gelu) is None
    assert found(F.relu) is None  # zeros and numbers of x as well, and nothing is drawn


def test_a_trace_is_seen_whatever_the_numbers_are() -> None:
    def wrong_without_a_trace(blocks, final, x, target, pre_norm):
        return [1.0] * len(blocks)

    def right_with_a_trace(blocks, final, x, target, pre_norm):
        final.weight.grad = torch.zeros_like(x[0, 0])
        return block_gradients(blocks, final, x, target, pre_norm)

    suite = SPECS["block_gradients"].suite(b"trace")
    for answer, failed in ((wrong_without_a_trace, False), (right_with_a_trace, True)):
        names = {"TransformerBlock": TransformerBlock, "block_gradients": answer}
        verdict = evaluate(suite, DirectCalls(names).ask(c.ask for c in suite.cases), dict)
        trace = next(check for check in verdict.checks if check.name == "no trace is left")
        assert trace.passed is not failed, trace
        if failed:
            assert "the gradients of final (weight) are not what they were" in trace.message


def test_failing_vectors_tell_which_fault_a_layer_norm_has() -> None:
    """PyTorch's own functions have each fault by itself; allclose is the test that notices."""

    def divides_by_less(x):
        return (x - x.mean()) / (x.var(correction=1) + 1e-5).sqrt()

    def eps_outside(x):
        return (x - x.mean()) / (x.std(correction=0) + 1e-5)

    first, second = failing_vectors()
    for vector, noticed, unnoticed in (
        (first, divides_by_less, eps_outside),
        (second, eps_outside, divides_by_less),
    ):
        right = F.layer_norm(vector, vector.shape)
        assert not torch.allclose(noticed(vector), right, rtol=0.25, atol=0.0)
        assert torch.allclose(unnoticed(vector), right, rtol=0.01, atol=0.0)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (),
        (None, None),
        [[], []],
        (torch.tensor(1.0), torch.tensor(1.0)),
        (torch.zeros(0), torch.zeros(0)),
        (torch.tensor([1, 0]), torch.tensor([1, 0])),
        (torch.tensor([math.nan, 0.0]), torch.tensor([math.inf, 0.0])),
        (torch.full((3,), 0.1), torch.full((3,), 0.1)),
        (torch.full((7,), 1e30), torch.full((7,), 3.3)),
        (torch.tensor([1.0, 0.0], dtype=torch.float64) * 1e300,) * 2,
        {"first": torch.tensor([1.0, 0.0]), "second": torch.tensor([1e-5, 0.0])},
    ],
    ids=repr,
)
def test_what_shows_no_fault_earns_nothing(answer) -> None:
    verdict = judged("failing_vectors", lambda: answer)
    second = verdict.checks[1]
    assert not second.passed, second
    assert "expected" in second.message or "inf or nan" in second.message, second
