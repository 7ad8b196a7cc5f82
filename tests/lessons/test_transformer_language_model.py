"""Laws of lesson 8, against torch's own layers and by counting, and of its rules."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from grader import data_file
from grader.course.exercises import exercises, find
from grader.course.specification import Draw
from grader.protocol import step_library
from grader.protocol.calls import DirectCalls
from grader.protocol.values import CheckResult, Verdict
from grader.rules.evaluate import evaluate
from grader.rules.rule import Finding
from solutions.mle_language_modeling import bigram_mle
from solutions.transformer_language_model import (
    TransformerLM,
    attend_with_cache,
    generate,
    get_batch,
    learning_rate,
    next_logits,
    sample_next,
    train_language_model,
    train_step,
)
from solutions.transformer_language_model.checks import (
    best_loss,
    causal_rows,
    chances_of,
    echo,
    goes_straight,
    model_reference,
    model_shapes,
    model_weights,
    windows_of,
)
from solutions.transformer_language_model.public.rules import (
    NEVER,
    mean_nll,
    one_optimizer,
    surprise,
)
from tests.bench.longer_run import lesson


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_model(layers: int = 2, dropout: float = 0.0) -> TransformerLM:
    """A float64 model none of whose weights is what it is before training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        model = TransformerLM(7, 12, 3, layers, 6, d_ff=20, dropout=dropout).double()
    generator = seeded()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator).double())
    return model


def some_tokens(rows: int, length: int, vocab: int = 7) -> torch.Tensor:
    return torch.randint(vocab, (rows, length), generator=seeded())


def library_model(model: TransformerLM) -> nn.TransformerEncoder:
    """torch's encoder of pre-norm layers with exact GELU, with the weights of ours."""
    made = nn.TransformerEncoderLayer(
        12, 3, 20, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    library = nn.TransformerEncoder(made, len(model.blocks), enable_nested_tensor=False)
    for theirs, ours in zip(library.layers, model.blocks, strict=True):
        own = ours.attention
        parts = [own.W_query.weight, own.W_key.weight, own.W_value.weight]
        with torch.no_grad():
            theirs.self_attn.in_proj_weight.copy_(torch.cat(parts))
            theirs.self_attn.in_proj_bias.zero_()
            theirs.self_attn.out_proj.weight.copy_(own.W_output.weight)
            theirs.self_attn.out_proj.bias.zero_()
            pairs = [
                (theirs.linear1, ours.feed_forward.up),
                (theirs.linear2, ours.feed_forward.down),
                (theirs.norm1, ours.norm1),
                (theirs.norm2, ours.norm2),
            ]
            for one, other in pairs:
                one.load_state_dict(other.state_dict())
    return library


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_between_embedding_and_head_stands_torchs_own_encoder(layers: int) -> None:
    model, tokens = small_model(layers), some_tokens(4, 5)
    x = model.token_embedding(tokens) + model.position_embedding(torch.arange(5))
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    expected = model.head(model.norm(library_model(model)(x, mask=mask)))
    torch.testing.assert_close(model(tokens), expected)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_judges_own_model_is_torchs_too(layers: int) -> None:
    model, tokens = small_model(layers), some_tokens(4, 5)
    weights = {name: value.numpy() for name, value in step_library.state(model).items()}
    mine = model_reference(3, weights, tokens.numpy())
    x = model.token_embedding(tokens) + model.position_embedding(torch.arange(5))
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    expected = model.head(model.norm(library_model(model)(x, mask=mask)))
    np.testing.assert_allclose(mine, expected.detach().numpy(), rtol=1e-9, atol=1e-10)


def test_each_position_predicts_from_its_past_alone() -> None:
    model, tokens = small_model(), some_tokens(2, 6)
    before = model(tokens)
    for t in range(6):
        changed = tokens.clone()
        changed[:, t] = (changed[:, t] + 1) % 7
        after = model(changed)
        torch.testing.assert_close(after[:, :t], before[:, :t], rtol=0, atol=0)
        assert not torch.allclose(after[:, t:], before[:, t:])


def test_the_probabilities_of_all_texts_of_one_length_sum_to_one() -> None:
    """The chain rule, for a model that cannot see the future."""
    model = small_model()
    texts = torch.cartesian_prod(*[torch.arange(7)] * 3)
    start = torch.zeros(len(texts), 1, dtype=torch.long)
    log_probs = model(torch.cat([start, texts[:, :-1]], dim=1)).log_softmax(-1)
    chosen = log_probs.gather(-1, texts[..., None]).sum(dim=(1, 2))
    assert chosen.exp().sum().item() == pytest.approx(1.0, abs=1e-12)


def test_a_prefix_gets_the_logits_that_it_has_in_the_whole() -> None:
    model, tokens = small_model(), some_tokens(3, 6)
    whole = model(tokens)
    for length in range(1, 7):
        torch.testing.assert_close(model(tokens[:, :length]), whole[:, :length])


def test_every_start_comes_as_often_as_every_other() -> None:
    x, y = get_batch(torch.arange(12), 9000, 3, seeded())
    assert torch.equal(y, x + 1)
    counts = torch.bincount(x[:, 0], minlength=9)
    assert len(counts) == 9  # 0 … 8: the last snippet's y ends with the last token
    spread = math.sqrt(9000 / 9 * 8 / 9)
    assert ((counts - 1000).abs() < 6 * spread).all()


def test_a_step_lowers_the_loss_on_its_own_batch() -> None:
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = some_tokens(5, 4), some_tokens(5, 4).flip(0)
    losses = [train_step(model, optimizer, x, y) for _ in range(30)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(
        F.cross_entropy(small_model()(x).transpose(1, 2), y).item(), rel=1e-12
    )


def test_greedy_writing_is_the_teacher_forced_argmax() -> None:
    model, prompt = small_model(), some_tokens(4, 2)
    text = generate(model, prompt, 4, temperature=0)
    assert torch.equal(model(text[:, :-1])[:, 1:].argmax(-1), text[:, 2:])


def test_writing_past_the_block_goes_on_from_its_last_tokens() -> None:
    model, prompt = small_model(), some_tokens(2, 4)
    text = generate(model, prompt, 9, temperature=0)
    for end in range(6, 13):
        assert torch.equal(model(text[:, end - 6 : end])[:, -1].argmax(-1), text[:, end])


def test_writing_uses_no_dropout_and_leaves_it_on() -> None:
    model = small_model(dropout=0.9)
    one, two = (generate(model, some_tokens(3, 2), 6, temperature=0) for _ in range(2))
    assert torch.equal(one, two)
    assert model.training
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.7}])
def test_a_sampler_draws_what_the_reference_says(options: dict) -> None:
    logits = torch.tensor([[0.2, 1.7, -0.4, 0.9, 0.0], [2.0, -1.0, 0.5, 0.1, 1.2]])
    drawn = sample_next(logits.repeat(20_000, 1), generator=seeded(), **options)
    for row in range(2):
        chances = np.array(chances_of(logits[row].double().tolist(), **options))
        counts = torch.bincount(drawn[row::2], minlength=5).numpy()
        spread = np.sqrt(20_000 * chances * (1 - chances))
        assert (np.abs(counts - 20_000 * chances) <= 6 * spread).all()


def test_the_references_nucleus_is_the_smallest_set_with_that_mass() -> None:
    """Against all subsets of the vocabulary."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        logits, mass = rng.normal(size=5), rng.uniform(0.1, 0.95)
        shares = np.exp(logits) / np.exp(logits).sum()
        sets = [[t for t in range(5) if code >> t & 1] for code in range(1, 32)]
        enough = [one for one in sets if shares[one].sum() >= mass]
        fewest = min(len(one) for one in enough)
        best = max((o for o in enough if len(o) == fewest), key=lambda o: shares[o].sum())
        chances = np.array(chances_of(logits.tolist(), top_p=mass))
        assert np.flatnonzero(chances).tolist() == best
        np.testing.assert_allclose(chances[best], shares[best] / shares[best].sum())


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_cached_steps_are_the_rows_of_torchs_causal_attention(batch: tuple[int, ...]) -> None:
    parts = [
        torch.randn(*batch, 8, width, dtype=torch.float64, generator=seeded())
        for width in (3, 3, 5)
    ]
    expected = F.scaled_dot_product_attention(*parts, is_causal=True)
    cache, rows = None, []
    for step in zip(*(part.split(1, dim=-2) for part in parts), strict=True):
        row, cache = attend_with_cache(*step, cache)
        rows.append(row)
    torch.testing.assert_close(torch.cat(rows, dim=-2), expected)


def test_the_reference_rows_of_a_long_walk_are_those_of_causal_attention() -> None:
    parts = [torch.randn(60, 4, dtype=torch.float64, generator=seeded()) for _ in range(3)]
    parts[0] *= 9
    expected = F.scaled_dot_product_attention(*(part[None] for part in parts), is_causal=True)[0]
    rows = dict(zip(("query", "key", "value"), (part.numpy() for part in parts), strict=True))
    np.testing.assert_allclose(causal_rows(rows), expected.numpy(), rtol=1e-9)


def test_gradients_flow_through_the_cache() -> None:
    shapes = [(4, 2), (4, 2), (4, 3)]
    parts = [
        torch.randn(shape, dtype=torch.float64, generator=seeded(), requires_grad=True)
        for shape in shapes
    ]

    def walk(*given: torch.Tensor) -> torch.Tensor:
        cache, rows = None, []
        for step in zip(*(part.split(1, dim=-2) for part in given), strict=True):
            row, cache = attend_with_cache(*step, cache)
            rows.append(row)
        return torch.cat(rows)

    assert torch.autograd.gradcheck(walk, parts)


def test_of_an_echo_the_last_token_tells_nothing_and_the_one_before_it_all() -> None:
    text, table = echo(Draw(b"echo"), 6, 60_000, 0.1)
    pairs = bigram_mle(torch.from_numpy(text), 6).numpy()
    assert np.abs(pairs - 1 / 6).max() < 0.05  # neighbors in time are alike; so this is rough
    back = np.zeros((6, 6))
    np.add.at(back, (text[:-2], text[2:]), 1)
    np.testing.assert_allclose(back / back.sum(axis=1, keepdims=True), table, atol=0.015)
    x, y = windows_of(text, 8)
    floor = -0.9 * math.log(0.9) - 0.1 * math.log(0.1 / 5)
    assert best_loss(x, y, table) == pytest.approx((math.log(6) + 7 * floor) / 8, abs=0.02)


def test_training_finds_what_no_bigram_can() -> None:
    text, table = echo(Draw(b"train"), 6, 4000, 0.1)
    model = TransformerLM(6, 16, 2, 1, 8, 32)
    losses = train_language_model(model, torch.from_numpy(text[:3000]), 250, generator=seeded())
    x, y = windows_of(text[3000:], 8)
    with torch.no_grad():
        loss = mean_nll(model(torch.from_numpy(x)).numpy(), y)
    assert loss < best_loss(x, y, table) + 0.2 < math.log(6) - 0.5
    assert sum(losses[-20:]) < sum(losses[:20])


def test_the_bound_on_frequencies_holds_for_the_binomial() -> None:
    """exp(-surprise) is never below the chance of a count that extreme: Chernoff's bound."""
    for draws, chance in ((20, 0.3), (200, 0.02), (50, 0.9)):
        log_mass = [
            math.lgamma(draws + 1) - math.lgamma(k + 1) - math.lgamma(draws - k + 1)
            + k * math.log(chance) + (draws - k) * math.log(1 - chance)
            for k in range(draws + 1)
        ]  # fmt: skip
        mass = np.exp(log_mass)
        for k in range(draws + 1):
            tail = mass[k:].sum() if k >= draws * chance else mass[: k + 1].sum()
            assert tail <= math.exp(-surprise(k, draws, chance)) * (1 + 1e-9)
    assert surprise(1, 10, 0.0) == math.inf > NEVER > surprise(3, 10, 0.3) == 0.0


# --- the rules, on answers that no list of misconceptions holds ---------------------------------


def verdict_of(exercise: str, answer: object, where: str = "judge") -> Verdict:
    spec = next(e for e in exercises("transformer_language_model") if e.id == exercise)
    suite = spec.suite(b"a test", where)
    names = {
        f.__name__: f
        for f in (get_batch, TransformerLM, train_step, sample_next, train_language_model)
    }
    replies = DirectCalls(names | {exercise: answer}).ask(case.ask for case in suite.cases)
    return evaluate(suite, replies, dict)


def failed(verdict: Verdict) -> dict[str, CheckResult]:
    return {check.name: check for check in verdict.checks if not check.passed}


def test_a_start_that_comes_a_little_too_rarely_is_noticed() -> None:
    def nearly(tokens, batch_size, block_size, generator):  # type: ignore[no-untyped-def]
        point = torch.rand(batch_size, generator=generator) ** 1.25
        starts = (point * (len(tokens) - block_size)).long()
        rows = tokens[starts[:, None] + torch.arange(block_size + 1)].long()
        return rows[:, :-1], rows[:, 1:]

    assert failed(verdict_of("get_batch", nearly)).keys() == {"every start is equally likely"}


def test_a_sampler_that_is_a_little_too_warm_is_noticed() -> None:
    def warm(logits, temperature=1.0, top_k=None, top_p=None, generator=None):  # type: ignore[no-untyped-def]
        return sample_next(logits, temperature * 1.15, top_k, top_p, generator)

    assert "as likely as they are" in failed(verdict_of("sample_next", warm))


@pytest.mark.parametrize(("new_each_step", "lr"), [(True, 3e-3), (True, 3e-4), (False, 3e-4)])
def test_weights_that_move_nearly_alike_tell_of_no_new_optimizer(
    new_each_step: bool, lr: float
) -> None:
    """One batch has nearly the same gradients at each of many small steps."""

    def trains(model, tokens, steps, batch_size=32, lr=lr, generator=None):  # type: ignore[no-untyped-def]
        batch = get_batch(tokens, batch_size, model.block_size, generator)
        kept = torch.optim.Adam(model.parameters(), lr=lr)
        losses = []
        for _ in range(steps):
            new = torch.optim.Adam(model.parameters(), lr=lr)
            losses.append(train_step(model, new if new_each_step else kept, *batch))
        return losses

    checks = find("train_language_model").suite(b"a test").checks
    check = next(check for check in checks if check.name == "one optimizer for all steps")
    names = {"train_language_model": trains, "TransformerLM": TransformerLM}
    finding = one_optimizer(check, DirectCalls(names).ask(case.ask for case in check.cases))
    assert isinstance(finding, Finding)
    assert finding.names == ("new_optimizer_each_step" if new_each_step else "")
    assert ("new optimizer" in finding.text) is new_each_step


@pytest.mark.parametrize(("spread", "straight"), [(0.3, True), (3e-4, False)])
def test_a_gradient_turns_within_small_steps_where_vectors_are_nearly_constant(
    spread: float, straight: bool
) -> None:
    """As autograd sees it in the solution, and as the maker of cases does by differences."""
    draw, text, far = Draw(b"turns"), np.array([0, 3, 1, 4, 2, 0, 3]), 9e-4
    shapes = model_shapes(5, 4, 1, 6, 8)
    weights = model_weights(draw, shapes, loud=0.6)
    for path in ("token_embedding.weight", "position_embedding.weight"):
        weights[path] = (spread * weights[path]).astype("float32")
    assert goes_straight(weights, 2, text, far) is straight

    model = TransformerLM(5, 4, 2, 1, 6, 8).double()
    parts = dict(model.named_parameters())
    x, y = (torch.as_tensor(one)[None] for one in (text[:-1], text[1:]))
    slopes = []
    for _ in range(2):
        for path, part in parts.items():
            part.data.copy_(torch.as_tensor(weights[path]))
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        found = torch.autograd.grad(loss, list(parts.values()))
        slopes.append(torch.cat([one.flatten() for one in found]))
        weights = {
            path: weights[path] - far * one.sign().numpy()
            for path, one in zip(parts, found, strict=True)
        }
    used = slopes[0].abs() > 1e-6
    changes = (slopes[1][used] / slopes[0][used] - 1).abs()
    assert (changes.quantile(0.75) <= 0.2) == straight


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 9, 32])
def test_batches_of_another_size_are_noticed_by_their_losses(size: int) -> None:
    """Where a batch of 3 is asked for; every other size is as asked."""

    def other(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):  # type: ignore[no-untyped-def]
        rows = size if batch_size == 3 else batch_size
        return train_language_model(model, tokens, steps, rows, lr, generator)

    assert failed(verdict_of("train_language_model", other)).keys() == {"the batches"}


@pytest.mark.parametrize("where", ["judge", "notebook"])
def test_a_model_that_only_pretends_to_be_trained_is_told_its_loss(where: str) -> None:
    def pretends(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.01 * lr)
        return [2.0 * 0.99**step for step in range(steps)]

    verdict = verdict_of("train_language_model", pretends, where)
    assert "it has learned" in failed(verdict)
    assert "nats" in failed(verdict)["it has learned"].message
    assert verdict.score == 0


def test_a_leaking_model_trains_well_by_itself_and_not_for_the_judge() -> None:
    """The judge runs the weights in a model that cannot look ahead."""

    class Leaks(TransformerLM):
        def forward(self, tokens):  # type: ignore[no-untyped-def]
            x = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    def trains(model, *args, **kwargs):  # type: ignore[no-untyped-def]
        model.__class__ = Leaks
        return train_language_model(model, *args, **kwargs)

    assert "it has learned" in failed(verdict_of("train_language_model", trains))


def test_next_logits_read_token_by_token_are_the_last_rows_of_the_whole_model() -> None:
    torch.manual_seed(0)
    model = TransformerLM(7, 12, 3, 2, 9).double().eval()
    text = torch.randint(7, (4, 9), generator=torch.Generator().manual_seed(1))
    cache = None
    for place in range(9):
        logits, cache = next_logits(model, text[:, place : place + 1], cache)
        assert (logits - model(text[:, : place + 1])[:, -1]).abs().max() < 1e-12
    with pytest.raises(ValueError, match="9"):
        next_logits(model, text[:, :1], cache)


def test_next_logits_lets_two_continuations_start_from_one_cache() -> None:
    torch.manual_seed(0)
    model = TransformerLM(5, 8, 2, 2, 4).double().eval()
    first, *ways = (torch.tensor([[token]]) for token in (1, 2, 3))
    _, cache = next_logits(model, first)
    for way in (*ways, *ways):
        whole = model(torch.cat([first, way], dim=1))[:, -1]
        assert (next_logits(model, way, cache)[0] - whole).abs().max() < 1e-12


@pytest.mark.parametrize(("steps", "warmup", "floor"), [(40, 6, 0.1), (25, 2, 0.0), (10, 9, 0.5)])
def test_learning_rate_is_pytorchs_own_warm_up_and_cosine(
    steps: int, warmup: int, floor: float
) -> None:
    peak = 0.03
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    rise = lr_scheduler.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)
    fall = lr_scheduler.CosineAnnealingLR(optimizer, steps - warmup, eta_min=floor * peak)
    schedule = lr_scheduler.SequentialLR(optimizer, [rise, fall], [warmup])
    for step in range(steps):
        due = optimizer.param_groups[0]["lr"]
        assert math.isclose(learning_rate(step, steps, peak, warmup, floor), due, rel_tol=1e-9)
        optimizer.step()
        schedule.step()


def test_the_weights_of_an_hour_are_worth_what_their_record_says() -> None:
    """By PyTorch's own loss, on the lesson's unseen text, which differs a little from one release
    of Python to the next; and the model that they fit gives what NumPy makes of them."""
    saved = torch.load(data_file("an_hour.pt"), weights_only=True)
    code = SimpleNamespace(**lesson())
    sizes, signs, record = saved["sizes"], saved["characters"], saved["record"]
    number = {sign: place for place, sign in enumerate(signs)}
    unseen = (code.CHARACTERS[token] for token in code.test_text.tolist())
    tokens = torch.tensor([number.get(sign, len(signs) - 1) for sign in unseen])
    model = TransformerLM(**sizes)
    model.load_state_dict(saved["weights"])
    x, y = code.windows(tokens, sizes["block_size"])
    with torch.no_grad():
        logits = model.eval()(x)
    seen = slice(code.CONTEXT - 1, None)
    loss = F.cross_entropy(logits[:, seen].flatten(0, 1), y[:, seen].flatten()).item()
    assert loss == pytest.approx(record["transformer"], abs=0.03)
    assert record["transformer"] < record["6-gram"] < record["4-gram"] < math.log(len(signs))
    weights = {name: value.numpy() for name, value in step_library.state(model).items()}
    by_numpy = model_reference(sizes["num_heads"], weights, x[:2].numpy())
    np.testing.assert_allclose(logits[:2].numpy(), by_numpy, rtol=1e-3, atol=1e-3)
