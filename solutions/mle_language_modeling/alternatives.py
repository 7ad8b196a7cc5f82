"""Other right ways in lesson 7."""

from __future__ import annotations

import collections
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.course.versions import alternative
from solutions.mle_language_modeling import bigram_mle, embed, negative_log_likelihood

# --- one_hot ------------------------------------------------------------------------------------


@alternative("one_hot", "rows of the identity")
def one_hot_identity(tokens, vocab_size):
    return torch.eye(vocab_size)[tokens]


@alternative("one_hot", "scatter")
def one_hot_scatter(tokens, vocab_size):
    out = torch.zeros(*tokens.shape, vocab_size)
    return out.scatter_(-1, tokens.unsqueeze(-1), 1.0)


@alternative("one_hot", "a loop over all places, float64")
def one_hot_loop(tokens, vocab_size):
    rows = torch.zeros(tokens.numel(), vocab_size, dtype=torch.float64)
    for place, token in enumerate(tokens.reshape(-1).tolist()):
        rows[place, token] = 1
    return rows.reshape(*tokens.shape, vocab_size)


@alternative("one_hot", "one column after the other")
def one_hot_columns(tokens, vocab_size):
    return torch.stack([(tokens == v).float() for v in range(vocab_size)], dim=-1)


@alternative("one_hot", "the library's own, made floating")
def one_hot_library(tokens, vocab_size):
    return F.one_hot(tokens, vocab_size).to(torch.get_default_dtype())


@alternative("one_hot", "NumPy")
def one_hot_numpy(tokens, vocab_size):
    return torch.from_numpy(np.eye(vocab_size)[tokens.numpy()])


# --- embed --------------------------------------------------------------------------------------


@alternative("embed", "functional embedding")
def embed_functional(tokens, weight):
    return F.embedding(tokens, weight)


@alternative("embed", "functional embedding with a sparse gradient")
def embed_with_sparse_gradient(tokens, weight):
    return F.embedding(tokens, weight, sparse=True)


@alternative("embed", "index_select on a flat list")
def embed_select(tokens, weight):
    rows = weight.index_select(0, tokens.flatten())
    return rows.reshape(*tokens.shape, weight.size(1))


@alternative("embed", "gather")
def embed_gather(tokens, weight):
    index = tokens.reshape(-1, 1).expand(-1, weight.shape[1])
    return weight.gather(0, index).reshape(*tokens.shape, -1)


@alternative("embed", "a loop over the tokens")
def embed_loop(tokens, weight):
    flat = tokens.flatten().tolist()
    rows = {token: weight[token] for token in set(flat)}
    return torch.stack([rows[token] for token in flat]).reshape(*tokens.shape, weight.shape[1])


@alternative("embed", "sparse one-hot vectors")
def embed_sparse(tokens, weight):
    flat = tokens.reshape(-1)
    places = torch.stack([torch.arange(len(flat)), flat])
    ones = torch.ones(len(flat), dtype=weight.dtype)
    table = torch.sparse_coo_tensor(places, ones, (len(flat), len(weight)))
    return torch.sparse.mm(table, weight).reshape(*tokens.shape, weight.shape[1])


@alternative("embed", "take along the first axis")
def embed_take(tokens, weight):
    return torch.stack([column.take(tokens) for column in weight.unbind(dim=1)], dim=-1)


# --- sequence_log_prob --------------------------------------------------------------------------


@alternative("sequence_log_prob", "one step after the other")
def log_prob_loop(conditionals):
    total = torch.zeros_like(conditionals[..., 0])
    for step in conditionals.unbind(dim=-1):
        total = total + torch.log(step)
    return total


@alternative("sequence_log_prob", "the end of a running sum")
def log_prob_running_end(conditionals):
    return conditionals.log().cumsum(dim=-1)[..., -1]


@alternative("sequence_log_prob", "bits, turned into nats")
def log_prob_from_bits(conditionals):
    return torch.log2(conditionals).sum(-1) * math.log(2)


@alternative("sequence_log_prob", "einsum with ones")
def log_prob_einsum(conditionals):
    return torch.einsum("...t->...", torch.log(conditionals))


@alternative("sequence_log_prob", "products of a few at a time")
def log_prob_pieces(conditionals):
    # float64 holds any product of three float32 numbers from 1e-38 to 1.
    pieces = conditionals.double().split(3, dim=-1)
    total = sum(piece.prod(dim=-1).log() for piece in pieces)
    return total.to(conditionals.dtype)


@alternative("sequence_log_prob", "minus the summed surprises")
def log_prob_surprise(conditionals):
    surprise = torch.log(1 / conditionals)
    return -torch.sum(surprise, dim=conditionals.dim() - 1)


# --- bigram_mle ---------------------------------------------------------------------------------


@alternative("bigram_mle", "one pair after the other")
def bigram_loop(tokens, vocab_size, smoothing=0.0):
    counts = [[smoothing] * vocab_size for _ in range(vocab_size)]
    for now, then in zip(tokens.tolist(), tokens.tolist()[1:]):
        counts[now][then] += 1
    rows = [[c / sum(row) if sum(row) else 1 / vocab_size for c in row] for row in counts]
    return torch.tensor(rows)


@alternative("bigram_mle", "index_put with accumulation, float64")
def bigram_index_put(tokens, vocab_size, smoothing=0.0):
    counts = torch.full((vocab_size, vocab_size), float(smoothing), dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    counts.index_put_((tokens[:-1], tokens[1:]), one, accumulate=True)
    counts[counts.sum(dim=1) == 0] = 1.0
    return counts / counts.sum(dim=1, keepdim=True)


@alternative("bigram_mle", "a product of one-hot tables")
def bigram_product(tokens, vocab_size, smoothing=0.0):
    table = F.one_hot(tokens, vocab_size).float()
    counts = table[:-1].T @ table[1:] + smoothing
    total = counts.sum(1, keepdim=True)
    return (counts / total).nan_to_num(1 / vocab_size)


@alternative("bigram_mle", "a Counter of pairs")
def bigram_counter(tokens, vocab_size, smoothing=0.0):
    pairs = collections.Counter(zip(tokens[:-1].tolist(), tokens[1:].tolist()))
    seen = collections.Counter(tokens[:-1].tolist())
    out = torch.empty(vocab_size, vocab_size)
    for i in range(vocab_size):
        for j in range(vocab_size):
            below = seen[i] + smoothing * vocab_size
            out[i, j] = (pairs[i, j] + smoothing) / below if below else 1 / vocab_size
    return out


@alternative("bigram_mle", "NumPy's add.at")
def bigram_numpy(tokens, vocab_size, smoothing=0.0):
    counts = np.zeros((vocab_size, vocab_size)) + smoothing
    text = tokens.numpy()
    np.add.at(counts, (text[:-1], text[1:]), 1)
    total = counts.sum(axis=1, keepdims=True)
    even = np.full_like(counts, 1 / vocab_size)
    return torch.from_numpy(np.divide(counts, total, out=even, where=total > 0))


@alternative("bigram_mle", "unique pairs")
def bigram_unique(tokens, vocab_size, smoothing=0.0):
    counts = torch.zeros(vocab_size, vocab_size)
    if len(tokens) > 1:
        pairs, times = torch.stack([tokens[:-1], tokens[1:]]).unique(dim=1, return_counts=True)
        counts[pairs[0], pairs[1]] = times.float()
    counts = counts + smoothing
    empty = counts.sum(-1, keepdim=True) == 0
    return F.normalize(counts + empty.float(), p=1, dim=-1)


# --- negative_log_likelihood --------------------------------------------------------------------


@alternative("negative_log_likelihood", "the library's own, summed")
def nll_library(logits, targets, ignore_index=-100):
    flat = logits.reshape(-1, logits.shape[-1])
    total = F.cross_entropy(flat, targets.reshape(-1), ignore_index=ignore_index, reduction="sum")
    return total / (targets != ignore_index).sum().clamp(min=1)


@alternative("negative_log_likelihood", "the library's mean, with the empty case apart")
def nll_library_mean(logits, targets, ignore_index=-100):
    if (targets == ignore_index).all():
        return logits.sum() * 0.0
    return F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=ignore_index
    )


@alternative("negative_log_likelihood", "logsumexp less the target's logit")
def nll_logsumexp(logits, targets, ignore_index=-100):
    counts = targets != ignore_index
    picked = logits.gather(-1, torch.where(counts, targets, 0)[..., None])[..., 0]
    losses = torch.logsumexp(logits, dim=-1) - picked
    return (losses * counts).sum() / max(1, int(counts.sum()))


@alternative("negative_log_likelihood", "one place after the other")
def nll_loop(logits, targets, ignore_index=-100):
    rows = logits.reshape(-1, logits.shape[-1])
    total, count = logits.sum() * 0.0, 0
    for row, target in zip(rows, targets.reshape(-1).tolist()):
        if target != ignore_index:
            total = total + torch.logsumexp(row, dim=0) - row[target]
            count += 1
    return total / max(count, 1)


@alternative("negative_log_likelihood", "only the places that count are looked at")
def nll_selected(logits, targets, ignore_index=-100):
    kept = targets != ignore_index
    rows, wanted = logits[kept], targets[kept]
    log_probs = rows.log_softmax(-1)
    return -log_probs[torch.arange(len(wanted)), wanted].sum() / max(1, len(wanted))


@alternative("negative_log_likelihood", "a product with one-hot targets")
def nll_one_hot(logits, targets, ignore_index=-100):
    wanted = (targets.unsqueeze(-1) == torch.arange(logits.shape[-1])).to(logits.dtype)
    wanted = wanted * (targets != ignore_index).unsqueeze(-1)
    shifted = logits - logits.amax(dim=-1, keepdim=True).detach()
    log_probs = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()
    return -(log_probs * wanted).sum() / wanted.sum().clamp(min=1)


# --- perplexity and bits_per_token --------------------------------------------------------------


@alternative("perplexity", "a power of e")
def perplexity_power(mean_nll):
    return math.e**mean_nll


@alternative("perplexity", "torch for both, and back")
def perplexity_torch(mean_nll):
    if torch.is_tensor(mean_nll):
        return torch.exp(mean_nll)
    return float(torch.exp(torch.tensor(mean_nll, dtype=torch.double)))


@alternative("perplexity", "NumPy for floats")
def perplexity_numpy(mean_nll):
    return np.exp(mean_nll) if isinstance(mean_nll, float) else torch.exp(mean_nll)


@alternative("perplexity", "two to the bits")
def perplexity_bits(mean_nll):
    return 2.0 ** (mean_nll / math.log(2.0))


@alternative("perplexity", "a float through float32")
def perplexity_float32(mean_nll):
    given = torch.as_tensor(mean_nll)
    return given.exp() if torch.is_tensor(mean_nll) else given.exp().item()


@alternative("bits_per_token", "a float through float32")
def bits_float32(mean_nll):
    bits = torch.as_tensor(mean_nll) / math.log(2)
    return bits if torch.is_tensor(mean_nll) else bits.item()


@alternative("bits_per_token", "times log2 of e")
def bits_log2_e(mean_nll):
    return mean_nll * math.log2(math.e)


@alternative("bits_per_token", "NumPy's constant")
def bits_numpy(mean_nll):
    bits = mean_nll / float(np.log(2))
    return bits if torch.is_tensor(bits) else float(bits)


@alternative("bits_per_token", "log2 of the perplexity")
def bits_of_perplexity(mean_nll):
    if isinstance(mean_nll, torch.Tensor):
        return torch.log2(torch.exp(mean_nll))
    return math.log2(math.exp(mean_nll))


@alternative("bits_per_token", "torch's division")
def bits_torch(mean_nll):
    if isinstance(mean_nll, torch.Tensor):
        return torch.div(mean_nll, torch.log(torch.tensor(2.0, dtype=mean_nll.dtype)))
    return mean_nll / np.log(2)


# --- entropy_rate -------------------------------------------------------------------------------


def _rows(table):
    """The rows' entropies, 0 · ln 0 taken for 0."""
    return torch.where(table > 0, -table * torch.log(table.clamp(min=1e-300)), 0.0).sum(dim=1)


@alternative("entropy_rate", "an eigenvector to the eigenvalue nearest to 1, a float")
def rate_eigenvector(transition):
    table = transition.double().numpy()
    values, vectors = np.linalg.eig(table.T)
    share = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    share = share / share.sum()
    logs = np.log(table, out=np.zeros_like(table), where=table > 0)
    return float(-(share @ (table * logs).sum(axis=1)))


@alternative("entropy_rate", "least squares")
def rate_least_squares(transition):
    table = transition.double()
    n = len(table)
    system = torch.cat([table.T - torch.eye(n, dtype=table.dtype), torch.ones(1, n).double()])
    wanted = torch.zeros(n + 1, 1, dtype=table.dtype)
    wanted[-1] = 1
    share = torch.linalg.lstsq(system, wanted).solution[:, 0]
    return share @ _rows(table)


@alternative("entropy_rate", "many steps of a chain that rests every other time")
def rate_lazy(transition):
    table = transition.double()
    n = len(table)
    lazy = (table + torch.eye(n, dtype=table.dtype)) / 2
    share = torch.full((n,), 1 / n, dtype=table.dtype)
    hop = torch.linalg.matrix_power(lazy, 40)  # of many small steps
    for _ in range(100):
        share = share @ hop
    return (share @ _rows(table)).item()


@alternative("entropy_rate", "the mean over time, by doubling")
def rate_mean_over_time(transition):
    # mean of P^0 … P^(2k-1) from that of P^0 … P^(k-1)
    table = transition.double()
    mean, power = torch.eye(len(table), dtype=table.dtype), table
    for _ in range(24):
        mean = (mean + mean @ power) / 2
        power = power @ power
        power = power / power.sum(dim=1, keepdim=True)
    return mean[0] @ _rows(table)


@alternative("entropy_rate", "one equation replaced by the sum, in the table's own precision")
def rate_replaced(transition):
    n = len(transition)
    system = transition.T - torch.eye(n, dtype=transition.dtype)
    system[-1] = 1.0
    wanted = torch.zeros(n, dtype=transition.dtype)
    wanted[-1] = 1.0
    share = torch.linalg.solve(system, wanted)
    return -(share[:, None] * torch.xlogy(transition, transition)).sum()


@alternative("entropy_rate", "entropy of pairs less entropy of states")
def rate_difference(transition):
    table = transition.double()
    n = len(table)
    ones = torch.ones(n, n, dtype=table.dtype)
    share = torch.linalg.pinv(torch.eye(n, dtype=table.dtype) - table + ones).sum(dim=0)
    pairs = share[:, None] * table
    return torch.special.entr(pairs).sum() - torch.special.entr(share).sum()


# --- fit_bigram ---------------------------------------------------------------------------------


@alternative("fit_bigram", "the gradient written out")
def fit_formula(tokens, vocab_size, steps, lr):
    share = tokens[:-1].bincount(minlength=vocab_size)[:, None] / (len(tokens) - 1)
    wanted = bigram_mle(tokens, vocab_size)
    logits = torch.zeros(vocab_size, vocab_size)
    for _ in range(steps):
        logits = logits - lr * share * (logits.softmax(dim=1) - wanted)
    return logits.softmax(dim=1)


@alternative("fit_bigram", "torch's SGD")
def fit_sgd(tokens, vocab_size, steps, lr):
    table = nn.Parameter(torch.zeros(vocab_size, vocab_size))
    optimizer = torch.optim.SGD([table], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(table[tokens[:-1]], tokens[1:]).backward()
        optimizer.step()
    return F.softmax(table.data, dim=-1)


@alternative("fit_bigram", "a linear layer on one-hot vectors")
def fit_linear(tokens, vocab_size, steps, lr):
    layer = nn.Linear(vocab_size, vocab_size, bias=False)
    nn.init.zeros_(layer.weight)
    x, y = F.one_hot(tokens[:-1], vocab_size).float(), tokens[1:]
    for _ in range(steps):
        layer.zero_grad()
        loss = negative_log_likelihood(layer(x), y)
        loss.backward()
        with torch.no_grad():
            layer.weight -= lr * layer.weight.grad
    return torch.softmax(layer.weight.detach().T, dim=-1)


@alternative("fit_bigram", "an embedding layer in float64, with its graph")
def fit_embedding(tokens, vocab_size, steps, lr):
    layer = nn.Embedding(vocab_size, vocab_size, dtype=torch.float64)
    layer.weight.data.zero_()
    for _ in range(steps):
        loss = negative_log_likelihood(layer(tokens[:-1]), tokens[1:])
        (grad,) = torch.autograd.grad(loss, layer.weight)
        layer.weight.data.sub_(grad, alpha=lr)
    return layer.weight.softmax(dim=-1)


@alternative("fit_bigram", "one pair after the other, gradients summed")
def fit_pairs(tokens, vocab_size, steps, lr):
    logits = torch.zeros(vocab_size, vocab_size, dtype=torch.float64)
    pairs = collections.Counter(zip(tokens.tolist(), tokens.tolist()[1:]))
    for _ in range(steps):
        model, gradient = logits.softmax(-1), torch.zeros_like(logits)
        for (now, then), times in pairs.items():
            gradient[now] += model[now] * times / pairs.total()
            gradient[now, then] -= times / pairs.total()
        logits = logits - lr * gradient
    return logits.softmax(-1).float()


@alternative("fit_bigram", "backward on a leaf made anew in every step")
def fit_leaves(tokens, vocab_size, steps, lr):
    table = torch.zeros(vocab_size, vocab_size)
    for _ in range(steps):
        table = table.detach().requires_grad_()
        rows = embed(tokens[:-1], table)
        chosen = rows.log_softmax(-1)[torch.arange(len(tokens) - 1), tokens[1:]]
        (-chosen.mean()).backward()
        table = table.detach() - lr * table.grad
    return table.softmax(-1)
