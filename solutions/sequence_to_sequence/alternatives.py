"""Other right ways in lesson 9."""

from __future__ import annotations

import heapq
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import alternative
from solutions.multi_head_attention import MultiHeadAttention, merge_heads, split_heads
from solutions.transformer_block import FeedForward

INF = math.inf


# --- shift_right --------------------------------------------------------------------------------


@alternative("shift_right", "padded in front")
def shift_pad(targets, bos):
    return F.pad(targets, (1, -1), value=bos)


@alternative("shift_right", "rolled, then the first column overwritten")
def shift_roll(targets, bos):
    rolled = torch.roll(targets, shifts=1, dims=1)
    rolled[:, 0] = bos
    return rolled


@alternative("shift_right", "an empty tensor, filled")
def shift_filled(targets, bos):
    out = torch.empty_like(targets)
    out[:, :1] = bos
    out[:, 1:] = targets[:, :-1]
    return out


@alternative("shift_right", "lists")
def shift_lists(targets, bos):
    return torch.tensor([[bos, *row[:-1]] for row in targets.tolist()])


@alternative("shift_right", "gathered by place")
def shift_gathered(targets, bos):
    place = torch.arange(targets.shape[1]) - 1
    return torch.where(place < 0, bos, targets[:, place.clamp(min=0)])


@alternative("shift_right", "a matrix product with a shifted identity")
def shift_product(targets, bos):
    step = torch.diag(torch.ones(targets.shape[1] - 1, dtype=torch.long), 1)
    first = torch.zeros_like(targets)
    first[:, 0] = bos
    return (targets[:, :, None] * step).sum(dim=1) + first


@alternative("shift_right", "through NumPy, one column too many cut off")
def shift_numpy(targets, bos):
    array = np.insert(targets.numpy(), 0, bos, axis=1)
    return torch.from_numpy(np.ascontiguousarray(array[:, :-1]))


# --- DecoderBlock -------------------------------------------------------------------------------


class _Block(nn.Module):
    """The given part; each version writes its own forward."""

    def __init__(self, d_model, num_heads, d_ff):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.cross_attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)


@alternative("DecoderBlock", "a finite fill, names for everything")
class FiniteFill(_Block):
    def forward(self, x, memory, memory_mask=None):
        n = x.size(1)
        later = torch.triu(torch.ones(n, n), diagonal=1).bool()
        mask = torch.zeros(n, n).masked_fill(later, -1e9)
        attended, _ = self.self_attention(self.norm1(x), context=None, mask=mask)
        residual = x + attended
        found, _ = self.cross_attention(self.norm2(residual), context=memory, mask=memory_mask)
        residual = residual + found
        return residual + self.feed_forward(self.norm3(residual))


@alternative("DecoderBlock", "each position by itself, from the prefix")
class Prefixes(_Block):
    def forward(self, x, memory, memory_mask=None):
        first = self.norm1(x)
        looked = [
            self.self_attention(first[:, t : t + 1], first[:, : t + 1])[0]
            for t in range(x.shape[1])
        ]
        x = x + torch.cat(looked, dim=1)
        x = x + self.cross_attention(self.norm2(x), memory, memory_mask)[0]
        thought = [self.feed_forward(self.norm3(x[:, t])) for t in range(x.shape[1])]
        return x + torch.stack(thought, dim=1)


@alternative("DecoderBlock", "one sequence of the batch after the other")
class OneByOne(_Block):
    def forward(self, x, memory, memory_mask=None):
        n, rows = x.shape[1], []
        causal = torch.log(torch.ones(n, n, dtype=x.dtype).tril())
        if memory_mask is not None:
            shape = (len(x), self.cross_attention.num_heads, n, memory.shape[1])
            memory_mask = memory_mask.expand(shape)
        for b in range(len(x)):
            one, told = x[b : b + 1], memory[b : b + 1]
            hidden = None if memory_mask is None else memory_mask[b : b + 1]
            one = one + self.self_attention(self.norm1(one), None, causal)[0]
            one = one + self.cross_attention(self.norm2(one), told, hidden)[0]
            rows.append(one + self.feed_forward(self.norm3(one)))
        return torch.cat(rows)


@alternative("DecoderBlock", "PyTorch's fused attention")
class Fused(_Block):
    def heads(self, layer, x, context, mask=None, causal=False):
        count = layer.num_heads
        maps = ((layer.W_query, x), (layer.W_key, context), (layer.W_value, context))
        query, key, value = (split_heads(linear(given), count) for linear, given in maps)
        if mask is None:
            out = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
            return layer.W_output(merge_heads(out))
        mask = mask.to(x.dtype).expand(*query.shape[:-1], key.shape[-2])
        empty = mask.isneginf().all(dim=-1, keepdim=True)
        out = F.scaled_dot_product_attention(query, key, value, mask.masked_fill(empty, 0))
        return layer.W_output(merge_heads(out.masked_fill(empty, 0)))

    def forward(self, x, memory, memory_mask=None):
        first = self.norm1(x)
        x = x + self.heads(self.self_attention, first, first, causal=True)
        x = x + self.heads(self.cross_attention, self.norm2(x), memory, memory_mask)
        return self.feed_forward(self.norm3(x)) + x


@alternative("DecoderBlock", "norms by hand, the mask in full")
class ByHand(_Block):
    def normed(self, norm, x):
        mean = x.mean(-1, keepdim=True)
        spread = (x.var(-1, unbiased=False, keepdim=True) + norm.eps).rsqrt()
        return (x - mean) * spread * norm.weight + norm.bias

    def forward(self, x, memory, memory_mask=None):
        b, n, _ = x.shape
        place = torch.arange(n)
        causal = torch.where(place[None, :] > place[:, None], -INF, 0.0).expand(b, 1, n, n)
        x = torch.add(x, self.self_attention(self.normed(self.norm1, x), mask=causal)[0])
        if memory_mask is None:
            memory_mask = torch.zeros(b, 1, 1, memory.shape[1])
        asked = self.normed(self.norm2, x)
        x = torch.add(x, self.cross_attention(asked, memory, memory_mask)[0])
        inner = self.feed_forward.up(self.normed(self.norm3, x))
        return torch.add(x, self.feed_forward.down(F.gelu(inner)))


# --- greedy_decode ------------------------------------------------------------------------------


@alternative("greedy_decode", "one row after the other, filled up at the end")
def decode_rows(model, source, bos, eos, max_len):
    rows = []
    for b in range(source.shape[0]):
        row = [bos]
        for _ in range(max_len):
            logits = model(source[b : b + 1], torch.tensor([row]))
            row.append(int(logits[0, -1].argmax()))
            if row[-1] == eos:
                break
        rows.append(row[1:])
    width = max(map(len, rows))
    return torch.tensor([row + [eos] * (width - len(row)) for row in rows])


@alternative("greedy_decode", "only the rows that are still open are asked about")
def decode_open_rows(model, source, bos, eos, max_len):
    batch = source.shape[0]
    written = torch.full((batch, max_len + 1), eos, dtype=torch.long)
    written[:, 0] = bos
    still = torch.arange(batch)
    width = 1
    while len(still) and width <= max_len:
        with torch.inference_mode():
            token = model(source[still], written[still, :width])[:, -1].max(dim=-1).indices
        written[still, width] = token
        still = still[token != eos]
        width += 1
    return written[:, 1:width].clone()


@alternative("greedy_decode", "max_len steps, cut and filled afterwards")
def decode_then_cut(model, source, bos, eos, max_len):
    written = torch.full((source.size(0), 1), bos)
    for _ in range(max_len):
        best = torch.log_softmax(model(source, written)[:, -1, :], dim=-1).topk(1).indices
        written = torch.cat((written, best), dim=1)
    new = written[:, 1:]
    after = (new == eos).long().cumsum(dim=1) - (new == eos).long() > 0
    new = torch.where(after, eos, new)
    lengths = [row.index(eos) + 1 if eos in row else max_len for row in new.tolist()]
    return new[:, : max(lengths)]


@alternative("greedy_decode", "a buffer of full width, read at the right place")
def decode_buffer(model, source, bos, eos, max_len):
    buffer = torch.full((len(source), max_len), bos, dtype=torch.long)
    out = torch.full((len(source), max_len), eos, dtype=torch.long)
    ended = [False] * len(source)
    for t in range(max_len):
        tokens = model(source, buffer)[:, t].argmax(dim=-1).tolist()
        for b, token in enumerate(tokens):
            if not ended[b]:
                out[b, t] = token
                ended[b] = token == eos
        if t + 1 < max_len:
            buffer[:, t + 1] = out[:, t]
        if all(ended):
            break
    return out[:, : t + 1]


@alternative("greedy_decode", "recursion")
def decode_recursive(model, source, bos, eos, max_len):
    def grow(written):
        ended = (written[:, 1:] == eos).any(dim=1)
        if written.shape[1] > max_len or bool(ended.all()):
            return written[:, 1:]
        token = torch.where(ended, eos, model(source, written)[:, -1].argmax(-1))
        return grow(torch.hstack([written, token.unsqueeze(1)]))

    return grow(torch.tensor([[bos]] * len(source)))


# --- sequence_accuracy --------------------------------------------------------------------------


@alternative("sequence_accuracy", "row by row, as lists")
def accuracy_lists(predicted, expected, pad):
    right_rows = 0
    for mine, due in zip(predicted.tolist(), expected.tolist(), strict=True):
        right_rows += all(a == b for a, b in zip(mine, due, strict=True) if b != pad)
    return right_rows / len(expected)


@alternative("sequence_accuracy", "no mistake where one could be made")
def accuracy_mistakes(predicted, expected, pad):
    mistakes = predicted.ne(expected) & expected.ne(pad)
    return 1.0 - mistakes.any(dim=-1).sum().item() / predicted.shape[0]


@alternative("sequence_accuracy", "the padding put into a copy")
def accuracy_copy(predicted, expected, pad):
    filled = predicted.masked_fill(expected == pad, pad)
    return (filled == expected).all(1).float().mean().item()


@alternative("sequence_accuracy", "counted tokens")
def accuracy_counted(predicted, expected, pad):
    due = (expected != pad).int()
    good = ((predicted == expected).int() * due).sum(1)
    return float((good == due.sum(1)).float().mean())


@alternative("sequence_accuracy", "NumPy's mean")
def accuracy_numpy(predicted, expected, pad):
    a, b = predicted.numpy(), expected.numpy()
    return np.where(b == pad, True, a == b).all(axis=1).mean()


@alternative("sequence_accuracy", "equality of what is left of each row")
def accuracy_left(predicted, expected, pad):
    rows = [torch.equal(p[e != pad], e[e != pad]) for p, e in zip(predicted, expected, strict=True)]
    return sum(rows) / len(rows)


# --- induction_head -----------------------------------------------------------------------------


def _parts(rows, width):
    return torch.zeros(rows, width, dtype=torch.float64)


def _previous(tokens, places, gain=50.0):
    """A head that copies the token before, with float64 matrices."""
    width = tokens + places
    query, key, value = _parts(places, width), _parts(places, width), _parts(tokens, width)
    for p in range(places):
        key[p, tokens + p] = 1.0
        if p:
            query[p - 1, tokens + p] = gain * math.sqrt(places)
    value[:, :tokens] = torch.eye(tokens)
    return {"W_query": query, "W_key": key, "W_value": value}


@alternative("induction_head", "places in the query, everything in float64")
def induction_places(vocab_size, max_len):
    """What the queries' extra row says comes from the position columns instead."""
    first, width = _previous(vocab_size, max_len), 2 * vocab_size + max_len
    places = slice(vocab_size, vocab_size + max_len)
    query, key, value = (_parts(n, width) for n in (vocab_size + 1, vocab_size + 1, vocab_size))
    query[:vocab_size, :vocab_size] = 1e4 * max_len * torch.eye(vocab_size)
    query[vocab_size, places] = 30.0 * math.sqrt(vocab_size + 1)
    key[:vocab_size, vocab_size + max_len :] = torch.eye(vocab_size)
    key[vocab_size, places] = torch.arange(float(max_len), dtype=torch.float64) - max_len
    value[:, :vocab_size] = torch.eye(vocab_size)
    return first, {"W_query": query, "W_key": key, "W_value": value}


@alternative("induction_head", "nothing handed over at position 0, steps in every row of the key")
def induction_all_rows(vocab_size, max_len):
    """Every row of the key grows with the position; the query picks its own."""
    first, width = _previous(vocab_size, max_len), 2 * vocab_size + max_len
    key, value = _parts(vocab_size, width), _parts(vocab_size, width)
    query = _parts(vocab_size, width)
    query[:, :vocab_size] = 12.0 * math.sqrt(vocab_size) * torch.eye(vocab_size)
    key[:, vocab_size + max_len :] = 2.0 * max_len * torch.eye(vocab_size)
    key[:, vocab_size : vocab_size + max_len] = torch.arange(float(max_len), dtype=torch.float64)
    key[:, vocab_size] = -10.0 * max_len
    value[:, :vocab_size] = torch.eye(vocab_size)
    return [first, {"W_query": query, "W_key": key, "W_value": value}]


@alternative("induction_head", "the first head hands over the place of the match")
def induction_pointer(vocab_size, max_len):
    """No previous-token head at all: the first head finds s, the second one looks at s + 1."""
    width = vocab_size + max_len
    rows = vocab_size + max_len + 1
    places = slice(vocab_size, width)
    query, key, value = _parts(rows, width), _parts(rows, width), _parts(max_len, width)
    gap = 30.0 * math.sqrt(rows)
    query[:vocab_size, :vocab_size] = 4.0 * max_len * gap * torch.eye(vocab_size)
    query[vocab_size:-1, places] = -3.0 * max_len * gap * torch.eye(max_len)  # not myself
    query[-1, places] = gap
    key[:vocab_size, :vocab_size] = torch.eye(vocab_size)
    key[vocab_size:-1, places] = torch.eye(max_len)
    key[-1, places] = torch.arange(float(max_len), dtype=torch.float64)
    value[:, places] = torch.eye(max_len)
    asks, announces = _parts(max_len, width + max_len), _parts(max_len, width + max_len)
    hands = _parts(vocab_size, width + max_len)
    asks[:, width:] = 60.0 * math.sqrt(max_len) * torch.eye(max_len)
    for p in range(1, max_len):
        announces[p - 1, vocab_size + p] = 1.0  # I stand after p - 1
    hands[:, :vocab_size] = torch.eye(vocab_size)
    return (
        {"W_query": query, "W_key": key, "W_value": value},
        {"W_query": asks, "W_key": announces, "W_value": hands},
    )


@alternative(
    "induction_head", "a wide first head that hands over more than is needed, slightly noisy"
)
def induction_noisy(vocab_size, max_len):
    rng = np.random.default_rng(3)
    plain = {name: matrix.numpy() for name, matrix in _previous(vocab_size, max_len).items()}
    handed = vocab_size + max_len
    value = rng.normal(size=(handed, handed)) * 1e-4 + np.eye(handed)
    width = 2 * handed
    query = rng.normal(size=(vocab_size + 1, width)) * 1e-4
    key = rng.normal(size=(vocab_size + 1, width)) * 1e-4
    gap = 20.0 * math.sqrt(vocab_size + 1)
    query[:-1, :vocab_size] += 4 * max_len * gap * np.eye(vocab_size)
    query[-1, :vocab_size] += gap
    key[:-1, handed : handed + vocab_size] += np.eye(vocab_size)
    key[-1, vocab_size:handed] += np.arange(max_len)
    hands = rng.normal(size=(vocab_size, width)) * 1e-4
    hands[:, :vocab_size] += np.eye(vocab_size)
    second = {"W_query": query, "W_key": key, "W_value": hands}
    return plain | {"W_value": value}, second


@alternative("induction_head", "weights of linear layers, just sharp enough")
def induction_layers(vocab_size, max_len):
    def layer(matrix):
        linear = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
        linear.weight = nn.Parameter(matrix.float())
        return linear.weight

    places = slice(vocab_size, vocab_size + max_len)
    width = 2 * vocab_size + max_len
    query, key, value = (_parts(n, width) for n in (vocab_size + 1, vocab_size + 1, vocab_size))
    step = 4.0 * math.sqrt(vocab_size + 1)
    query[:-1, :vocab_size] = (2.0 * max_len + 8.0) * step * torch.eye(vocab_size)
    query[-1, :vocab_size] = step
    key[:-1, vocab_size + max_len :] = torch.eye(vocab_size)
    key[-1, places] = torch.arange(float(max_len), dtype=torch.float64)
    value[:, :vocab_size] = torch.eye(vocab_size)
    first = _previous(vocab_size, max_len, gain=math.log(max_len) + 7.0)
    second = {"W_query": query, "W_key": key, "W_value": value}
    return tuple({name: layer(m) for name, m in head.items()} for head in (first, second))


# --- beam_search --------------------------------------------------------------------------------


@alternative("beam_search", "all beams in one batch")
def beam_batch(model, source, bos, eos, max_len, width):
    texts, scores = torch.full((1, 1), bos), torch.zeros(1)
    ended = torch.zeros(1, dtype=torch.bool)
    with torch.no_grad():
        for _ in range(max_len):
            logits = model(source.expand(len(texts), -1), texts)[:, -1]
            chances = logits.log_softmax(-1)
            stays = torch.full_like(chances, -INF)
            stays[:, eos] = 0.0  # an ended text is filled up with eos, at no cost
            chances = torch.where(ended[:, None], stays, chances)
            table = (scores[:, None] + chances).flatten()
            scores, at = table.topk(min(width, int((table > -INF).sum())))
            row, token = at // logits.shape[-1], at % logits.shape[-1]
            texts = torch.cat([texts[row], token[:, None]], dim=1)
            ended = ended[row] | (token == eos)
            if ended.all():
                break
    best = texts[0, 1:].tolist()
    end = best.index(eos) + 1 if eos in best else len(best)
    return torch.tensor(best[:end]), scores[0].item()


@alternative("beam_search", "a heap, and open and ended beams apart")
def beam_heap(model, source, bos, eos, max_len, width):
    opened: list = [(0.0, (bos,))]
    ended: list = []
    for _ in range(max_len):
        grown = []
        for score, text in opened:
            with torch.no_grad():
                row = model(source, torch.tensor([text]))[0, len(text) - 1]
            for token, chance in enumerate((row - row.logsumexp(0)).tolist()):
                grown.append((score + chance, (*text, token)))
        kept = heapq.nlargest(width, grown + ended)
        ended = [one for one in kept if one[1][-1] == eos and len(one[1]) > 1]
        opened = [one for one in kept if one not in ended]
        if not opened:
            break
    score, text = max(opened + ended)
    return torch.tensor(text[1:]), score


@alternative("beam_search", "recursion, each call one step")
def beam_recursive(model, source, bos, eos, max_len, width):
    @torch.no_grad()
    def go(beams, left):
        if left == 0 or all(done for _, _, done in beams):
            return beams[0]
        found = [beam for beam in beams if beam[2]]
        for text, score, done in beams:
            if not done:
                shares = F.softmax(model(source, text)[0, -1].double(), dim=0).log()
                for token in range(len(shares)):
                    longer = torch.cat([text, torch.tensor([[token]])], dim=1)
                    found.append((longer, score + shares[token].item(), token == eos))
        found.sort(key=lambda beam: beam[1], reverse=True)
        return go(found[:width], left - 1)

    text, score, _ = go([(torch.tensor([[bos]]), 0.0, False)], max_len)
    return text[0, 1:], score


@alternative("beam_search", "until the best beam has ended, which nothing can overtake")
def beam_until_best(model, source, bos, eos, max_len, width):
    beams, longest = [(0.0, [bos])], max_len + 1
    with torch.no_grad():
        while len(beams[0][1]) < longest and not (len(beams[0][1]) > 1 and beams[0][1][-1] == eos):
            found = [beam for beam in beams if beam[1][-1] == eos and len(beam[1]) > 1]
            for score, text in (beam for beam in beams if beam not in found):
                row = F.log_softmax(model(source, torch.tensor([text]))[:, -1], dim=-1)[0]
                found += [(score + c, [*text, token]) for token, c in enumerate(row.tolist())]
            beams = sorted(found, reverse=True)[:width]
    return torch.tensor(beams[0][1][1:]), beams[0][0]


@alternative("beam_search", "a dict of texts")
def beam_dict(model, source, bos, eos, max_len, width):
    beams = {(bos,): 0.0}
    for step in range(max_len):
        new = {}
        for text, score in beams.items():
            if step > 0 and text[-1] == eos:
                new[text] = score
            else:
                with torch.no_grad():
                    logits = model(source, torch.tensor(text)[None])[:, -1].squeeze(0)
                chances = logits - logits.max() - (logits - logits.max()).exp().sum().log()
                new |= {(*text, token): score + float(c) for token, c in enumerate(chances)}
        beams = dict(sorted(new.items(), key=lambda item: item[1])[-width:])
        if all(text[-1] == eos for text in beams):
            break
    best = max(beams, key=lambda text: beams[text])
    return torch.tensor(best[1:]), beams[best]
