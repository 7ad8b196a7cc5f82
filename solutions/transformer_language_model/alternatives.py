"""Other right ways in lesson 8."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from grader.course.versions import alternative
from solutions.transformer_language_model import (
    TransformerLM,
    attend_with_cache,
    get_batch,
    sample_next,
    train_step,
)

INF = math.inf


# --- get_batch ----------------------------------------------------------------------------------


@alternative("get_batch", "slices, stacked")
def batch_slices(tokens, batch_size, block_size, generator):
    starts = torch.randint(len(tokens) - block_size, (batch_size,), generator=generator).tolist()
    x = torch.stack([tokens[s : s + block_size] for s in starts])
    y = torch.stack([tokens[s + 1 : s + 1 + block_size] for s in starts])
    return x.long(), y.long()


@alternative("get_batch", "unfold")
def batch_unfold(tokens, batch_size, block_size, generator):
    windows = tokens.unfold(0, block_size + 1, 1)
    chosen = windows[torch.randint(len(windows), (batch_size,), generator=generator)]
    return chosen[:, :-1].to(torch.int64), chosen[:, 1:].to(torch.int64)


@alternative("get_batch", "floor of uniform numbers")
def batch_floor(tokens, batch_size, block_size, generator):
    places = len(tokens) - block_size
    point = torch.rand(batch_size, generator=generator, dtype=torch.float64)
    starts = (point * places).long().clamp(max=places - 1)
    index = starts.unsqueeze(1) + torch.arange(block_size)
    return tokens.long()[index], tokens.long()[index + 1]


@alternative("get_batch", "multinomial over the places")
def batch_multinomial(tokens, batch_size, block_size, generator):
    chances = torch.ones(len(tokens) - block_size)
    starts = torch.multinomial(chances, batch_size, replacement=True, generator=generator)
    rows = [tokens[s : s + block_size + 1] for s in starts.tolist()]
    both = torch.stack(rows).long()
    return both[:, :-1].contiguous(), both[:, 1:].contiguous()


@alternative("get_batch", "one number at a time, in a list")
def batch_loop(tokens, batch_size, block_size, generator):
    x = torch.empty(batch_size, block_size, dtype=torch.long)
    y = torch.empty(batch_size, block_size, dtype=torch.long)
    for row in range(batch_size):
        start = torch.randint(len(tokens) - block_size, (), generator=generator).item()
        x[row] = tokens[start : start + block_size]
        y[row] = tokens[start + 1 : start + block_size + 1]
    return [x, y]


# --- TransformerLM ------------------------------------------------------------------------------


def _refuse(model, tokens):
    if tokens.size(-1) > model.block_size:
        raise ValueError(f"T = {tokens.size(-1)} is more than block_size = {model.block_size}")


@alternative("TransformerLM", "looked up, boolean mask turned additive")
class LookedUp(TransformerLM):
    def forward(self, tokens):
        _refuse(self, tokens)
        length = tokens.shape[-1]
        places = torch.arange(length, device=tokens.device)
        x = self.token_embedding(tokens) + self.position_embedding(places)[None]
        past = torch.ones(length, length, dtype=torch.bool).tril()
        mask = torch.zeros(length, length, dtype=x.dtype).masked_fill(~past, -INF)
        for block in self.blocks:
            x = block(x, mask=mask)
        return self.head(self.norm(x))


@alternative("TransformerLM", "a mask of four axes, filled with -1e9")
class FiniteFill(TransformerLM):
    def forward(self, tokens):
        _refuse(self, tokens)
        batch, length = tokens.shape
        x = F.embedding(tokens, self.token_embedding.weight)
        x = x + self.position_embedding.weight.narrow(0, 0, length).expand(batch, -1, -1)
        mask = torch.triu(torch.full((length, length), -1e9), diagonal=1)[None, None]
        for index in range(len(self.blocks)):
            x = self.blocks[index](x, mask)
        return F.linear(self.norm(x), self.head.weight, self.head.bias)


@alternative("TransformerLM", "one-hot vectors and matrix products")
class OneHot(TransformerLM):
    def forward(self, tokens):
        _refuse(self, tokens)
        table = self.token_embedding.weight
        length = tokens.shape[1]
        words = F.one_hot(tokens, len(table)).to(table.dtype) @ table
        where = torch.eye(self.block_size, dtype=table.dtype)[:length]
        x = words + where @ self.position_embedding.weight
        i, j = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
        mask = torch.where(j > i, -INF, 0.0)
        for block in self.blocks:
            x = block(x, mask)
        return torch.einsum("btd,vd->btv", self.norm(x), self.head.weight) + self.head.bias


@alternative("TransformerLM", "one prefix at a time, no mask")
class Prefixes(TransformerLM):
    def forward(self, tokens):
        _refuse(self, tokens)
        x = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        last = []
        for end in range(1, tokens.shape[1] + 1):
            last.append(self._prefix(x[:, :end])[:, -1])
        return self.head(self.norm(torch.stack(last, dim=1)))

    def _prefix(self, x):
        """Nothing of the future is there to be seen; the past is computed with its own masks."""
        mask = torch.full((x.shape[1],) * 2, -INF).triu(1)
        for block in self.blocks:
            x = block(x, mask)
        return x


@alternative("TransformerLM", "the error caught and said again")
class Caught(TransformerLM):
    def forward(self, tokens):
        try:
            where = self.position_embedding(torch.arange(tokens.shape[1]))
        except IndexError as error:
            sizes = f"{tokens.shape[1]} tokens, a block of {self.block_size}"
            raise ValueError(f"the snippet does not fit: {sizes}") from error
        x = where + self.token_embedding(tokens)
        mask = torch.log(torch.tril(torch.ones(tokens.shape[1], tokens.shape[1])))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


# --- train_step ---------------------------------------------------------------------------------


@alternative("train_step", "cross_entropy, flattened")
def step_flat(model, optimizer, x, y):
    optimizer.zero_grad()
    logits = model(x)
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))
    loss.backward()
    optimizer.step()
    return float(loss)


@alternative("train_step", "cross_entropy, vocabulary second")
def step_transposed(model, optimizer, x, y):
    loss = F.cross_entropy(model(x).transpose(1, 2), y)
    for parameter in model.parameters():
        parameter.grad = None
    loss.backward()
    optimizer.step()
    return loss.detach().tolist()


@alternative("train_step", "log-probabilities by hand, gradients zeroed")
def step_by_hand(model, optimizer, x, y):
    logits = model(x)
    chosen = logits.gather(-1, y[..., None])[..., 0]
    loss = (torch.logsumexp(logits, dim=-1) - chosen).mean()
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return loss.item()


@alternative("train_step", "autograd.grad")
def step_functional(model, optimizer, x, y):
    loss = F.nll_loss(model(x).log_softmax(-1).flatten(0, 1), y.flatten())
    parameters = list(model.parameters())
    grads = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = grad
    optimizer.step()
    return loss.item()


@alternative("train_step", "a closure for the optimizer")
def step_closure(model, optimizer, x, y):
    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        return loss

    return optimizer.step(closure).item()


# --- sample_next --------------------------------------------------------------------------------


@alternative("sample_next", "row by row, with the inverse of the distribution")
def sample_inverse(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return torch.argmax(logits, dim=1)
    order = logits.argsort(dim=-1, descending=True)
    scores = logits.gather(-1, order) / temperature
    if top_k is not None:
        scores[:, top_k:] = -INF
    shares = torch.exp(scores - scores[:, :1]).double()
    shares = shares / shares.sum(-1, keepdim=True)
    if top_p is not None:
        reached = shares.cumsum(-1) >= top_p
        first = torch.where(reached.any(-1), reached.int().argmax(-1), shares.shape[-1] - 1)
        shares = shares * (torch.arange(shares.shape[-1]) <= first[:, None])
    edges = shares.cumsum(-1)
    point = torch.rand(len(logits), 1, generator=generator, dtype=torch.float64) * edges[:, -1:]
    rank = torch.searchsorted(edges, point, right=True)
    last = (shares > 0).sum(-1, keepdim=True) - 1
    return order.gather(-1, rank.minimum(last))[:, 0]


@alternative("sample_next", "the Gumbel trick")
def sample_gumbel(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.max(dim=-1).indices
    scores = logits.double() / temperature
    size = scores.shape[-1]
    rank = scores.argsort(-1, descending=True).argsort(-1)
    if top_k is not None:
        scores = torch.where(rank < top_k, scores, -INF)
    if top_p is not None:
        shares = torch.softmax(scores, -1)
        better = rank[:, None, :] < rank[:, :, None]
        front = (better * shares[:, None, :]).sum(-1)
        scores = torch.where((front < top_p) | (rank == 0), scores, -INF)
    noise = torch.rand(len(scores), size, generator=generator, dtype=torch.float64)
    return (scores - torch.log(-torch.log(noise.clamp(min=1e-300)))).argmax(-1)


@alternative("sample_next", "probabilities set to zero")
def sample_probabilities(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0.0:
        return logits.argmax(-1)
    shares = F.softmax(logits / temperature, dim=-1)
    if top_k is not None and top_k < shares.shape[-1]:
        keep = torch.zeros_like(shares).scatter(-1, shares.topk(top_k).indices, 1.0)
        shares = shares * keep
        shares = shares / shares.sum(-1, keepdim=True)
    if top_p is not None:
        ranked, order = shares.sort(dim=-1, descending=True)
        drop = ranked.cumsum(-1) > top_p
        drop[:, 1:] = drop[:, :-1].clone()
        drop[:, 0] = False
        shares = shares.masked_fill(torch.zeros_like(drop).scatter(-1, order, drop), 0.0)
    return torch.multinomial(shares, 1, generator=generator).squeeze(1)


@alternative("sample_next", "loops, as the rules read")
def sample_loops(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    rows = [row.tobytes() for row in logits.detach().double().numpy()]
    number = {row: n for n, row in enumerate(dict.fromkeys(rows))}  # each row once
    different = [
        _loop_shares(np.frombuffer(row).tolist(), temperature, top_k, top_p) for row in number
    ]
    shares = torch.tensor(different, dtype=torch.float64)[[number[row] for row in rows]]
    if temperature == 0:
        return shares.argmax(-1)
    return torch.multinomial(shares, 1, generator=generator).flatten()


def _loop_shares(row, temperature, top_k, top_p):
    if temperature == 0:
        return row
    row = [score / temperature for score in row]
    ranked = sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top_k]
    top = row[ranked[0]]
    powers = {token: math.exp(row[token] - top) for token in ranked}
    total, mass, nucleus = sum(powers.values()), 0.0, []
    for token in ranked:
        nucleus.append(token)
        mass += powers[token] / total
        if top_p is not None and mass >= top_p:
            break
    return [powers[token] if token in nucleus else 0.0 for token in range(len(row))]


@alternative("sample_next", "exponential clocks")
def sample_exponential(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    """Whichever of V exponential clocks, each at the rate of its token, rings first."""
    if not temperature:
        return logits.argmax(dim=-1)
    scores = (logits - logits.max(-1, keepdim=True).values) / temperature
    if top_k is not None:
        bar = scores.sort(-1, descending=True).values[:, min(top_k, scores.shape[-1]) - 1, None]
        scores = torch.where(scores >= bar, scores, torch.full_like(scores, -INF))
    rates = scores.exp()
    if top_p is not None:
        ranked, order = rates.sort(-1, descending=True)
        total = ranked.sum(-1, keepdim=True)
        front = F.pad(ranked.cumsum(-1), (1, 0))[:, :-1]
        stays = front < top_p * total
        stays[:, :1] = True
        rates = torch.zeros_like(rates).scatter(-1, order, ranked * stays)
    clocks = torch.empty_like(rates, dtype=torch.float64).exponential_(generator=generator)
    return torch.where(rates > 0, clocks / rates, INF).argmin(-1)


# --- generate -----------------------------------------------------------------------------------


@alternative("generate", "a list of columns, mode restored in finally")
def generate_columns(model, prompt, max_new_tokens, **sampling):
    columns = list(prompt.unbind(1))
    was = model.training
    model.train(False)
    try:
        with torch.inference_mode():
            while len(columns) < prompt.shape[1] + max_new_tokens:
                seen = torch.stack(columns[-model.block_size :], dim=1)
                columns.append(sample_next(model(seen)[:, -1, :], **sampling))
    finally:
        model.train(was)
    return torch.stack(columns, dim=1).clone()


@alternative("generate", "a tensor filled from left to right")
def generate_filled(model, prompt, max_new_tokens, **sampling):
    batch, length = prompt.shape
    text = torch.cat([prompt, prompt.new_zeros(batch, max_new_tokens)], dim=1)
    training = model.training
    model.eval()
    for end in range(length, length + max_new_tokens):
        start = max(0, end - model.block_size)
        logits = model(text[:, start:end]).detach()
        text[:, end] = sample_next(logits[:, -1], **sampling)
    if training:
        model.train()
    return text


@alternative("generate", "recursion")
def generate_recursive(model, prompt, max_new_tokens, **sampling):
    if max_new_tokens == 0:
        return prompt
    training = model.training
    with torch.no_grad():
        logits = model.eval()(prompt[:, -model.block_size :])
    model.train(training)
    token = sample_next(logits[:, -1], **sampling)
    longer = torch.hstack([prompt, token.unsqueeze(1)])
    return generate_recursive(model, longer, max_new_tokens - 1, **sampling)


# --- attend_with_cache --------------------------------------------------------------------------


@alternative("attend_with_cache", "torch's own attention")
def cache_library(query, key, value, cache=None):
    if cache is not None:
        key, value = torch.cat((cache[0], key), -2), torch.cat((cache[1], value), -2)
    return F.scaled_dot_product_attention(query, key, value), [key, value]


@alternative("attend_with_cache", "tuples of keys and values, joined anew")
def cache_tuples(query, key, value, cache=None):
    keys, values = ((), ()) if cache is None else cache
    keys, values = (*keys, key), (*values, value)
    every, found = torch.cat(keys, dim=-2), torch.cat(values, dim=-2)
    weights = torch.softmax(query @ every.mT / query.shape[-1] ** 0.5, dim=-1)
    return weights @ found, (keys, values)


@alternative("attend_with_cache", "a dict, copied, and einsum")
def cache_dict(query, key, value, cache=None):
    new = {"k": key, "v": value}
    if cache is not None:
        new = {name: torch.cat([cache[name], part], dim=-2) for name, part in new.items()}
    scores = torch.einsum("...id,...jd->...ij", query, new["k"]) / math.sqrt(query.size(-1))
    return torch.einsum("...ij,...jd->...id", scores.softmax(-1), new["v"]), new


@alternative("attend_with_cache", "one tensor for both")
def cache_packed(query, key, value, cache=None):
    row = torch.cat([key, value], dim=-1)
    packed = row if cache is None else torch.cat([cache, row], dim=-2)
    width = key.shape[-1]
    keys, values = packed[..., :width], packed[..., width:]
    scores = (query * keys).sum(-1, keepdim=True) / math.sqrt(width)
    weights = (scores - scores.amax(dim=-2, keepdim=True)).exp()
    total = weights.sum(dim=-2, keepdim=True)
    return (weights * values).sum(dim=-2, keepdim=True) / total, packed


class _Memory:
    def __init__(self, keys, values):
        self.keys, self.values = keys, values

    def grown(self, key, value):
        return _Memory([*self.keys, key], [*self.values, value])


@alternative("attend_with_cache", "an object of its own")
def cache_object(query, key, value, cache=None):
    memory = (_Memory([], []) if cache is None else cache).grown(key, value)
    keys = torch.stack(memory.keys, dim=-1).squeeze(-3)
    values = torch.stack(memory.values, dim=-1).squeeze(-3)
    weights = (query @ keys / math.sqrt(query.shape[-1])).softmax(-1)
    return weights @ values.transpose(-2, -1), memory


# --- train_language_model -----------------------------------------------------------------------


@alternative("train_language_model", "Adam, clipped, with a warm-up and a cosine")
def train_scheduled(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.99))
    losses = []
    for step in range(steps):
        share = min(1.0, (step + 1) / 20) * (0.55 + 0.45 * math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = lr * share
        x, y = get_batch(tokens, batch_size, model.block_size, generator)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@alternative("train_language_model", "in training mode, then as it was")
def train_moded(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    training = model.training
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.1)
    batches = (get_batch(tokens, batch_size, model.block_size, generator) for _ in range(steps))
    losses = [train_step(model, optimizer, x, y) for x, y in batches]
    model.train(training)
    return losses


@alternative("train_language_model", "its own windows, NAdam")
def train_windows(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    windows = tokens.unfold(0, model.block_size + 1, 1)
    optimizer = torch.optim.NAdam(model.parameters(), lr=lr)
    losses = torch.zeros(steps)
    for step in range(steps):
        chosen = windows[torch.randint(len(windows), (batch_size,), generator=generator)]
        losses[step] = train_step(model, optimizer, chosen[:, :-1], chosen[:, 1:])
    return losses.tolist()


@alternative("train_language_model", "shuffled, without drawing a start twice")
def train_shuffled(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    places = len(tokens) - model.block_size
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=lr), []
    left: list[int] = []
    for _ in range(steps):
        while len(left) < batch_size:
            left += torch.randperm(places, generator=generator).tolist()
        starts, left = torch.tensor(left[:batch_size]), left[batch_size:]
        index = starts[:, None] + torch.arange(model.block_size)
        losses.append(train_step(model, optimizer, tokens[index], tokens[index + 1]))
    return losses


# --- next_logits --------------------------------------------------------------------------------


def _as_heads(x, heads):
    """(B, 1, d) → (B, h, 1, d/h)."""
    return x.reshape(x.shape[0], 1, heads, -1).permute(0, 2, 1, 3)


@alternative("next_logits", "torch's own attention, and a list of keys and values")
def next_library(model, token, cache=None):
    cache = [] if cache is None else cache
    place = cache[0][0].shape[-2] if cache else 0
    if place >= model.block_size:
        raise ValueError(f"the block of {model.block_size} is full")
    x, new = model.token_embedding(token), []
    x = x + model.position_embedding(torch.tensor([place]))
    for number, block in enumerate(model.blocks):
        own, normed = block.attention, block.norm1(x)
        q, k, v = (
            _as_heads(part(normed), own.num_heads) for part in (own.W_query, own.W_key, own.W_value)
        )
        if cache:
            k, v = torch.cat([cache[number][0], k], 2), torch.cat([cache[number][1], v], 2)
        new.append((k, v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        x = x + own.W_output(mixed.permute(0, 2, 1, 3).reshape(x.shape))
        x = x + block.feed_forward(block.norm2(x))
    return model.head(model.norm(x)).squeeze(1), new


@alternative("next_logits", "without gradients, one head at a time")
def next_by_heads(model, token, cache=None):
    with torch.no_grad():
        place = 0 if cache is None else cache["place"]
        if not place < model.block_size:
            raise ValueError(f"no token fits behind the {model.block_size} of the block")
        new: dict = {"place": place + 1}
        x = model.token_embedding(token[:, 0]) + model.position_embedding.weight[place]
        for number, block in enumerate(model.blocks):
            own, normed, found = block.attention, block.norm1(x), []
            width = x.shape[-1] // own.num_heads
            for head in range(own.num_heads):
                at = slice(head * width, (head + 1) * width)
                rows = (part.weight[at] for part in (own.W_query, own.W_key, own.W_value))
                q, k, v = ((normed @ rows_of.T)[:, None] for rows_of in rows)
                before = None if cache is None else cache[number, head]
                output, new[number, head] = attend_with_cache(q, k, v, before)
                found.append(output[:, 0])
            x = x + own.W_output(torch.cat(found, dim=-1))
            x = x + block.feed_forward(block.norm2(x))
        return model.head(model.norm(x)), new


@alternative("next_logits", "one tensor for all layers")
def next_packed(model, token, cache=None):
    length = 0 if cache is None else cache.shape[-2]
    if length + 1 > model.block_size:
        raise ValueError(f"{length + 1} tokens, and a block of {model.block_size}")
    x = model.token_embedding(token) + model.position_embedding.weight[length : length + 1]
    rows = []
    for number, block in enumerate(model.blocks):
        own, normed = block.attention, block.norm1(x)
        row = torch.cat([own.W_key(normed), own.W_value(normed)], dim=-1)
        held = row if cache is None else torch.cat([cache[number], row], dim=-2)
        rows.append(held)
        keys, values = held.chunk(2, dim=-1)
        shape = (*keys.shape[:2], own.num_heads, -1)
        q = own.W_query(normed).reshape(len(token), own.num_heads, -1)
        scores = torch.einsum("bhd,bnhd->bhn", q, keys.reshape(shape)) / q.shape[-1] ** 0.5
        mixed = torch.einsum("bhn,bnhd->bhd", scores.softmax(-1), values.reshape(shape))
        x = x + own.W_output(mixed.flatten(1)).unsqueeze(1)
        x = x + block.feed_forward(block.norm2(x))
    return model.head(model.norm(x)).flatten(1), torch.stack(rows)


@alternative("next_logits", "a dict of tuples, and the places counted in it")
def next_dict(model, token, cache=None):
    cache = {"read": 0} if cache is None else dict(cache)
    if cache["read"] == model.block_size:
        raise ValueError(f"the model can read {model.block_size} tokens and no more")
    x = model.token_embedding(token) + model.position_embedding.weight[cache["read"]]
    for number, block in enumerate(model.blocks):
        own, normed = block.attention, block.norm1(x)
        pair = tuple(_as_heads(part(normed), own.num_heads) for part in (own.W_key, own.W_value))
        cache[number] = (*cache.get(number, ()), pair)
        keys, values = (torch.cat(parts, dim=2) for parts in zip(*cache[number], strict=True))
        query = _as_heads(own.W_query(normed), own.num_heads) / math.sqrt(keys.shape[-1])
        mixed = (query @ keys.mT).softmax(-1) @ values
        x = x + own.W_output(torch.cat(mixed.unbind(dim=1), dim=-1))
        x = x + block.feed_forward(block.norm2(x))
    cache["read"] += 1
    return model.head(model.norm(x))[:, -1, :], cache


# --- learning_rate ------------------------------------------------------------------------------


@alternative("learning_rate", "between floor and peak")
def rate_between(step, steps, peak, warmup, floor=0.1):
    if step + 1 <= warmup:
        return (step + 1) / warmup * peak
    low = peak * floor
    share = 0.5 * (1.0 + math.cos((step - warmup) / (steps - warmup) * math.pi))
    return low + share * (peak - low)


@alternative("learning_rate", "the square of a cosine")
def rate_squared(step, steps, peak, warmup, floor=0.1):
    if warmup > step:
        return peak / warmup * (step + 1)
    half = math.pi / 2 * (step - warmup) / (steps - warmup)
    return peak * (floor + (1 - floor) * math.cos(half) ** 2)


@alternative("learning_rate", "a table of all steps, in PyTorch")
def rate_table(step, steps, peak, warmup, floor=0.1):
    rise = torch.arange(1, warmup + 1, dtype=torch.float64) / max(warmup, 1)
    done = torch.arange(steps - warmup, dtype=torch.float64) / (steps - warmup)
    fall = floor + (1 - floor) * (1 + torch.cos(math.pi * done)) / 2
    return (peak * torch.cat([rise, fall]))[step].item()


@alternative("learning_rate", "the smaller of two lines, and a turn of a circle")
def rate_turn(step, steps, peak, warmup, floor=0.1):
    rising = min(1.0, (step + 1) / warmup) if warmup else 1.0
    angle = math.pi * max(0, step - warmup) / (steps - warmup)
    turn = complex(math.cos(angle), math.sin(angle))
    return peak * rising * (floor + (1 - floor) * (1 + turn.real) / 2)
