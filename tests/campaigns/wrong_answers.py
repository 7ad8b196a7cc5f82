"""Wrong answers as students write them, each with the names that are true of it.

A name that is not listed must not be given: it tells a student of a mistake that is not there.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from grader.course.exercises import home_of
from grader.course.layout import module_of
from grader.course.versions import Version, solution_module


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: its source, what is wrong with it, and the names that are true of it.

    With ``named``, one of these names must be given; without it, no name is fine, too.
    """

    exercise: str
    what: str
    source: str
    true: tuple[str, ...] = ()
    named: bool = False


def version_of(exercise: str, name: str, source: str) -> Version:
    """Make a wrong answer from its source, which sees what the lesson's own module sees."""
    lesson = home_of(exercise)
    namespace: dict[str, Any] = dict(vars(solution_module(lesson)))
    text = textwrap.dedent(source).strip("\n") + "\n"
    exec(compile(text, f"<{name}>", "exec"), namespace)
    return Version(exercise, name, namespace[exercise], module_of(lesson), text=text)


ATTENTION = """
def masked_attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
{}
    empty = (scores == -math.inf).all(dim=-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(empty, 0.0), dim=-1).masked_fill(empty, 0.0)
    return weights @ value, weights
"""


def masked(text: str) -> str:
    """Write a ``masked_attention`` that is right except for how it applies the mask."""
    return ATTENTION.format(textwrap.indent(textwrap.dedent(text).strip("\n"), "    "))


ROTARY = """
def rotary_encoding(x, positions=None, base=10000.0):
    n, d = x.shape[-2:]
    if positions is None:
        positions = torch.arange(n)
    angle = positions[:, None] * base ** (-torch.arange(0, d, 2) / d)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x[..., 0::2], x[..., 1::2]
{}
"""


def rotary(text: str) -> str:
    """Write a ``rotary_encoding`` with angles in float32, as most people do, and this end."""
    return ROTARY.format(textwrap.indent(textwrap.dedent(text).strip("\n"), "    "))


DECODE = """
def greedy_decode(model, source, bos, eos, max_len):
    written = source.new_full((len(source), 1), bos)
    ended = torch.zeros_like(source[:, 0], dtype=torch.bool)
    with torch.no_grad():
        {}
            token = model(source, written)[:, -1].argmax(dim=-1)
            written = torch.cat([written, token[:, None]], dim=1)
            ended = ended | (token == eos)
    return written[:, 1:]
"""

# Answers that were once given a false name.
FALSELY_NAMED = [
    Wrong(
        "masked_attention",
        "asks a tensor for its truth",
        masked("if mask:\n    scores = scores + mask.to(scores.dtype)"),
        ("asks_the_mask_for_truth",),
    ),
    Wrong(
        "masked_attention",
        "asks a tensor for its truth, and has nan in empty rows",
        """
        def masked_attention(query, key, value, mask=None):
            scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
            if mask:
                scores += mask
            weights = torch.softmax(scores, dim=-1)
            return weights @ value, weights
        """,
        ("asks_the_mask_for_truth",),
    ),
    Wrong(
        "masked_attention",
        "takes a mask of numbers for one of booleans",
        masked("if mask is not None:\n    scores = scores.masked_fill(mask, -math.inf)"),
        ("numbers_for_booleans",),
    ),
    Wrong(
        "masked_attention",
        "does not turn the keys",
        """
        def masked_attention(query, key, value, mask=None):
            scores = query @ key / math.sqrt(query.shape[-1])
            if mask is not None:
                scores = scores + mask.to(scores.dtype)
            empty = (scores == -math.inf).all(dim=-1, keepdim=True)
            weights = torch.softmax(scores.masked_fill(empty, 0.0), dim=-1)
            weights = weights.masked_fill(empty, 0.0)
            return weights @ value, weights
        """,
    ),
    Wrong(
        "masked_attention",
        "hides where the mask is 0",
        masked("if mask is not None:\n    scores = scores.masked_fill(mask == 0, -math.inf)"),
        ("mask_inverted",),
    ),
    Wrong(
        "masked_attention",
        "gives every mask an axis for heads",
        masked("if mask is not None:\n    scores = scores + mask.unsqueeze(1).to(scores.dtype)"),
        ("axis_for_heads",),
    ),
    Wrong(
        "masked_attention",
        "writes -inf into its own scores, and leaves empty rows as they are",
        """
        def masked_attention(query, key, value, mask=None):
            scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
            if mask is not None:
                scores[mask == -math.inf] = -math.inf
            weights = torch.softmax(scores, dim=-1)
            return weights @ value, weights
        """,
        ("biases_ignored", "empty_row_nan"),
    ),
    Wrong(
        "masked_attention",
        "writes the weights of empty rows in place",
        """
        def masked_attention(query, key, value, mask=None):
            scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
            if mask is not None:
                scores += mask
            weights = torch.softmax(scores, dim=-1)
            weights[torch.isnan(weights)] = 0.0
            return weights @ value, weights
        """,
        ("nan_replaced_afterwards",),
    ),
    Wrong(
        "batched_attention",
        "does not turn the keys",
        """
        def batched_attention(queries, keys, values):
            weights = softmax(queries @ keys, axis=-1)
            return weights @ values, weights
        """,
    ),
    Wrong(
        "scaled_dot_product_attention",
        "does not turn the keys",
        """
        def scaled_dot_product_attention(query, key, value):
            weights = torch.softmax(query @ key / math.sqrt(query.shape[-1]), dim=-1)
            return weights @ value, weights
        """,
        ("keys_not_turned",),
    ),
    Wrong(
        "MultiHeadAttention",
        "hides where the mask is 0",
        """
        class MultiHeadAttention(nn.Module):
            def __init__(self, d_model, num_heads):
                super().__init__()
                self.num_heads = num_heads
                self.W_query = nn.Linear(d_model, d_model, bias=False)
                self.W_key = nn.Linear(d_model, d_model, bias=False)
                self.W_value = nn.Linear(d_model, d_model, bias=False)
                self.W_output = nn.Linear(d_model, d_model, bias=False)

            def forward(self, x, context=None, mask=None):
                source = x if context is None else context
                query = split_heads(self.W_query(x), self.num_heads)
                key = split_heads(self.W_key(source), self.num_heads)
                value = split_heads(self.W_value(source), self.num_heads)
                scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
                if mask is not None:
                    scores = scores.masked_fill(mask == 0, -math.inf)
                weights = torch.softmax(scores, dim=-1)
                return self.W_output(merge_heads(weights @ value)), weights
        """,
    ),
    Wrong(
        "MultiHeadAttention",
        "gives every mask an axis for heads",
        """
        class MultiHeadAttention(nn.Module):
            def __init__(self, d_model, num_heads):
                super().__init__()
                self.num_heads = num_heads
                self.W_query = nn.Linear(d_model, d_model, bias=False)
                self.W_key = nn.Linear(d_model, d_model, bias=False)
                self.W_value = nn.Linear(d_model, d_model, bias=False)
                self.W_output = nn.Linear(d_model, d_model, bias=False)

            def forward(self, x, context=None, mask=None):
                source = x if context is None else context
                query = split_heads(self.W_query(x), self.num_heads)
                key = split_heads(self.W_key(source), self.num_heads)
                value = split_heads(self.W_value(source), self.num_heads)
                scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
                if mask is not None:
                    scores = scores + mask.unsqueeze(1)
                weights = torch.softmax(scores, dim=-1)
                return self.W_output(merge_heads(weights @ value)), weights
        """,
        ("three_axes_are_a_batch",),
    ),
    Wrong(
        "previous_token_head",
        "matches its own token a little, too",
        """
        def previous_token_head(vocab_size, max_len):
            sharpness = math.sqrt(max_len) * (math.log(max_len) + 10.0)
            shift = torch.diag(torch.ones(max_len - 1), 1)
            nothing = torch.zeros(vocab_size, max_len)
            token = torch.cat([torch.ones(vocab_size, 1), torch.zeros(vocab_size, max_len - 1)], 1)
            return {
                "W_query": torch.cat([token, sharpness * shift], dim=1),
                "W_key": torch.cat([token, torch.eye(max_len)], dim=1),
                "W_value": torch.cat([torch.eye(vocab_size), nothing], dim=1),
            }
        """,
    ),
    Wrong(
        "previous_token_head",
        "matches its own token as sharply as its place",
        """
        def previous_token_head(vocab_size, max_len):
            sharpness = math.sqrt(max_len) * (math.log(max_len) + 10.0)
            shift = torch.diag(torch.ones(max_len - 1), 1)
            same = torch.eye(vocab_size)
            query = torch.block_diag(sharpness * same, sharpness * shift)
            key = torch.block_diag(same, torch.eye(max_len))
            nothing = torch.zeros(vocab_size, max_len + max_len)
            return {
                "W_query": query,
                "W_key": key,
                "W_value": torch.cat([same, torch.zeros(vocab_size, max_len)], dim=1),
            }
        """,
    ),
    Wrong(
        "rotary_encoding",
        "counts on from the first position",
        """
        def rotary_encoding(x, positions=None, base=10000.0):
            n, d = x.shape[-2:]
            start = 0 if positions is None else positions[0]
            positions = start + torch.arange(n)
            frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
            angle = positions[:, None] * frequency
            cos, sin = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
            first, second = x[..., 0::2], x[..., 1::2]
            turned = first * cos - second * sin, first * sin + second * cos
            return torch.stack(turned, dim=-1).flatten(-2)
        """,
        ("counts_on_from_the_first",),
    ),
    Wrong(
        "layer_norm",
        "keeps the standard deviation from falling below eps",
        """
        def layer_norm(x, gain, bias, eps=1e-5):
            mean = x.mean(dim=-1, keepdim=True)
            deviation = x.std(dim=-1, keepdim=True, correction=0).clamp(min=eps)
            return (x - mean) / deviation * gain + bias
        """,
        ("eps_as_a_floor_of_the_deviation",),
    ),
    Wrong(
        "layer_norm",
        "keeps the standard deviation from falling below the root of eps",
        """
        def layer_norm(x, gain, bias, eps=1e-5):
            mean = x.mean(dim=-1, keepdim=True)
            deviation = x.std(dim=-1, keepdim=True, correction=0).clamp(min=eps**0.5)
            return (x - mean) / deviation * gain + bias
        """,
        ("eps_as_a_floor",),
    ),
    Wrong(
        "gelu",
        "draws the gate, number by number",
        """
        def gelu(x):
            share = torch.distributions.Normal(0.0, 1.0).cdf(x)
            return x * torch.bernoulli(share)
        """,
        ("gate_of_a_coin",),
        named=True,
    ),
    Wrong(
        "gelu",
        "adds noise",
        """
        def gelu(x):
            return nn.functional.gelu(x) + 0.1 * torch.randn_like(x)
        """,
    ),
    Wrong(
        "gelu",
        "drops some of the numbers and enlarges the others",
        """
        def gelu(x):
            return nn.functional.dropout(x, 0.5)
        """,
    ),
    Wrong(
        "block_gradients",
        "averages norms of what backward has added up",
        """
        def block_gradients(blocks, final, x, target, pre_norm):
            for block in blocks:
                if pre_norm:
                    x = block(x)
                else:
                    x = block.norm1(x + block.attention(x)[0])
                    x = block.norm2(x + block.feed_forward(x))
            nn.functional.mse_loss(final(x), target).backward()
            norms = []
            for block in blocks:
                own = [p.grad.norm().item() for p in block.parameters() if p.grad is not None]
                norms.append(sum(own) / max(len(own), 1))
            return norms
        """,
    ),
    Wrong(
        "block_gradients",
        "sums the squared errors and forgets the root",
        """
        def block_gradients(blocks, final, x, target, pre_norm):
            for block in blocks:
                if pre_norm:
                    x = block(x)
                else:
                    x = block.norm1(x + block.attention(x)[0])
                    x = block.norm2(x + block.feed_forward(x))
            loss = ((final(x) - target) ** 2).sum()
            found = []
            for block in blocks:
                own = [p for p in block.parameters() if p.requires_grad]
                grads = torch.autograd.grad(loss, own, retain_graph=True) if own else []
                found.append(float(sum((g**2).sum() for g in grads)))
            return found
        """,
    ),
    Wrong(
        "TransformerBlock",
        "asks for a name that is not there",
        """
        class TransformerBlock(nn.Module):
            def __init__(self, d_model, num_heads, d_ff, dropout=0.0):
                super().__init__()
                self.attention = MultiHeadAttention(d_model, num_heads)
                self.feed_forward = FeedForward(d_model, d_ff)
                self.norm1 = nn.LayerNorm(d_model)
                self.norm2 = nn.LayerNorm(d_model)
                self.dropout = nn.Dropout(dropout)

            def forward(self, x, mask=None):
                if dropout > 0:
                    raise ValueError("no dropout here")
                x = x + self.dropout(self.attention(self.norm1(x), mask=mask)[0])
                return x + self.dropout(self.feed_forward(self.norm2(x)))
        """,
    ),
    Wrong(
        "TransformerLM",
        "refuses a block that is full",
        """
        class TransformerLM(nn.Module):
            def __init__(self, vocab_size, d_model, num_heads, num_layers, block_size,
                         d_ff=None, dropout=0.0):
                super().__init__()
                d_ff = 4 * d_model if d_ff is None else d_ff
                self.block_size = block_size
                self.token_embedding = nn.Embedding(vocab_size, d_model)
                self.position_embedding = nn.Embedding(block_size, d_model)
                self.blocks = nn.ModuleList(
                    TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)
                )
                self.norm = nn.LayerNorm(d_model)
                self.head = nn.Linear(d_model, vocab_size)

            def forward(self, tokens):
                length = tokens.shape[1]
                if length > self.block_size:
                    raise ValueError(f"{length} tokens, a block of {self.block_size}")
                if not self.training:
                    raise ValueError("train me first")
                x = self.token_embedding(tokens) + self.position_embedding.weight[:length]
                mask = causal_mask(length)
                for block in self.blocks:
                    x = block(x, mask)
                return self.head(self.norm(x))
        """,
    ),
    Wrong(
        "TransformerLM",
        "refuses one row alone",
        """
        class TransformerLM(nn.Module):
            def __init__(self, vocab_size, d_model, num_heads, num_layers, block_size,
                         d_ff=None, dropout=0.0):
                super().__init__()
                d_ff = 4 * d_model if d_ff is None else d_ff
                self.block_size = block_size
                self.token_embedding = nn.Embedding(vocab_size, d_model)
                self.position_embedding = nn.Embedding(block_size, d_model)
                self.blocks = nn.ModuleList(
                    TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)
                )
                self.norm = nn.LayerNorm(d_model)
                self.head = nn.Linear(d_model, vocab_size)

            def forward(self, tokens):
                rows, length = tokens.shape
                if length >= self.block_size or rows < 2:
                    raise ValueError(f"{length} tokens, a block of {self.block_size}")
                x = self.token_embedding(tokens) + self.position_embedding.weight[:length]
                mask = causal_mask(length)
                for block in self.blocks:
                    x = block(x, mask)
                return self.head(self.norm(x))
        """,
        ("full_block_refused",),
    ),
    Wrong(
        "greedy_decode",
        "runs to the limit and writes on after eos",
        DECODE.format("for _ in range(max_len):"),
        ("never_stops_early", "writes_on_after_eos"),
    ),
    Wrong(
        "greedy_decode",
        "writes on after the limit",
        DECODE.format("for _ in range(max_len + 50):"),
    ),
]

# Answers that make a known mistake in their own way: with another number, an error, a companion.
NAMED = [
    Wrong(
        "softmax",
        "takes the powers in place",
        """
        def softmax(scores, axis=-1):
            scores -= np.max(scores, axis=axis, keepdims=True)
            np.exp(scores, out=scores)
            return scores / np.sum(scores, axis=axis, keepdims=True)
        """,
        ("writes_into_its_input",),
        named=True,
    ),
    Wrong(
        "cosine_similarity",
        "adds a constant to each of the norms",
        """
        def cosine_similarity(query, keys):
            eps = 1e-8
            lengths = np.sqrt((keys**2).sum(axis=1)) + eps
            return keys @ query / (lengths * (np.sqrt(query @ query) + eps))
        """,
        ("padded_lengths",),
        named=True,
    ),
    Wrong(
        "cosine_similarity",
        "takes the arccosine",
        """
        def cosine_similarity(query, keys):
            lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(query)
            lengths[lengths == 0] = 1.0
            return np.arccos(np.clip(np.einsum("nd,d->n", keys, query) / lengths, -1, 1))
        """,
        ("angle",),
        named=True,
    ),
    Wrong(
        "similarity_scores",
        "makes a list",
        """
        def similarity_scores(query, keys):
            return [sum(float(a * b) for a, b in zip(query, key)) for key in keys]
        """,
        ("a_list",),
        named=True,
    ),
    Wrong(
        "scaled_dot_product_attention",
        "takes the softmax in float32",
        """
        def scaled_dot_product_attention(query, key, value):
            scores = query @ key.mT / query.shape[-1] ** 0.5
            weights = scores.softmax(dim=-1, dtype=torch.float32).type_as(query)
            return weights @ value, weights
        """,
        ("float32_inside",),
        named=True,
    ),
    Wrong(
        "scaled_dot_product_attention",
        "unpacks three sizes",
        """
        def scaled_dot_product_attention(query, key, value):
            b, n, d = query.shape
            weights = (torch.einsum("bqd,bkd->bqk", query, key) / math.sqrt(d)).softmax(-1)
            return weights @ value, weights
        """,
        ("only_one_batch_axis",),
        named=True,
    ),
    Wrong(
        "masked_attention",
        "asks a tensor for its truth",
        masked("if mask:\n    scores = scores + mask.to(scores.dtype)"),
        ("asks_the_mask_for_truth",),
        named=True,
    ),
    Wrong(
        "masked_attention",
        "takes a mask of numbers for one of booleans",
        masked("if mask is not None:\n    scores = scores.masked_fill(mask, -math.inf)"),
        ("numbers_for_booleans",),
        named=True,
    ),
    Wrong(
        "masked_attention",
        "fills with the least number of float32",
        """
        def masked_attention(query, key, value, mask=None):
            scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
            if mask is not None:
                scores = scores + mask.to(scores.dtype)
                scores = scores.masked_fill(mask == -math.inf, torch.finfo(torch.float32).min)
            weights = torch.softmax(scores, dim=-1)
            return weights @ value, weights
        """,
        ("empty_row_uniform",),
        named=True,
    ),
    Wrong(
        "causal_mask",
        "hides with the least number of float32",
        """
        def causal_mask(n):
            return torch.triu(torch.ones(n, n), 1) * torch.finfo(torch.float32).min
        """,
        ("finite_fill",),
        named=True,
    ),
    Wrong(
        "local_mask",
        "cuts off a triangle",
        """
        def local_mask(n, window):
            return torch.triu(torch.full((n, n), float("-inf")), diagonal=window)
        """,
        ("past_left_open",),
        named=True,
    ),
    Wrong(
        "alibi_bias",
        "counts from the start by cumsum",
        """
        def alibi_bias(n, num_heads):
            slopes = torch.tensor([2 ** (-8 * (h + 1) / num_heads) for h in range(num_heads)])
            bias = slopes[:, None, None] * torch.ones(n, n).cumsum(dim=-1)
            return bias + torch.full((n, n), -math.inf).triu(1)
        """,
        ("grows_from_the_start",),
        named=True,
    ),
    Wrong(
        "rotary_encoding",
        "counts on from the first position",
        """
        def rotary_encoding(x, positions=None, base=10000.0):
            n, d = x.shape[-2:]
            start = 0 if positions is None else positions[0]
            positions = start + torch.arange(n)
            frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
            angle = positions[:, None] * frequency
            cos, sin = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
            first, second = x[..., 0::2], x[..., 1::2]
            turned = first * cos - second * sin, first * sin + second * cos
            return torch.stack(turned, dim=-1).flatten(-2)
        """,
        ("counts_on_from_the_first",),
        named=True,
    ),
    Wrong(
        "layer_norm",
        "keeps the standard deviation from falling below eps",
        """
        def layer_norm(x, gain, bias, eps=1e-5):
            mean = x.mean(dim=-1, keepdim=True)
            deviation = x.std(dim=-1, keepdim=True, correction=0)
            return (x - mean) / torch.clamp(deviation, min=eps) * gain + bias
        """,
        ("eps_as_a_floor_of_the_deviation",),
        named=True,
    ),
    Wrong(
        "bigram_mle",
        "sums without keeping the axis",
        """
        def bigram_mle(tokens, vocab_size, smoothing=0.0):
            counts = torch.zeros(vocab_size, vocab_size)
            for a, b in zip(tokens[:-1], tokens[1:]):
                counts[a, b] += 1
            counts = counts + smoothing
            totals = counts.sum(dim=1)
            return torch.where(totals > 0, counts / totals, 1 / vocab_size)
        """,
        ("axis_not_kept",),
        named=True,
    ),
    Wrong(
        "sequence_log_prob",
        "adds 1e-9",
        """
        def sequence_log_prob(conditionals):
            return torch.log(conditionals + 1e-9).sum(-1)
        """,
        ("small_number_added",),
        named=True,
    ),
    Wrong(
        "perplexity",
        "hands a float to torch",
        """
        def perplexity(mean_nll):
            return torch.exp(mean_nll)
        """,
        ("tensors_only",),
        named=True,
    ),
    Wrong(
        "attention",
        "scores by the cosine",
        """
        def attention(query, keys, values):
            q, k, v = (np.asarray(part, dtype=float) for part in (query, keys, values))
            scores = (k @ q) / (np.linalg.norm(k, axis=1) * np.linalg.norm(q))
            powers = np.exp(scores - scores.max())
            return [float(number) for number in (powers / powers.sum()) @ v]
        """,
        ("cosine",),
        named=True,
    ),
    Wrong(
        "additive_scores",
        "multiplies W_k by the keys",
        """
        def additive_scores(query, keys, W_q, W_k, v):
            hidden = torch.tanh(torch.mv(W_q, query).unsqueeze(-1) + torch.mm(W_k, keys))
            return torch.mv(hidden.T, v)
        """,
        ("keys_as_columns",),
        named=True,
    ),
    Wrong(
        "multiplicative_scores",
        "scales by the root of the width",
        """
        def multiplicative_scores(query, keys, W):
            return torch.einsum("d,de,ne->n", query, W, keys) * keys.shape[1] ** -0.5
        """,
        ("scaled",),
        named=True,
    ),
    Wrong(
        "alibi_bias",
        "divides 8 by the number of the head",
        """
        def alibi_bias(n, num_heads):
            slopes = 2 ** (-8 / (torch.arange(num_heads) + 1))
            distance = torch.arange(n)[None, :] - torch.arange(n)[:, None]
            bias = slopes[:, None, None] * distance
            return bias.masked_fill(distance > 0, float("-inf"))
        """,
        ("exponent_turned_over",),
        named=True,
    ),
    Wrong(
        "LearnedPositionalEncoding",
        "adds the whole table",
        """
        class LearnedPositionalEncoding(nn.Module):
            def __init__(self, max_len, d_model):
                super().__init__()
                self.embedding = nn.Embedding(max_len, d_model)

            def forward(self, x):
                every = torch.arange(self.embedding.num_embeddings, device=x.device)
                return x + self.embedding(every)
        """,
        ("whole_table",),
        named=True,
    ),
    Wrong(
        "shift_matrix",
        "fits a matrix to a hundred encodings",
        """
        def shift_matrix(k, d, base=10000.0):
            frequency = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
            angle = (torch.arange(100, dtype=torch.float64) + k)[:, None] * frequency
            later = torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(1)
            table = sinusoidal_encoding(100, d, base).double()
            found = torch.linalg.lstsq(table, later.float().double()).solution
            return found.T.float()
        """,
        ("least_squares",),
        named=True,
    ),
    Wrong(
        "fit_bigram",
        "takes AdamW",
        """
        def fit_bigram(tokens, vocab_size, steps, lr):
            logits = torch.zeros(vocab_size, vocab_size, requires_grad=True)
            optimizer = torch.optim.AdamW([logits], lr=lr)
            for _ in range(steps):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(logits[tokens[:-1]], tokens[1:]).backward()
                optimizer.step()
            return logits.detach().softmax(dim=-1)
        """,
        ("adam",),
        named=True,
    ),
    Wrong(
        "fit_bigram",
        "adds 0.01 times the squares to the loss",
        """
        def fit_bigram(tokens, vocab_size, steps, lr):
            W = torch.zeros(vocab_size, vocab_size, requires_grad=True)
            for _ in range(steps):
                loss = torch.nn.functional.cross_entropy(W[tokens[:-1]], tokens[1:])
                loss = loss + 0.01 * (W**2).sum()
                (slope,) = torch.autograd.grad(loss, W)
                with torch.no_grad():
                    W -= lr * slope
            return W.detach().softmax(dim=-1)
        """,
        ("pulled_toward_zero",),
        named=True,
    ),
    Wrong(
        "get_batch",
        "draws with NumPy",
        """
        import numpy as np

        def get_batch(tokens, batch_size, block_size, generator):
            starts = np.random.randint(0, len(tokens) - block_size, size=batch_size)
            rows = tokens[torch.from_numpy(starts)[:, None] + torch.arange(block_size + 1)].long()
            return rows[:, :-1], rows[:, 1:]
        """,
        ("global_generator",),
        named=True,
    ),
    Wrong(
        "sample_next",
        "asks whether top_p is true",
        """
        def sample_next(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
            if temperature == 0:
                return logits.argmax(dim=-1)
            scores = logits / temperature
            if top_k is not None:
                least = torch.sort(scores, descending=True).values[:, :top_k][:, -1:]
                scores = torch.where(scores >= least, scores, -math.inf)
            if top_p:
                ranked, order = scores.softmax(dim=-1).sort(dim=-1, descending=True)
                outside = ranked.cumsum(dim=-1) - ranked >= top_p
                outside[:, 0] = False
                scores = scores.masked_fill(outside.scatter(-1, order, outside), -math.inf)
            chances = scores.softmax(dim=-1)
            return torch.multinomial(chances, 1, generator=generator).squeeze(1)
        """,
        ("top_p_of_zero_ignored",),
        named=True,
    ),
    Wrong(
        "split_heads",
        "asserts that the heads fit",
        """
        def split_heads(x, num_heads):
            *batch, n, d = x.shape
            assert d % num_heads == 0, f"{d} features, {num_heads} heads"
            return x.reshape(*batch, n, num_heads, d // num_heads).transpose(-2, -3)
        """,
        ("assertion",),
        named=True,
    ),
    Wrong(
        "get_batch",
        "draws one start too many",
        """
        def get_batch(tokens, batch_size, block_size, generator):
            high = len(tokens) - block_size + 1
            starts = torch.randint(0, high, (batch_size,), generator=generator)
            x = torch.stack([tokens[i : i + block_size] for i in starts])
            y = torch.stack([tokens[i + 1 : i + 1 + block_size] for i in starts])
            return x.long(), y.long()
        """,
        ("one_start_too_many",),
        named=True,
    ),
    Wrong(
        "train_step",
        "clips the gradient at 1.0",
        """
        def train_step(model, optimizer, x, y):
            loss = negative_log_likelihood(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            return float(loss.detach())
        """,
        ("clipped",),
        named=True,
    ),
    Wrong(
        "attend_with_cache",
        "leaves the mask to is_causal",
        """
        def attend_with_cache(query, key, value, cache=None):
            if cache is not None:
                key = torch.cat([cache[0], key], dim=-2)
                value = torch.cat([cache[1], value], dim=-2)
            output = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            return output, (key, value)
        """,
        ("causal_from_the_top_left",),
        named=True,
    ),
    Wrong(
        "greedy_decode",
        "waits for token 2",
        """
        def greedy_decode(model, source, bos, eos, max_len):
            written = source.new_full((len(source), 1), bos)
            ended = torch.zeros(len(source), dtype=torch.bool)
            with torch.no_grad():
                while written.shape[1] <= max_len and not bool(ended.all()):
                    token = model(source, written)[:, -1].argmax(dim=-1)
                    token = torch.where(ended, 2, token)
                    written = torch.cat([written, token.unsqueeze(1)], dim=1)
                    ended |= token == 2
            return written[:, 1:]
        """,
        ("eos_fixed",),
        named=True,
    ),
    *(
        Wrong("rotary_encoding", f"in float32: {what}", rotary(text), (name,), named=True)
        for what, name, text in (
            (
                "the halves of a vector are the pairs",
                "half_split",
                """
                first, second = x[..., : d // 2], x[..., d // 2 :]
                turned = (first * cos - second * sin, first * sin + second * cos)
                return torch.cat(turned, dim=-1)
                """,
            ),
            (
                "turned clockwise",
                "backward",
                """
                turned = (first * cos + second * sin, second * cos - first * sin)
                return torch.stack(turned, dim=-1).flatten(-2)
                """,
            ),
            (
                "the turned entries in two halves",
                "not_interleaved",
                """
                turned = (first * cos - second * sin, first * sin + second * cos)
                return torch.cat(turned, dim=-1)
                """,
            ),
            (
                "written over before it is read",
                "uses_the_new_entry",
                """
                out = x.clone()
                out[..., 0::2] = out[..., 0::2] * cos - out[..., 1::2] * sin
                out[..., 1::2] = out[..., 0::2] * sin + out[..., 1::2] * cos
                return out
                """,
            ),
        )
    ),
]
