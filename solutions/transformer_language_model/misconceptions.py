"""What goes wrong in lesson 8."""

from __future__ import annotations

import copy
import functools
import math

import torch
from torch import nn
from torch.nn import functional as F

from grader.course.versions import misconception, variant
from solutions.masking import causal_mask
from solutions.mle_language_modeling import negative_log_likelihood
from solutions.transformer_language_model import (
    TransformerLM,
    generate,
    get_batch,
    learning_rate,
    next_logits,
    sample_next,
    train_step,
)

INF = math.inf


# --- get_batch ----------------------------------------------------------------------------------


def _cut(tokens, starts, length):
    """The snippets that begin at these places, and what follows each token."""
    windows = tokens[starts[:, None] + torch.arange(length + 1)].long()
    return windows[:, :-1], windows[:, 1:]


def _starts(tokens, batch_size, block_size, generator):
    return torch.randint(len(tokens) - block_size, (batch_size,), generator=generator)


@misconception(
    "get_batch",
    "last_start_missing",
    "never begins at the last possible place",
    "The end of the text is never predicted. The last snippet that fits ends one token before the "
    "text does; one subtraction too many leaves it out.",
)
def batch_without_last(tokens, batch_size, block_size, generator):
    return _cut(tokens, _starts(tokens[:-1], batch_size, block_size, generator), block_size)


@misconception(
    "get_batch",
    "first_start_missing",
    "never begins at place 0",
    "The first token of the text is never in x.",
)
def batch_without_first(tokens, batch_size, block_size, generator):
    return _cut(tokens, 1 + _starts(tokens[1:], batch_size, block_size, generator), block_size)


@misconception(
    "get_batch",
    "one_start_too_many",
    "now and then begins one place too late",
    "There is room for x at that place, but the token after its last one is no longer in the text.",
)
def batch_one_too_many(tokens, batch_size, block_size, generator):
    last = len(tokens) - block_size + 1
    starts = torch.randint(last, (batch_size,), generator=generator)
    return _cut(tokens, starts, block_size)


@variant("get_batch", "one_start_too_many", "with slices and stack")
def batch_one_too_many_sliced(tokens, batch_size, block_size, generator):
    last = len(tokens) - block_size + 1
    starts = torch.randint(last, (batch_size,), generator=generator).tolist()
    x = torch.stack([tokens[start : start + block_size] for start in starts])
    y = torch.stack([tokens[start + 1 : start + block_size + 1] for start in starts])
    return x.long(), y.long()


@misconception(
    "get_batch",
    "around_the_corner",
    "goes on at the beginning when the text ends",
    "Some snippets hold the end of the text followed by its beginning. Nobody wrote that.",
)
def batch_circular(tokens, batch_size, block_size, generator):
    starts = torch.randint(len(tokens), (batch_size,), generator=generator)
    return _cut(torch.cat([tokens, tokens[: block_size + 1]]), starts, block_size)


@misconception(
    "get_batch",
    "y_is_x",
    "gives x as its own target",
    "A model can then copy its input perfectly, and learns nothing about what comes next.",
)
def batch_same(tokens, batch_size, block_size, generator):
    x, _ = get_batch(tokens, batch_size, block_size, generator)
    return x, x.clone()


@misconception(
    "get_batch",
    "exchanged",
    "returns y first and x second",
    "The model then gets the later tokens and has to predict what came before them.",
)
def batch_exchanged(tokens, batch_size, block_size, generator):
    return get_batch(tokens, batch_size, block_size, generator)[::-1]


@misconception(
    "get_batch",
    "rolled",
    "shifts x by rolling it around",
    "All targets are right except the last one of each row: rolling brings the row's own first "
    "token there.",
)
def batch_rolled(tokens, batch_size, block_size, generator):
    x, _ = get_batch(tokens, batch_size, block_size, generator)
    return x, x.roll(-1, dims=1)


@misconception(
    "get_batch",
    "next_token_only",
    "gives one target for each row",
    "Every position of a snippet predicts its successor: T targets in a row, not one.",
)
def batch_one_target(tokens, batch_size, block_size, generator):
    x, y = get_batch(tokens, batch_size, block_size, generator)
    return x, y[:, -1]


@misconception(
    "get_batch",
    "one_start_for_all",
    "draws a single start for the whole batch",
    "All rows are the same snippet. The gradient is that of one row.",
)
def batch_one_start(tokens, batch_size, block_size, generator):
    return _cut(tokens, _starts(tokens, 1, block_size, generator).repeat(batch_size), block_size)


@misconception(
    "get_batch",
    "one_after_the_other",
    "starts each row one token after the row before",
    "Only the first start is drawn, and each row after it begins one token later. The rows are "
    "nearly the same.",
)
def batch_consecutive(tokens, batch_size, block_size, generator):
    first = _starts(tokens, 1, block_size, generator)
    return _cut(tokens, (first + torch.arange(batch_size)) % (len(tokens) - block_size), block_size)


@misconception(
    "get_batch",
    "without_replacement",
    "never draws a start twice",
    "Rows are not independent, and a batch larger than the number of places comes out too small.",
)
def batch_permuted(tokens, batch_size, block_size, generator):
    order = torch.randperm(len(tokens) - block_size, generator=generator)
    return _cut(tokens, order[:batch_size], block_size)


@misconception(
    "get_batch",
    "side_by_side",
    "begins at multiples of the snippet's length only",
    "The text is cut into fixed pieces, and the tokens on either side of a seam are never seen "
    "together.",
)
def batch_chunks(tokens, batch_size, block_size, generator):
    pieces = (len(tokens) - 1) // block_size
    starts = torch.randint(pieces, (batch_size,), generator=generator) * block_size
    return _cut(tokens, starts, block_size)


@misconception(
    "get_batch",
    "global_generator",
    "does not let the generator decide",
    "In the same state, the generator that is passed in should lead to the same starts. Here the "
    "random numbers come from another generator, such as torch's global one or NumPy's, or this "
    "one is given a new seed. Nobody can repeat such a run.",
)
def batch_global(tokens, batch_size, block_size, generator):
    return get_batch(tokens, batch_size, block_size, None)


@misconception(
    "get_batch",
    "seeded_anew",
    "does not move the generator on",
    "Every call draws the same batch: the generator is put back to where it started, or a copy of "
    "it draws the numbers.",
)
def batch_seeded(tokens, batch_size, block_size, generator):
    return get_batch(
        tokens, batch_size, block_size, generator.manual_seed(generator.initial_seed())
    )


def _seeded_by(generator):
    """The generator, or one that always begins at the same place."""
    return generator or torch.Generator().manual_seed(0)


OF_ITS_OWN = "makes a generator of its own when none is given"
ALWAYS_THE_SAME = (
    "Without a generator, every call draws the same numbers. None means torch's global "
    "generator: torch's own functions use it when they are given None."
)


@misconception("get_batch", "own_when_none", OF_ITS_OWN, ALWAYS_THE_SAME)
def batch_own(tokens, batch_size, block_size, generator):
    return get_batch(tokens, batch_size, block_size, _seeded_by(generator))


@misconception(
    "get_batch",
    "generator_required",
    "fails without a generator",
    "None is allowed, and means torch's global generator.",
)
def batch_needs_generator(tokens, batch_size, block_size, generator):
    generator.get_state()
    return get_batch(tokens, batch_size, block_size, generator)


@misconception(
    "get_batch",
    "small_integers",
    "keeps the text's own integer type",
    "A text is often stored in small integers. Embeddings and losses want indices of dtype long.",
)
def batch_small(tokens, batch_size, block_size, generator):
    x, y = get_batch(tokens, batch_size, block_size, generator)
    return x.to(tokens.dtype), y.to(tokens.dtype)


@misconception(
    "get_batch",
    "floats",
    "returns floating point numbers",
    "Tokens are names, not quantities; an embedding cannot look up 3.0.",
)
def batch_floats(tokens, batch_size, block_size, generator):
    x, y = get_batch(tokens, batch_size, block_size, generator)
    return x.float(), y.float()


@misconception(
    "get_batch",
    "time_first",
    "returns (T, B)",
    "The snippets are the columns; the course puts the batch first.",
)
def batch_time_first(tokens, batch_size, block_size, generator):
    x, y = get_batch(tokens, batch_size, block_size, generator)
    return x.T, y.T


@misconception(
    "get_batch",
    "stacked",
    "returns one tensor for both",
    "The caller unpacks a pair, x and y.",
)
def batch_stacked(tokens, batch_size, block_size, generator):
    return torch.stack(get_batch(tokens, batch_size, block_size, generator))


# --- TransformerLM ------------------------------------------------------------------------------


class _Model(TransformerLM):
    """The model with its joints exposed; the versions below change one each."""

    def forward(self, tokens):
        self.refuse(tokens.shape[1])
        x = self.enter(tokens)
        mask = self.mask(tokens.shape[1])
        return self.leave(self.stack(x, mask))

    def refuse(self, length):
        if length > self.block_size:
            raise ValueError(f"{length} tokens, but the block has {self.block_size}")

    def places(self, length):
        return self.position_embedding.weight[:length]

    def enter(self, tokens):
        return self.token_embedding(tokens) + self.places(tokens.shape[1])

    def mask(self, length):
        return causal_mask(length)

    def stack(self, x, mask):
        for block in self.blocks:
            x = block(x, mask)
        return x

    def leave(self, x):
        return self.head(self.norm(x))


@misconception(
    "TransformerLM",
    "plain_list",
    "keeps its blocks in a plain list",
    "The result is right, but parameters() does not look into a list: no optimizer would ever "
    "change the blocks. nn.ModuleList is a list that it looks into.",
)
class ModelPlainList(_Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        blocks = list(self.blocks)
        del self.blocks
        object.__setattr__(self, "blocks", blocks)


@misconception(
    "TransformerLM",
    "no_mask",
    "lets every position see the whole snippet",
    "Position t sees token t + 1, the very token that it should predict. In training the loss "
    "falls to almost nothing; when the model has to write, the future is not there.",
)
class NoMask(_Model):
    def mask(self, length):
        return None


@misconception(
    "TransformerLM",
    "mask_in_first_block_only",
    "masks the first block only",
    "From the second block on the future is visible. One leak is enough.",
)
class MaskInFirst(_Model):
    def stack(self, x, mask):
        for layer, block in enumerate(self.blocks):
            x = block(x, None if layer else mask)
        return x


@misconception(
    "TransformerLM",
    "error_without_numbers",
    "does not say how many tokens there are, and how many fit",
    "A reader of the message has to guess why. The message should name both numbers.",
)
class RefusesWithoutNumbers(_Model):
    def refuse(self, length):
        if length > self.block_size:
            raise ValueError("the text is too long for the block")


@misconception(
    "TransformerLM",
    "sees_one_ahead",
    "lets every position see its successor as well",
    "The diagonal above the main one is visible, and that is where the token to be predicted is.",
)
class OneAhead(_Model):
    def mask(self, length):
        return torch.full((length, length), -INF).triu(2)


@misconception(
    "TransformerLM",
    "hides_itself",
    "hides every position from itself",
    "The main diagonal may be seen: the token at t is the best clue to the one at t + 1. Without "
    "it the first position sees nothing at all.",
)
class HidesItself(_Model):
    def mask(self, length):
        return torch.full((length, length), -INF).triu(0)


@misconception(
    "TransformerLM",
    "sees_the_future_only",
    "hides the past instead of the future",
    "The mask is transposed: rows are queries, columns are keys.",
)
class FutureOnly(_Model):
    def mask(self, length):
        return torch.full((length, length), -INF).tril(-1)


@misconception(
    "TransformerLM",
    "no_positions",
    "leaves out the positions",
    "With tokens alone, the first block cannot tell in which order the tokens before a place "
    "came: it sees a bag of words, as in lesson 2.",
)
class NoPositions(_Model):
    def enter(self, tokens):
        return self.token_embedding(tokens)


@misconception(
    "TransformerLM",
    "positions_from_one",
    "counts the places from 1",
    "Place 0 has a vector, too; and in a full block the last place is left without one.",
)
class PositionsFromOne(_Model):
    def places(self, length):
        return self.position_embedding.weight[1 : length + 1]


@misconception(
    "TransformerLM",
    "positions_from_the_end",
    "gives a short snippet the last position vectors",
    "A snippet that is shorter than the window begins at place 0.",
)
class PositionsFromEnd(_Model):
    def places(self, length):
        return self.position_embedding.weight[self.block_size - length :]


@misconception(
    "TransformerLM",
    "one_position_for_all",
    "adds one and the same position vector everywhere",
    "The vector of the last place goes to all tokens, so no two places differ.",
)
class OnePosition(_Model):
    def places(self, length):
        return self.position_embedding.weight[length - 1]


@misconception(
    "TransformerLM",
    "positions_looked_up_by_token",
    "looks up positions by token",
    "The table of positions is indexed with the tokens, not with their places.",
)
class PositionsByToken(_Model):
    def enter(self, tokens):
        index = tokens % self.block_size
        return self.token_embedding(tokens) + self.position_embedding(index)


@misconception(
    "TransformerLM",
    "positions_in_every_block",
    "adds the positions again before every block",
    "Once is enough: the stream carries the positions on.",
)
class PositionsAgain(_Model):
    def stack(self, x, mask):
        for layer, block in enumerate(self.blocks):
            x = block(x + self.places(x.shape[1]) if layer else x, mask)
        return x


@misconception(
    "TransformerLM",
    "positions_multiplied",
    "multiplies by the positions",
    "The token's vector and its position's vector are added.",
)
class PositionsMultiplied(_Model):
    def enter(self, tokens):
        return self.token_embedding(tokens) * self.places(tokens.shape[1])


@misconception(
    "TransformerLM",
    "embedding_scaled",
    "scales the token vectors by the root of the width",
    "The transformer of 2017 does that, with fixed waves for positions; this model learns both "
    "tables and adds their vectors as they are.",
)
class Scaled(_Model):
    def enter(self, tokens):
        root = math.sqrt(self.token_embedding.embedding_dim)
        return root * self.token_embedding(tokens) + self.places(tokens.shape[1])


@misconception(
    "TransformerLM",
    "no_last_norm",
    "leaves out the last layer norm",
    "In pre-norm nothing else brings the stream back to a common size before the head reads it.",
)
class NoNorm(_Model):
    def leave(self, x):
        return self.head(x)


@misconception(
    "TransformerLM",
    "norm_before_the_blocks",
    "normalizes before the blocks, not after them",
    "The norm belongs to the end of the stream.",
)
class NormFirst(_Model):
    def enter(self, tokens):
        return self.norm(super().enter(tokens))

    def leave(self, x):
        return self.head(x)


@misconception(
    "TransformerLM",
    "norm_after_every_block",
    "normalizes after every block",
    "In pre-norm the stream itself is never normalized, only what goes into a sub-layer or into "
    "the head.",
)
class NormAlways(_Model):
    def stack(self, x, mask):
        for block in self.blocks:
            x = self.norm(block(x, mask))
        return x

    def leave(self, x):
        return self.head(x)


@misconception(
    "TransformerLM",
    "first_block_only",
    "uses the first block alone",
    "The other blocks exist, but are never called.",
)
class FirstOnly(_Model):
    def stack(self, x, mask):
        return self.blocks[0](x, mask) if len(self.blocks) else x


@misconception(
    "TransformerLM",
    "one_block_again_and_again",
    "uses the first block every time",
    "Every block has weights of its own, and each one should be used once.",
)
class SameBlock(_Model):
    def stack(self, x, mask):
        for _ in self.blocks:
            x = self.blocks[0](x, mask)
        return x


@misconception(
    "TransformerLM",
    "blocks_backwards",
    "goes through the blocks from last to first",
    "Their order is that of the list.",
)
class Backwards(_Model):
    def stack(self, x, mask):
        for block in reversed(self.blocks):
            x = block(x, mask)
        return x


@misconception(
    "TransformerLM",
    "blocks_in_parallel",
    "gives every block the same input",
    "What one block has found never reaches the next one: they should follow each other.",
)
class Parallel(_Model):
    def stack(self, x, mask):
        return x + sum((block(x, mask) - x for block in self.blocks), torch.zeros(()))


@misconception(
    "TransformerLM",
    "residual_twice",
    "adds a residual around the blocks",
    "A block returns the stream with its own additions already; adding the stream again doubles "
    "it.",
)
class ResidualTwice(_Model):
    def stack(self, x, mask):
        for block in self.blocks:
            x = x + block(x, mask)
        return x


@misconception(
    "TransformerLM",
    "probabilities",
    "returns probabilities",
    "The exercise asks for logits. The loss and the sampler apply softmax themselves; twice is "
    "once too often.",
)
class Probabilities(_Model):
    def leave(self, x):
        return super().leave(x).softmax(dim=-1)


@misconception(
    "TransformerLM",
    "log_probabilities",
    "returns log-probabilities",
    "The exercise asks for logits. In each row these differ from the logits by one number, which "
    "softmax removes again; but they are not the same.",
)
class LogProbabilities(_Model):
    def leave(self, x):
        return super().leave(x).log_softmax(dim=-1)


@misconception(
    "TransformerLM",
    "last_position_only",
    "returns the last position's logits alone",
    "All T positions predict, so one snippet gives T lessons.",
)
class LastOnly(_Model):
    def leave(self, x):
        return super().leave(x[:, -1])


@misconception(
    "TransformerLM",
    "tied_head",
    "uses the token vectors instead of the head",
    "Weight tying is a good idea in many models, but this model has a head of its own, with a "
    "bias.",
)
class Tied(_Model):
    def leave(self, x):
        return self.norm(x) @ self.token_embedding.weight.T


@misconception(
    "TransformerLM",
    "head_without_bias",
    "drops the head's bias",
    "The bias holds what the model knows about how frequent each token is.",
)
class NoBias(_Model):
    def leave(self, x):
        return self.norm(x) @ self.head.weight.T


@misconception(
    "TransformerLM",
    "cuts_silently",
    "drops what does not fit into the window",
    "A caller who passes too many tokens gets logits for other places than those asked for, "
    "without a warning.",
)
class Cuts(_Model):
    def forward(self, tokens):
        return super().forward(tokens[:, -self.block_size :])


@misconception(
    "TransformerLM",
    "left_to_torch",
    "leaves it to PyTorch to complain",
    "PyTorch's error mentions an index or shapes; the caller then has to work out that the text "
    "is longer than the window.",
)
class LeftToTorch(_Model):
    def refuse(self, length):
        pass

    def places(self, length):
        return self.position_embedding(torch.arange(length))


@misconception(
    "TransformerLM",
    "assertion",
    "raises an AssertionError",
    "An assert is a note to oneself, and Python can be told to skip it. A caller's mistake is a "
    "ValueError.",
)
class AssertsTheLength(_Model):
    def refuse(self, length):
        assert length <= self.block_size, f"{length} tokens, a block of {self.block_size}"


@misconception(
    "TransformerLM",
    "full_block_refused",
    "refuses a full block",
    "Exactly block_size tokens fit.",
)
class FullRefused(_Model):
    def refuse(self, length):
        if length >= self.block_size:
            raise ValueError(f"{length} tokens, but the block has {self.block_size}")


@misconception(
    "TransformerLM",
    "dropout_always",
    "applies dropout in evaluation mode, too",
    "The entries of the blocks' outputs are still dropped after model.eval(). Dropout should look "
    "at the mode: nn.Dropout does so by itself, F.dropout must be told.",
)
class DropoutAlways(_Model):
    def stack(self, x, mask):
        return super().stack(x, mask) if not self.blocks.train() else super().stack(x, mask)


@misconception(
    "TransformerLM",
    "dropout_never",
    "never applies dropout",
    "In training mode nothing is dropped, though the model was built with a dropout above 0. It "
    "has to reach the blocks, and the blocks have to be in training mode.",
)
class DropoutNever(_Model):
    def stack(self, x, mask):
        self.blocks.eval()
        return super().stack(x, mask)


@misconception(
    "TransformerLM",
    "dropout_of_its_own",
    "has dropout outside the blocks, too",
    "GPT-2 also drops entries of the embeddings. This contract has dropout in the blocks alone.",
)
class DropoutOnEmbeddings(_Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        p = args[6] if len(args) > 6 else kwargs.get("dropout", 0.0)
        self.dropout = nn.Dropout(p)

    def enter(self, tokens):
        return self.dropout(super().enter(tokens))


@misconception(
    "TransformerLM",
    "detached",
    "cuts the graph before the head",
    "Only the head learns; no gradient reaches the blocks and the embeddings.",
)
class Detached(_Model):
    def leave(self, x):
        return super().leave(x.detach())


@misconception(
    "TransformerLM",
    "float32_only",
    "turns everything into float32",
    "The logits have the dtype of the weights.",
)
class Float32(_Model):
    def leave(self, x):
        return super().leave(x).float()


# --- train_step ---------------------------------------------------------------------------------


@misconception(
    "train_step",
    "gradients_add_up",
    "never clears the gradients",
    "PyTorch adds each new gradient to the old one. The first step is right; from the second on, "
    "all earlier batches pull as well.",
)
def step_accumulates(model, optimizer, x, y):
    loss = negative_log_likelihood(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "cleared_after_the_step",
    "clears the gradients only after the step",
    "From the second step on that makes no difference. In the first step, gradients that somebody "
    "else left in the parameters take part.",
)
def step_clears_after(model, optimizer, x, y):
    loss = negative_log_likelihood(model(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


@misconception(
    "train_step",
    "nothing_moves",
    "moves nothing",
    "The loss is right, but the parameters do not change. Either no step is taken, or the "
    "optimizer finds no gradients, because they are cleared between backward and step, or because "
    "step comes before backward.",
)
def step_clears_between(model, optimizer, x, y):
    loss = negative_log_likelihood(model(x), y)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "two_steps",
    "takes two steps",
    "One batch should give one step: the second follows a gradient that no longer holds.",
)
def step_twice(model, optimizer, x, y):
    loss = train_step(model, optimizer, x, y)
    optimizer.step()
    return loss


@misconception(
    "train_step",
    "loss_after",
    "returns the loss after the step",
    "That loss is measured on the batch that the model has just been fitted to. The exercise asks "
    "for the loss before the step.",
)
def step_loss_after(model, optimizer, x, y):
    train_step(model, optimizer, x, y)
    with torch.no_grad():
        return negative_log_likelihood(model(x), y).item()


@misconception(
    "train_step",
    "tensor_returned",
    "returns the loss as a tensor",
    "The tensor drags its whole graph along: a list of a thousand losses keeps a thousand graphs "
    "in memory.",
)
def step_tensor(model, optimizer, x, y):
    loss = negative_log_likelihood(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@misconception(
    "train_step",
    "nothing_returned",
    "returns nothing",
    "Without the loss nobody can see whether the model learns.",
)
def step_silent(model, optimizer, x, y):
    train_step(model, optimizer, x, y)


def _minimize(optimizer, loss, shown=None):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return (loss if shown is None else shown).item()


@misconception(
    "train_step",
    "uphill",
    "climbs instead of descending",
    "The sign of the loss is flipped, so the step lowers the probability of the right tokens.",
)
def step_uphill(model, optimizer, x, y):
    loss = negative_log_likelihood(model(x), y)
    return _minimize(optimizer, -loss, loss)


@misconception(
    "train_step",
    "view_of_the_targets",
    "flattens y with view",
    "view needs numbers that lie side by side in memory. Those of a y that was cut out of longer "
    "snippets do not; reshape and flatten copy them where necessary.",
)
def step_view(model, optimizer, x, y):
    loss = negative_log_likelihood(model(x).flatten(0, 1), y.view(-1))
    return _minimize(optimizer, loss)


@misconception(
    "train_step",
    "batch_changed",
    "shifts the caller's y in place",
    "The next step on the same batch gets different targets.",
)
def step_batch_changed(model, optimizer, x, y):
    loss = train_step(model, optimizer, x, y)
    y.sub_(1)
    return loss


@misconception(
    "train_step",
    "summed",
    "minimizes the sum over all predictions",
    "The step then grows with the size of the batch. The exercise asks for the mean.",
)
def step_summed(model, optimizer, x, y):
    return _minimize(optimizer, negative_log_likelihood(model(x), y) * y.numel())


@misconception(
    "train_step",
    "summed_over_time",
    "takes the mean over the rows and the sum over the positions",
    "All B·T predictions should have equal weight, in one mean.",
)
def step_summed_over_time(model, optimizer, x, y):
    return _minimize(optimizer, negative_log_likelihood(model(x), y) * y.shape[1])


@misconception(
    "train_step",
    "bits",
    "measures in bits",
    "Bits are nats divided by ln 2: the gradient grows, and the step with it.",
)
def step_bits(model, optimizer, x, y):
    return _minimize(optimizer, negative_log_likelihood(model(x), y) / math.log(2))


@misconception(
    "train_step",
    "perplexity_returned",
    "returns the perplexity",
    "The step is right, but the number returned is e to the power of the loss.",
)
def step_perplexity(model, optimizer, x, y):
    return math.exp(train_step(model, optimizer, x, y))


@misconception(
    "train_step",
    "predicts_itself",
    "asks the model to predict x",
    "The target of every position is the token that follows, y.",
)
def step_itself(model, optimizer, x, y):
    return train_step(model, optimizer, x, x)


@misconception(
    "train_step",
    "shifted_again",
    "shifts the targets once more",
    "y is one token ahead of x already. After a second shift the model learns to skip a token.",
)
def step_shifted(model, optimizer, x, y):
    if y.shape[1] == 1:
        return train_step(model, optimizer, x, y)
    return train_step(model, optimizer, x[:, :-1], y[:, 1:])


@misconception(
    "train_step",
    "last_position_only",
    "trains on the last position alone",
    "Every position predicts its successor, and all these predictions count.",
)
def step_last(model, optimizer, x, y):
    return _minimize(optimizer, negative_log_likelihood(model(x)[:, -1], y[:, -1]))


@misconception(
    "train_step",
    "softmax_twice",
    "puts probabilities where logits belong",
    "The loss applies softmax itself. Probabilities lie between 0 and 1, so after a second "
    "softmax no token can ever be likely.",
)
def step_softmax(model, optimizer, x, y):
    return _minimize(optimizer, negative_log_likelihood(model(x).softmax(-1), y))


@misconception(
    "train_step",
    "rows_mixed",
    "lines the logits up with the wrong targets",
    "The logits are flattened in one order, the targets in another: tokens meet the logits of "
    "other places.",
)
def step_mixed(model, optimizer, x, y):
    return _minimize(optimizer, negative_log_likelihood(model(x).flatten(0, 1), y.T.flatten()))


@misconception(
    "train_step",
    "clipped",
    "clips the gradient",
    "Clipping is often a good idea, but the exercise asks for a plain step. Here a large gradient "
    "is quietly made small.",
    largest=(0.1, 0.5, 1.0),
)
def step_clipped(model, optimizer, x, y, *, largest=0.25):
    loss = negative_log_likelihood(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), largest)
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    "own_descent",
    "moves the parameters by hand",
    "That is plain gradient descent, whatever optimizer was passed in: no momentum, no Adam.",
)
def step_by_hand(model, optimizer, x, y):
    loss = negative_log_likelihood(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= optimizer.param_groups[0]["lr"] * parameter.grad
    return loss.item()


@misconception(
    "train_step",
    "forgetful_optimizer",
    "makes the optimizer forget",
    "What momentum and Adam remember of earlier steps is thrown away, so every step is a first "
    "step.",
)
def step_forgetful(model, optimizer, x, y):
    optimizer.state.clear()
    return train_step(model, optimizer, x, y)


@misconception(
    "train_step",
    "switches_to_training",
    "puts the model into training mode",
    "The mode is the caller's decision: a model in evaluation mode should stay in it, without "
    "dropout.",
)
def step_trains(model, optimizer, x, y):
    return train_step(model.train(), optimizer, x, y)


@misconception(
    "train_step",
    "switches_to_evaluation",
    "puts the model into evaluation mode",
    "Dropout is off, although the caller left it on.",
)
def step_evaluates(model, optimizer, x, y):
    return train_step(model.eval(), optimizer, x, y)


@misconception(
    "train_step",
    "evaluation_afterwards",
    "leaves the model in evaluation mode",
    "The step itself is right; all later steps go without dropout.",
)
def step_evaluation_after(model, optimizer, x, y):
    loss = train_step(model, optimizer, x, y)
    model.eval()
    return loss


# --- sample_next --------------------------------------------------------------------------------


def _kept(scores, top_k):
    if top_k is None:
        return scores
    bar = scores.topk(min(top_k, scores.shape[-1])).values[:, -1:]
    return scores.masked_fill(scores < bar, -INF)


def _nucleus(scores, top_p, outside=None):
    """Hide what ``outside(ranked, front)`` names; ``front`` is the mass before a token."""
    if top_p is None:
        return scores
    ranked, order = scores.softmax(-1).sort(descending=True)
    front = ranked.cumsum(-1) - ranked
    if outside is None:
        gone = front >= top_p
        gone[:, 0] = False
    else:
        gone = outside(ranked, front)
    return scores.masked_fill(gone.scatter(-1, order, gone), -INF)


def _pick(scores, generator):
    return torch.multinomial(scores.softmax(-1), 1, generator=generator)[:, 0]


@misconception(
    "sample_next",
    "always_greedy",
    "always takes the most likely token",
    "Temperature 0 asks for that. Otherwise less likely tokens should come, too, as often as the "
    "model says.",
)
def sample_greedy(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return logits.argmax(-1)


@misconception(
    "sample_next",
    "uniform_over_what_is_left",
    "draws all remaining tokens equally often",
    "The probabilities of the tokens that are kept should keep their proportions.",
)
def sample_uniform(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = _nucleus(_kept(logits / temperature, top_k), top_p)
    return _pick(torch.where(scores > -INF, 0.0, -INF), generator)


@misconception(
    "sample_next",
    "temperature_multiplied",
    "multiplies by the temperature",
    "A high temperature should make the choice more even; multiplying makes it sharper.",
)
def sample_multiplied(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    return sample_next(logits * temperature, 1.0, top_k, top_p, generator)


@misconception(
    "sample_next",
    "temperature_of_probabilities",
    "divides the probabilities by the temperature",
    "Divided by one number and scaled to sum to 1 again, the probabilities are the same as "
    "before. Divide the logits.",
)
def sample_ignores_temperature(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    return sample_next(logits, 1.0, top_k, top_p, generator)


@misconception(
    "sample_next",
    "temperature_zero_divides",
    "divides by a temperature of 0",
    "0 stands for the limit, the most likely token. A division by it gives inf and nan.",
)
def sample_zero(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return _pick(_nucleus(_kept(logits / temperature, top_k), top_p), generator)


@misconception(
    "sample_next",
    "temperature_bounded",
    "raises small temperatures",
    "The logits are divided by a larger number than the temperature, so tokens are drawn where the "
    "most likely one was asked for, or too evenly. 0 is a case of its own.",
    least=(1e-3, 0.1, 0.3),
)
def sample_bounded(logits, temperature=1.0, top_k=None, top_p=None, generator=None, *, least=1e-5):
    return sample_next(logits, max(temperature, least), top_k, top_p, generator)


@variant("sample_next", "temperature_bounded", "by adding a number")
def sample_raised(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits, temperature + 1e-2, top_k, top_p, generator)


@misconception(
    "sample_next",
    "finite_fill",
    "hides tokens by a logit that is low, but not -inf",
    "Where the other logits are lower still, the hidden tokens come out as the most likely ones.",
    fill=(-1e3, -100.0),
)
def sample_filled(logits, temperature=1.0, top_k=None, top_p=None, generator=None, *, fill=-1e4):
    if temperature == 0:
        return logits.argmax(-1)
    scores = _nucleus(_kept(logits / temperature, top_k), top_p)
    return _pick(scores.masked_fill(scores == -INF, fill), generator)


@misconception(
    "sample_next",
    "temperature_zero_is_one",
    "takes a temperature of 0 to mean no temperature",
    "Here 0 is a number with a meaning, greedy; `if temperature:` cannot tell 0 from None.",
)
def sample_falsy(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits, temperature or 1.0, top_k, top_p, generator)


@misconception(
    "sample_next",
    "temperature_last",
    "applies the temperature last",
    "The nucleus is then found at temperature 1, and may hold the wrong tokens.",
)
def sample_temperature_last(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    return _pick(_nucleus(_kept(logits, top_k), top_p) / temperature, generator)


@misconception(
    "sample_next",
    "nucleus_first",
    "takes the nucleus by the probabilities that the tokens had before top_k",
    "Either top_p comes before top_k, or the probabilities of the k tokens that are left are not "
    "made to sum to 1 again before top_p.",
)
def sample_nucleus_first(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    return _pick(_kept(_nucleus(logits / temperature, top_p), top_k), generator)


@misconception(
    "sample_next",
    "crossing_token_out",
    "leaves out the token that crosses top_p",
    "The tokens that are kept then have less mass than top_p. The smallest set that *reaches* "
    "top_p holds the crossing token.",
)
def sample_crossing_out(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)

    def outside(ranked, front):
        gone = front + ranked > top_p
        gone[:, 0] = False
        return gone

    return _pick(_nucleus(_kept(logits / temperature, top_k), top_p, outside), generator)


@misconception(
    "sample_next",
    "empty_nucleus",
    "lets the nucleus be empty",
    "If the first token alone has more mass than top_p, nothing is left to draw from.",
)
def sample_empty(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = _kept(logits / temperature, top_k)
    scores = _nucleus(scores, top_p, lambda ranked, front: front + ranked > top_p)
    return _pick(scores, generator)


@misconception(
    "sample_next",
    "top_p_of_zero_ignored",
    "treats a top_p of 0 as None",
    "For `if`, 0 is as false as None. A nucleus of mass 0 holds the most likely token alone.",
)
def sample_if_top_p(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits, temperature, top_k, top_p or None, generator)


@misconception(
    "sample_next",
    "one_too_many_in_the_nucleus",
    "keeps one token too many",
    "A set that has reached top_p is complete; the next token goes.",
)
def sample_generous(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)

    def outside(ranked, front):
        return F.pad(front >= top_p, (1, 0))[:, :-1]

    return _pick(_nucleus(_kept(logits / temperature, top_k), top_p, outside), generator)


@misconception(
    "sample_next",
    "top_p_for_single_tokens",
    "keeps the tokens whose own probability reaches top_p",
    "top_p is about the mass of a set, not about that of one token.",
)
def sample_threshold(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)

    def outside(ranked, front):
        gone = ranked < top_p
        gone[:, 0] = False
        return gone

    return _pick(_nucleus(_kept(logits / temperature, top_k), top_p, outside), generator)


@misconception(
    "sample_next",
    "rarest_first",
    "collects the nucleus starting from the least likely token",
    "The probabilities are sorted in ascending order. The nucleus is made of the likeliest tokens.",
)
def sample_ascending(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = _kept(logits / temperature, top_k)
    if top_p is not None:
        ranked, order = scores.softmax(-1).sort()
        gone = ranked.cumsum(-1) - ranked >= top_p
        scores = scores.masked_fill(gone.scatter(-1, order, gone), -INF)
    return _pick(scores, generator)


@misconception(
    "sample_next",
    "ranks_returned",
    "returns a place in the sorted row",
    "After sorting, place 0 holds the most likely token, whatever its number is. Translate the "
    "place back into a token.",
)
def sample_ranks(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = _nucleus(_kept(logits / temperature, top_k), top_p)
    if top_p is not None:
        scores = scores.sort(descending=True).values
    return _pick(scores, generator)


@misconception(
    "sample_next",
    "mask_in_sorted_order",
    "applies the mask of the sorted row to the unsorted row",
    "The decision concerns the token at that rank, not the token with that number.",
)
def sample_unsorted_mask(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = _kept(logits / temperature, top_k)
    if top_p is not None:
        ranked = scores.softmax(-1).sort(descending=True).values
        gone = ranked.cumsum(-1) - ranked >= top_p
        gone[:, 0] = False
        spared = scores.masked_fill(gone, -INF)
        scores = torch.where((spared > -INF).any(-1, keepdim=True), spared, scores)
    return _pick(scores, generator)


@misconception(
    "sample_next",
    "zero_in_place_of_minus_infinity",
    "gives hidden tokens the logit 0",
    "A logit of 0 gives a token a chance like any other: e to the power 0 is 1. To hide a token, "
    "use -inf.",
)
def sample_zero_fill(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = _nucleus(_kept(logits / temperature, top_k), top_p)
    hidden = (scores == -INF) & (logits > -INF)
    return _pick(scores.masked_fill(hidden, 0.0), generator)


@misconception(
    "sample_next",
    "top_k_ignored",
    "ignores top_k",
    "All tokens stay, however many were asked for.",
)
def sample_no_top_k(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits, temperature, None, top_p, generator)


@misconception(
    "sample_next",
    "top_k_one_too_many",
    "keeps k + 1 tokens",
    "Counted from 0, the k-th largest has index k - 1.",
)
def sample_k_plus_one(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    more = None if top_k is None else top_k + 1
    return sample_next(logits, temperature, more, top_p, generator)


@misconception(
    "sample_next",
    "top_k_beyond_fails",
    "fails when top_k is larger than the vocabulary",
    "There are not that many tokens to rank. A top_k beyond the vocabulary means all of them.",
)
def sample_k_beyond(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if top_k is not None:
        logits.topk(top_k)
    return sample_next(logits, temperature, top_k, top_p, generator)


@misconception(
    "sample_next",
    "first_rows_bar",
    "applies the first row's bar to all rows",
    "The bar of top_k is the k-th largest logit of each row, and rows differ.",
)
def sample_first_bar(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = logits / temperature
    if top_k is not None:
        bar = scores.topk(min(top_k, scores.shape[-1])).values[0, -1]
        scores = scores.masked_fill(scores < bar, -INF)
        empty = (scores == -INF).all(-1, keepdim=True)
        scores = torch.where(empty, logits / temperature, scores)
    return _pick(_nucleus(scores, top_p), generator)


@misconception(
    "sample_next",
    "one_number_for_all_rows",
    "draws one random number for the whole batch",
    "Rows with equal probabilities then all get the same token.",
)
def sample_shared(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    shares = _nucleus(_kept(logits / temperature, top_k), top_p).softmax(-1)
    point = torch.rand(1, 1, generator=generator, dtype=shares.dtype).expand(len(shares), 1)
    total = shares.cumsum(-1)
    return torch.searchsorted(total / total[:, -1:], point.contiguous(), right=True)[:, 0]


@misconception(
    "sample_next",
    "first_row_only",
    "draws for the first row and repeats it",
    "Every row has logits of its own.",
)
def sample_first_row(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits[:1], temperature, top_k, top_p, generator).expand(len(logits))


@misconception(
    "sample_next",
    "column",
    "returns (B, 1)",
    "The result should have one token for each row: shape (B,).",
)
def sample_column(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits, temperature, top_k, top_p, generator)[:, None]


@misconception(
    "sample_next",
    "global_generator",
    "does not let the generator decide",
    "In the same state, the generator that is passed in should lead to the same tokens. Here the "
    "random numbers come from another generator, such as torch's global one or NumPy's, or this "
    "one is given a new seed.",
)
def sample_global(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits, temperature, top_k, top_p)


@misconception(
    "sample_next",
    "seeded_anew",
    "does not move the generator on",
    "Every call draws the same numbers, so a text repeats itself: the generator is put back to "
    "where it started, or a copy of it draws the numbers.",
)
def sample_seeded(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if generator is not None:
        generator.manual_seed(generator.initial_seed())
    return sample_next(logits, temperature, top_k, top_p, generator)


@misconception("sample_next", "own_when_none", OF_ITS_OWN, ALWAYS_THE_SAME)
def sample_own(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(logits, temperature, top_k, top_p, _seeded_by(generator))


@misconception(
    "sample_next",
    "generator_required",
    "fails without a generator",
    "None is allowed, and means torch's global generator.",
)
def sample_needs_generator(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature != 0:
        generator.get_state()
    return sample_next(logits, temperature, top_k, top_p, generator)


@misconception(
    "sample_next",
    "unstable",
    "takes exp of the logits as they are",
    "exp(1000) is inf, and exp(-1000) is 0: these give no probabilities.",
)
def sample_unstable(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    powers = _nucleus(_kept(logits / temperature, top_k), top_p).exp()
    return torch.multinomial(powers / powers.sum(-1, keepdim=True), 1, generator=generator)[:, 0]


@misconception(
    "sample_next",
    "in_place",
    "divides the caller's logits in place",
    "A caller who uses the logits again gets different numbers.",
)
def sample_in_place(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits /= temperature
    return sample_next(logits, 1.0, top_k, top_p, generator)


@misconception(
    "sample_next",
    "in_place_where_nothing_is_divided",
    "hides tokens in the caller's own logits",
    "At temperature 1 nothing is divided, so no new tensor is made; what top_p hides is then gone "
    "from the caller's logits, too.",
)
def sample_in_place_at_one(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = logits if temperature == 1 else logits / temperature
    scores = _kept(scores, top_k)
    if top_p is not None:
        scores[_nucleus(scores, top_p) == -INF] = -INF
    return _pick(scores, generator)


@misconception(
    "sample_next",
    "no_graph_allowed",
    "takes the logits to NumPy as they are",
    "The logits of a model in training belong to a graph, and NumPy refuses them. Detach them "
    "first, or stay in torch.",
)
def sample_by_numpy(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    return sample_next(torch.from_numpy(logits.numpy()), temperature, top_k, top_p, generator)


# --- generate -----------------------------------------------------------------------------------


def _write(
    model,
    prompt,
    count,
    sampling,
    *,
    see=lambda model, tokens: tokens[:, -model.block_size :],
    read=lambda logits: logits[:, -1],
):
    """The loop, with what the model sees and which logits are read as parameters."""
    tokens = prompt
    with torch.no_grad():
        for _ in range(count):
            drawn = sample_next(read(model(see(model, tokens))), **sampling)
            tokens = torch.cat([tokens, drawn[:, None]], dim=1)
    return tokens


def _in_evaluation(model, work):
    was = model.training
    model.eval()
    result = work()
    model.train(was)
    return result


@misconception(
    "generate",
    "training_mode_inside",
    "lets the model, or a part of it, work in training mode",
    "In training mode dropout makes it a different, weaker model at every step. model.eval() "
    "reaches all parts of the model; model.training = False does not.",
)
def generate_in_training(model, prompt, max_new_tokens, **sampling):
    return _write(model, prompt, max_new_tokens, sampling)


@misconception(
    "generate",
    "leaves_evaluation_mode",
    "leaves the model in evaluation mode",
    "Training then goes on without dropout, and nobody notices.",
)
def generate_leaves_eval(model, prompt, max_new_tokens, **sampling):
    model.eval()
    return _write(model, prompt, max_new_tokens, sampling)


@misconception(
    "generate",
    "leaves_training_mode",
    "leaves the model in training mode",
    "A model that was in evaluation mode should stay in it.",
)
def generate_leaves_training(model, prompt, max_new_tokens, **sampling):
    tokens = _write(model.eval(), prompt, max_new_tokens, sampling)
    model.train()
    return tokens


@misconception(
    "generate",
    "no_crop",
    "gives the model the whole text",
    "Once the text is longer than the window, the model refuses it.",
)
def generate_no_crop(model, prompt, max_new_tokens, **sampling):
    def work():
        return _write(model, prompt, max_new_tokens, sampling, see=lambda model, tokens: tokens)

    return _in_evaluation(model, work)


@misconception(
    "generate",
    "crops_the_wrong_end",
    "shows the model the beginning of the text",
    "The first block_size tokens never change, so the model goes on from the same place forever.",
)
def generate_crops_front(model, prompt, max_new_tokens, **sampling):
    def see(model, tokens):
        return tokens[:, : model.block_size]

    return _in_evaluation(model, lambda: _write(model, prompt, max_new_tokens, sampling, see=see))


@misconception(
    "generate",
    "crops_one_too_many",
    "shows the model one token fewer than fit",
    "A full block of tokens fits, and the oldest of them may matter.",
)
def generate_crops_more(model, prompt, max_new_tokens, **sampling):
    def see(model, tokens):
        return tokens[:, -max(model.block_size - 1, 1) :]

    return _in_evaluation(model, lambda: _write(model, prompt, max_new_tokens, sampling, see=see))


@misconception(
    "generate",
    "last_token_only",
    "shows the model only the last token",
    "That makes a bigram model of any transformer.",
)
def generate_last_only(model, prompt, max_new_tokens, **sampling):
    def see(model, tokens):
        return tokens[:, -1:]

    return _in_evaluation(model, lambda: _write(model, prompt, max_new_tokens, sampling, see=see))


@misconception(
    "generate",
    "starts_from_a_cropped_prompt",
    "returns the cropped text",
    "Tokens that do not fit into the window are lost from the result, too. Crop what the model "
    "sees, not what is written.",
)
def generate_returns_crop(model, prompt, max_new_tokens, **sampling):
    def work():
        return _write(model, prompt[:, -model.block_size :], max_new_tokens, sampling)

    return _in_evaluation(model, work)


@misconception(
    "generate",
    "new_tokens_only",
    "returns the new tokens without the prompt",
    "The result should be (B, T + new), with the prompt first.",
)
def generate_new_only(model, prompt, max_new_tokens, **sampling):
    return generate(model, prompt, max_new_tokens, **sampling)[:, prompt.shape[1] :]


@misconception(
    "generate",
    "first_positions_logits",
    "reads the logits of the first position",
    "They predict the second token of what the model sees. The new token follows the last one.",
)
def generate_first_logits(model, prompt, max_new_tokens, **sampling):
    def work():
        return _write(model, prompt, max_new_tokens, sampling, read=lambda logits: logits[:, 0])

    return _in_evaluation(model, work)


@misconception(
    "generate",
    "one_too_many",
    "adds one token too many",
    "max_new_tokens says how many to add, and 0 means none.",
)
def generate_one_more(model, prompt, max_new_tokens, **sampling):
    return generate(model, prompt, max_new_tokens + 1, **sampling)


@misconception(
    "generate",
    "length_in_all",
    "takes max_new_tokens for the length of the whole text",
    "The prompt does not count.",
)
def generate_total(model, prompt, max_new_tokens, **sampling):
    return generate(model, prompt, max(max_new_tokens - prompt.shape[1], 0), **sampling)


@misconception(
    "generate",
    "stops_at_the_block",
    "stops when the window is full",
    "The model sees only so much, but the text may be as long as you like.",
)
def generate_stops(model, prompt, max_new_tokens, **sampling):
    room = max(model.block_size - prompt.shape[1], 0)
    return generate(model, prompt, min(max_new_tokens, room), **sampling)


@misconception(
    "generate",
    "all_from_one_look",
    "draws all new tokens from the same logits",
    "Each token changes what comes next, so the model has to be asked again.",
)
def generate_one_look(model, prompt, max_new_tokens, **sampling):
    def work():
        with torch.no_grad():
            logits = model(prompt[:, -model.block_size :])[:, -1]
        drawn = [sample_next(logits, **sampling)[:, None] for _ in range(max_new_tokens)]
        return torch.cat([prompt, *drawn], dim=1)

    return _in_evaluation(model, work)


@misconception(
    "generate",
    "sampling_ignored",
    "samples at temperature 1, whatever was asked for",
    "temperature, top_k, top_p and generator should all reach sample_next.",
)
def generate_plain(model, prompt, max_new_tokens, **sampling):
    return generate(model, prompt, max_new_tokens, generator=sampling.get("generator"))


@misconception(
    "generate",
    "temperature_alone_passed_on",
    "passes the temperature on and forgets top_k and top_p",
    "All of them should reach sample_next.",
)
def generate_temperature_only(model, prompt, max_new_tokens, **sampling):
    known = {key: sampling[key] for key in ("temperature", "generator") if key in sampling}
    return generate(model, prompt, max_new_tokens, **known)


@misconception(
    "generate",
    "generator_not_passed_on",
    "forgets the generator",
    "The text then depends on torch's global generator, and nobody can repeat it.",
)
def generate_no_generator(model, prompt, max_new_tokens, **sampling):
    return generate(model, prompt, max_new_tokens, **(sampling | {"generator": None}))


@misconception(
    "generate",
    "always_greedy",
    "always takes the most likely token",
    "Only temperature 0 asks for greedy decoding; otherwise tokens are drawn.",
)
def generate_greedy(model, prompt, max_new_tokens, **sampling):
    return generate(model, prompt, max_new_tokens, temperature=0)


@misconception(
    "generate",
    "first_row_for_all",
    "continues all rows with the first row's token",
    "Every row has a text of its own and draws its own token.",
)
def generate_first_row(model, prompt, max_new_tokens, **sampling):
    def work():
        def read(logits):
            return logits[:1, -1]

        tokens = prompt
        with torch.no_grad():
            for _ in range(max_new_tokens):
                drawn = sample_next(read(model(tokens[:, -model.block_size :])), **sampling)
                tokens = torch.cat([tokens, drawn.expand(len(tokens), 1)], dim=1)
        return tokens

    return _in_evaluation(model, work)


@misconception(
    "generate",
    "seeded_anew",
    "does not move the generator on",
    "Two calls in a row write the same text: the generator is put back to where it started, or a "
    "copy of it draws the numbers.",
)
def generate_seeded(model, prompt, max_new_tokens, **sampling):
    generator = sampling.get("generator")
    if generator is not None:
        generator.manual_seed(generator.initial_seed())
    return generate(model, prompt, max_new_tokens, **sampling)


@misconception("generate", "own_when_none", OF_ITS_OWN, ALWAYS_THE_SAME)
def generate_own(model, prompt, max_new_tokens, **sampling):
    own = _seeded_by(sampling.pop("generator", None))
    return generate(model, prompt, max_new_tokens, generator=own, **sampling)


@misconception(
    "generate",
    "temperature_of_its_own",
    "has a default temperature of its own",
    "Where the caller gives no temperature, sample_next's own default, 1, should hold.",
    temperature=(0.7, 0.5),
)
def generate_cool(model, prompt, max_new_tokens, *, temperature=0.8, **sampling):
    return generate(model, prompt, max_new_tokens, temperature=temperature, **sampling)


@misconception(
    "generate",
    "gradients_off_for_good",
    "switches gradients off for good",
    "torch.set_grad_enabled(False) still holds after the call, so that nothing can be trained any "
    "more. torch.no_grad() as a block ends with the block.",
)
def generate_without_gradients(model, prompt, max_new_tokens, **sampling):
    torch.set_grad_enabled(False)
    return generate(model, prompt, max_new_tokens, **sampling)


@misconception(
    "generate",
    "writes_into_the_prompt",
    "writes into the caller's prompt",
    "To make room, it moves the tokens of the prompt to the left, in place.",
)
def generate_in_place(model, prompt, max_new_tokens, **sampling):
    tokens = generate(model, prompt, max_new_tokens, **sampling)
    prompt[:] = tokens[:, -prompt.shape[1] :]
    return tokens


# --- attend_with_cache --------------------------------------------------------------------------


def _joined(cache, key, value):
    if cache is None:
        return key, value
    return torch.cat([cache[0], key], dim=-2), torch.cat([cache[1], value], dim=-2)


def _mixed(query, keys, values, scale=None):
    scores = query @ keys.transpose(-2, -1) / (scale or math.sqrt(query.shape[-1]))
    return scores.softmax(-1) @ values


@misconception(
    "attend_with_cache",
    "all_rows_again",
    "computes as much in each step as for all rows",
    "The numbers are right, but step n costs about n² instead of n, as full causal attention does "
    "when all but its last row is thrown away. One query is enough: the new one, once.",
)
def cache_recomputes(query, key, value, cache=None):
    old = (query[..., :0, :], key[..., :0, :], value[..., :0, :]) if cache is None else cache
    parts = zip(old, (query, key, value), strict=True)
    queries, keys, values = (torch.cat(pair, dim=-2) for pair in parts)
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = (scores + causal_mask(keys.shape[-2]).to(scores.dtype)).softmax(-1)
    return (weights @ values)[..., -1:, :], (queries, keys, values)


@misconception(
    "attend_with_cache",
    "mask_of_all_pairs",
    "does work in each step that one row does not need",
    "The numbers are right, but the work of a step grows faster than the number of positions. That "
    "is so, for example, if a mask of n times n entries is made for one row, or if old keys are "
    "copied many times. The newest position sees everything: it needs no mask, and joining the "
    "new key to the old ones copies each of them once.",
)
def cache_masked(query, key, value, cache=None):
    keys, values = _joined(cache, key, value)
    scores = query @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1])
    scores = scores + causal_mask(keys.shape[-2])[-1:].to(scores.dtype)
    return scores.softmax(-1) @ values, (keys, values)


@misconception(
    "attend_with_cache",
    "old_cache_grows",
    "appends to the cache that it was given",
    "All steps share one and the same list: after a step, the old cache holds the new position, "
    "too, and a second continuation sees the first one.",
)
def cache_appends(query, key, value, cache=None):
    cache = ([], []) if cache is None else cache
    cache[0].append(key)
    cache[1].append(value)
    return _mixed(query, torch.cat(cache[0], dim=-2), torch.cat(cache[1], dim=-2)), cache


@misconception(
    "attend_with_cache",
    "shared_buffer",
    "writes into a buffer that old and new caches share",
    "Two continuations of one text write to the same place, and the later one overwrites what "
    "the earlier one needs.",
)
def cache_buffer(query, key, value, cache=None):
    keys, values, n = ([], [], 0) if cache is None else cache
    for buffer, new in ((keys, key), (values, value)):
        buffer[n : n + 1] = [new]
    output = _mixed(query, torch.cat(keys[: n + 1], -2), torch.cat(values[: n + 1], -2))
    return output, (keys, values, n + 1)


_KEPT: dict[str, tuple] = {}


@misconception(
    "attend_with_cache",
    "kept_outside",
    "keeps the past outside the cache",
    "A call without a cache empties this store for everybody; after that, a text that was begun "
    "before goes on with another text's past.",
)
def cache_global(query, key, value, cache=None):
    _KEPT["cache"] = _joined(None if cache is None else _KEPT["cache"], key, value)
    return _mixed(query, *_KEPT["cache"]), "kept"


@misconception(
    "attend_with_cache",
    "only_the_past",
    "looks at the cache but not at the new position",
    "A position sees itself, too: its key and value take part in its own row.",
)
def cache_past_only(query, key, value, cache=None):
    new = _joined(cache, key, value)
    return _mixed(query, *(new if cache is None else cache)), new


@misconception(
    "attend_with_cache",
    "causal_from_the_top_left",
    "lines the new query up with the first key in the causal mask",
    "is_causal counts from the top left: one query then sees the first key alone. In a step with a "
    "cache nothing lies in the future, and no mask is needed.",
)
def cache_is_causal(query, key, value, cache=None):
    keys, values = _joined(cache, key, value)
    return F.scaled_dot_product_attention(query, keys, values, is_causal=True), (keys, values)


@misconception(
    "attend_with_cache",
    "one_step_of_memory",
    "remembers only the step before",
    "The new cache holds the new position alone, so after two steps the first position is "
    "forgotten.",
)
def cache_short(query, key, value, cache=None):
    return _mixed(query, *_joined(cache, key, value)), (key, value)


@misconception(
    "attend_with_cache",
    "never_filled",
    "returns the cache unchanged",
    "The new key and value are used once and not kept.",
)
def cache_unchanged(query, key, value, cache=None):
    return _mixed(query, *_joined(cache, key, value)), (key, value) if cache is None else cache


@misconception(
    "attend_with_cache",
    "window_of_eight",
    "forgets what is more than eight steps back",
    "It keeps a buffer of fixed size: the ninth position pushes the first one out.",
)
def cache_window(query, key, value, cache=None):
    keys, values = (part[..., -8:, :] for part in _joined(cache, key, value))
    return _mixed(query, keys, values), (keys, values)


@misconception(
    "attend_with_cache",
    "queries_kept",
    "keeps queries instead of keys",
    "Later positions are compared with what earlier ones asked, not with what they offer.",
)
def cache_queries(query, key, value, cache=None):
    keys, values = _joined(cache, key, value)
    return _mixed(query, keys, values), (torch.cat([keys[..., :-1, :], query], -2), values)


@misconception(
    "attend_with_cache",
    "newest_key_first",
    "puts new keys at the beginning and new values at the end",
    "Keys and values no longer belong together.",
)
def cache_crossed(query, key, value, cache=None):
    if cache is not None:
        key = torch.cat([key, cache[0]], dim=-2)
        value = torch.cat([cache[1], value], dim=-2)
    return _mixed(query, key, value), (key, value)


@misconception(
    "attend_with_cache",
    "not_scaled",
    "does not scale",
    "The scores must be divided by √d_k, as in every row of scaled dot-product attention.",
)
def cache_unscaled(query, key, value, cache=None):
    new = _joined(cache, key, value)
    return _mixed(query, new[0], new[1], scale=1.0), new


@misconception(
    "attend_with_cache",
    "scaled_by_d_v",
    "scales by the width of the values",
    "The vectors that are multiplied are queries and keys.",
)
def cache_scaled_by_values(query, key, value, cache=None):
    new = _joined(cache, key, value)
    return _mixed(query, new[0], new[1], scale=math.sqrt(value.shape[-1])), new


@misconception(
    "attend_with_cache",
    "softmax_over_queries",
    "takes the softmax along the axis of the query",
    "There is one query, so every weight is 1, and the values are simply added up.",
)
def cache_wrong_axis(query, key, value, cache=None):
    keys, values = _joined(cache, key, value)
    scores = query @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return scores.softmax(-2) @ values, (keys, values)


@misconception(
    "attend_with_cache",
    "unstable",
    "takes exp of the scores as they are",
    "In float32, exp of a score of 90 or more is inf.",
)
def cache_unstable(query, key, value, cache=None):
    keys, values = _joined(cache, key, value)
    powers = (query @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1])).exp()
    return powers / powers.sum(-1, keepdim=True) @ values, (keys, values)


@misconception(
    "attend_with_cache",
    "joins_along_axis_1",
    "joins along axis 1",
    "With one batch axis, axis 1 is the axis of the positions; with none or two it is another.",
)
def cache_axis_one(query, key, value, cache=None):
    if cache is not None:
        key, value = torch.cat([cache[0], key], dim=1), torch.cat([cache[1], value], dim=1)
    return _mixed(query, key, value), (key, value)


@misconception(
    "attend_with_cache",
    "joins_along_axis_0",
    "joins along axis 0",
    "Without a batch axis, axis 0 is the axis of the positions; with one it is the batch.",
)
def cache_axis_zero(query, key, value, cache=None):
    if cache is not None:
        key, value = torch.cat([cache[0], key], dim=0), torch.cat([cache[1], value], dim=0)
    return _mixed(query, key, value), (key, value)


@misconception(
    "attend_with_cache",
    "detached",
    "detaches what it keeps",
    "The graph ends at the cache, so earlier keys and values learn nothing from later outputs.",
)
def cache_detached(query, key, value, cache=None):
    keys, values = _joined(cache, key, value)
    return _mixed(query, keys, values), (keys.detach(), values.detach())


@misconception(
    "attend_with_cache",
    "float32_only",
    "computes in float32",
    "The output should have the dtype of the query.",
)
def cache_float32(query, key, value, cache=None):
    new = _joined(cache, key, value)
    return _mixed(query, *new).float(), new


@misconception(
    "attend_with_cache",
    "position_axis_lost",
    "returns the output without the axis of positions",
    "One position still has an axis, of length 1: (..., 1, d_v).",
)
def cache_squeezed(query, key, value, cache=None):
    new = _joined(cache, key, value)
    return _mixed(query, *new)[..., 0, :], new


@misconception(
    "attend_with_cache",
    "output_only",
    "returns the output alone",
    "Without a new cache there is no next step.",
)
def cache_not_returned(query, key, value, cache=None):
    return _mixed(query, *_joined(cache, key, value))


@misconception(
    "attend_with_cache",
    "in_place",
    "scales the caller's query in place",
    "A caller who uses the query again gets a smaller one.",
)
def cache_in_place(query, key, value, cache=None):
    new = _joined(cache, key, value)
    with torch.no_grad():
        query /= math.sqrt(query.shape[-1])
    return _mixed(query, new[0], new[1], scale=1.0), new


# --- train_language_model -----------------------------------------------------------------------


def _adam(model, lr):
    return torch.optim.AdamW(model.parameters(), lr=lr)


def _loop(model, steps, optimizer, batch, step=train_step):
    return [step(model, optimizer, *batch()) for _ in range(steps)]


def _trained_by(make, model, tokens, steps, batch_size, lr, generator):
    """The loop with an optimizer made by ``make(parameters, lr=lr)``."""
    return _loop(
        model,
        steps,
        make(model.parameters(), lr=lr),
        lambda: get_batch(tokens, batch_size, model.block_size, generator),
    )


@misconception(
    "train_language_model",
    "one_batch_for_ever",
    "trains on one batch again and again",
    "The batch is drawn before the loop. The model learns those few snippets by heart, and the "
    "loss on them falls beautifully.",
)
def train_one_batch(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    batch = get_batch(tokens, batch_size, model.block_size, generator)
    return _loop(model, steps, _adam(model, lr), lambda: batch)


@misconception(
    "train_language_model",
    "new_optimizer_each_step",
    "makes a new optimizer at every step",
    "What Adam remembers of earlier gradients is lost each time. Its first step moves every weight "
    "by the learning rate, however small or uncertain the gradient is.",
)
def train_new_optimizers(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    losses = []
    for _ in range(steps):
        x, y = get_batch(tokens, batch_size, model.block_size, generator)
        losses.append(train_step(model, _adam(model, lr), x, y))
    return losses


@misconception(
    "train_language_model",
    "a_copy_is_trained",
    "trains a copy of the model",
    "The losses fall, but the model that was passed in is unchanged.",
)
def train_copy(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    own = copy.deepcopy(model)
    return _loop(
        own,
        steps,
        _adam(own, lr),
        lambda: get_batch(tokens, batch_size, model.block_size, generator),
    )


@misconception(
    "train_language_model",
    "head_only",
    "trains only the head",
    "The optimizer was given only some of the parameters, and moves no others.",
)
def train_head(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    return _loop(
        model,
        steps,
        _adam(model.head, lr),
        lambda: get_batch(tokens, batch_size, model.block_size, generator),
    )


@misconception(
    "train_language_model",
    "gradients_add_up",
    "never clears the gradients",
    "The gradients of all batches so far add up, and each step follows their sum.",
)
def train_accumulates(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    optimizer, losses = _adam(model, lr), []
    for _ in range(steps):
        x, y = get_batch(tokens, batch_size, model.block_size, generator)
        loss = negative_log_likelihood(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@misconception(
    "train_language_model",
    "no_step",
    "never takes a step",
    "The gradients are computed, and the parameters stay.",
)
def train_nothing(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    losses = []
    for _ in range(steps):
        x, y = get_batch(tokens, batch_size, model.block_size, generator)
        loss = negative_log_likelihood(model(x), y)
        model.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


@misconception(
    "train_language_model",
    "learns_to_copy",
    "asks for the token that the model can see",
    "The target of every position is its own token. The loss falls to nothing, and the model has "
    "learned to repeat what it sees.",
)
def train_copying(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    def batch():
        x, _ = get_batch(tokens, batch_size, model.block_size, generator)
        return x, x

    return _loop(model, steps, _adam(model, lr), batch)


@misconception(
    "train_language_model",
    "snippets_of_one",
    "trains on snippets of one token",
    "The model never has anything to look back at, and learns a bigram table.",
)
def train_bigram(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    return _loop(
        model, steps, _adam(model, lr), lambda: get_batch(tokens, batch_size, 1, generator)
    )


@misconception(
    "train_language_model",
    "last_position_only",
    "trains only on the last position of each snippet",
    "All earlier positions predict, too; here their predictions count for nothing.",
)
def train_last(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    optimizer, losses = _adam(model, lr), []
    for _ in range(steps):
        x, y = get_batch(tokens, batch_size, model.block_size, generator)
        loss = negative_log_likelihood(model(x)[:, -1], y[:, -1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@misconception(
    "train_language_model",
    "uphill",
    "climbs instead of descending",
    "The losses grow: each step lowers the probability of the right tokens.",
)
def train_uphill(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    make = functools.partial(torch.optim.AdamW, maximize=True)
    return _trained_by(make, model, tokens, steps, batch_size, lr, generator)


@misconception(
    "train_language_model",
    "plain_descent",
    "uses plain gradient descent",
    "With a learning rate that suits Adam, plain descent hardly moves: its steps are as small as "
    "the gradients.",
)
def train_sgd(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    return _trained_by(torch.optim.SGD, model, tokens, steps, batch_size, lr, generator)


@misconception(
    "train_language_model",
    "momentum",
    "uses gradient descent with momentum",
    "Its steps are still in proportion to the gradients, which are small for most weights. The "
    "contract asks for an optimizer of the Adam family.",
    share=(0.5, 0.8, 0.95, 0.99),
)
def train_momentum(model, tokens, steps, batch_size=32, lr=3e-3, generator=None, *, share=0.9):
    make = functools.partial(torch.optim.SGD, momentum=share)
    return _trained_by(make, model, tokens, steps, batch_size, lr, generator)


@misconception(
    "train_language_model",
    "rms_prop",
    "uses RMSprop",
    "RMSprop divides by the size of the gradients, too, but its first steps are several times "
    "too long. The contract asks for an optimizer of the Adam family.",
    share=(0.9,),
)
def train_rms_prop(model, tokens, steps, batch_size=32, lr=3e-3, generator=None, *, share=0.99):
    make = functools.partial(torch.optim.RMSprop, alpha=share)
    return _trained_by(make, model, tokens, steps, batch_size, lr, generator)


@misconception(
    "train_language_model",
    "learning_rate_ignored",
    "uses its own learning rate",
    "lr is an argument; a rate that is written into the loop cannot be changed from outside.",
)
def train_own_rate(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    return _loop(
        model,
        steps,
        _adam(model, 3e-3),
        lambda: get_batch(tokens, batch_size, model.block_size, generator),
    )


@misconception(
    "train_language_model",
    "batch_size_ignored",
    "always draws 32 snippets",
    "batch_size is an argument; it decides how much the losses jump around.",
)
def train_own_size(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    return _loop(
        model, steps, _adam(model, lr), lambda: get_batch(tokens, 32, model.block_size, generator)
    )


@misconception(
    "train_language_model",
    "half_a_batch",
    "draws half as many snippets as asked for",
    "A batch of half the size gives losses that jump around more, and half as much to learn from.",
)
def train_half(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    return _loop(
        model,
        steps,
        _adam(model, lr),
        lambda: get_batch(tokens, max(batch_size // 2, 1), model.block_size, generator),
    )


@misconception(
    "train_language_model",
    "global_generator",
    "does not let the generator decide",
    "In the same state, the generator that is passed in should lead to the same losses. Here some "
    "random numbers, those of the batches or others, come from elsewhere, such as torch's global "
    "generator or NumPy's. Nobody can repeat such a run.",
)
def train_global(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    return _loop(
        model,
        steps,
        _adam(model, lr),
        lambda: get_batch(tokens, batch_size, model.block_size, None),
    )


@misconception("train_language_model", "own_when_none", OF_ITS_OWN, ALWAYS_THE_SAME)
def train_own_when_none(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    own = _seeded_by(generator)
    return _trained_by(torch.optim.AdamW, model, tokens, steps, batch_size, lr, own)


@misconception(
    "train_language_model",
    "own_generator",
    "makes a generator of its own",
    "Every run is the same, whatever generator is passed in.",
)
def train_own_generator(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    own = torch.Generator().manual_seed(0)
    return _loop(
        model, steps, _adam(model, lr), lambda: get_batch(tokens, batch_size, model.block_size, own)
    )


@misconception(
    "train_language_model",
    "loss_after_the_step",
    "lists the loss after each step",
    "Each loss is measured on the batch that was just fitted, which flatters the model.",
)
def train_loss_after(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    optimizer, losses = _adam(model, lr), []
    for _ in range(steps):
        x, y = get_batch(tokens, batch_size, model.block_size, generator)
        train_step(model, optimizer, x, y)
        with torch.no_grad():
            losses.append(negative_log_likelihood(model(x), y).item())
    return losses


@misconception(
    "train_language_model",
    "last_loss_only",
    "returns only the last loss",
    "The exercise asks for the whole curve: one loss for every step.",
)
def train_last_loss(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    from solutions.transformer_language_model import train_language_model

    losses = train_language_model(model, tokens, steps, batch_size, lr, generator)
    return losses[-1] if losses else 0.0


@misconception(
    "train_language_model",
    "one_step_too_many",
    "takes one step too many",
    "It should take exactly as many steps as asked for; 0 means none.",
)
def train_one_more(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    from solutions.transformer_language_model import train_language_model

    return train_language_model(model, tokens, steps + 1, batch_size, lr, generator)


@misconception(
    "train_language_model",
    "losses_as_tensors",
    "lists tensors",
    "Each tensor keeps its graph; the exercise asks for a list of floats.",
)
def train_tensors(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    from solutions.transformer_language_model import train_language_model

    losses = train_language_model(model, tokens, steps, batch_size, lr, generator)
    return [torch.tensor(loss) for loss in losses]


@misconception(
    "train_language_model",
    "losses_in_bits",
    "lists bits",
    "The exercise asks for losses in nats.",
)
def train_bits(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    from solutions.transformer_language_model import train_language_model

    losses = train_language_model(model, tokens, steps, batch_size, lr, generator)
    return [loss / math.log(2) for loss in losses]


@misconception(
    "train_language_model",
    "running_mean",
    "lists the mean of all losses so far",
    "The curve looks smooth, but lags behind what the model can do by now.",
)
def train_running_mean(model, tokens, steps, batch_size=32, lr=3e-3, generator=None):
    from solutions.transformer_language_model import train_language_model

    losses = train_language_model(model, tokens, steps, batch_size, lr, generator)
    return [sum(losses[: n + 1]) / (n + 1) for n in range(len(losses))]


# --- next_logits --------------------------------------------------------------------------------


def _opened(model, cache):
    """How many tokens have been read, and what each layer holds of them."""
    past, held = (0, [None] * len(model.blocks)) if cache is None else cache
    if past == model.block_size:
        raise ValueError(f"token {past + 1} does not fit into a block of {model.block_size}")
    return past, held


def _heads_of(part, x, heads):
    return part(x).unflatten(-1, (heads, -1)).transpose(1, 2)


def _looked(block, x, held, source=None, heads=None):
    """What one block's attention finds for a new row, before ``W_output``; its keys and values."""
    own, asks = block.attention, block.norm1(x)
    source = asks if source is None else source
    heads = heads or own.num_heads
    key, value = (_heads_of(part, source, heads) for part in (own.W_key, own.W_value))
    new = _joined(held, key, value)
    return _mixed(_heads_of(own.W_query, asks, heads), *new).transpose(1, 2).flatten(-2), new


def _row(model, token, place):
    return model.token_embedding(token) + model.position_embedding.weight[place]


def _through(model, x, held):
    """The new row after all blocks, and what each layer holds now."""
    new = []
    for block, one in zip(model.blocks, held, strict=True):
        found, one = _looked(block, x, one)
        new.append(one)
        x = x + block.attention.W_output(found)
        x = x + block.feed_forward(block.norm2(x))
    return x, new


def _scored(model, x):
    return model.head(model.norm(x))[:, 0]


@misconception(
    "next_logits",
    "changes_the_mode",
    "changes the model's mode",
    "Training or evaluation is the caller's business: after the call, dropout acts where the "
    "caller does not want it, or no longer acts where it should.",
)
def next_in_evaluation(model, token, cache=None):
    model.eval()
    return next_logits(model, token, cache)


@variant("next_logits", "changes_the_mode", "to training mode")
def next_then_training(model, token, cache=None):
    found = next_in_evaluation(model, token, cache)
    model.train()
    return found


@misconception(
    "next_logits",
    "whole_text_again",
    "computes as much in each step as the model does for the whole text",
    "The numbers are right, but next to nothing is saved by the cache. Only the new row has to go "
    "through the layers; of the others the cache needs the keys and values.",
)
def next_all_again(model, token, cache=None):
    text = token if cache is None else torch.cat([cache, token], dim=1)
    return model(text)[:, -1], text


@misconception(
    "next_logits",
    "keys_again",
    "repeats work for earlier rows",
    "The numbers are right, but in every step something is done again for all rows so far: they "
    "go through W_key and W_value or through a feed-forward network, for example, or they are "
    "copied many times. Keep the keys and the values, which never change, and join the new ones "
    "to them.",
)
def next_keys_again(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _row(model, token, past), []
    for block, one in zip(model.blocks, held, strict=True):
        rows = block.norm1(x) if one is None else torch.cat([one, block.norm1(x)], dim=1)
        new.append(rows)
        found, _ = _looked(block, x, None, source=rows)
        x = x + block.attention.W_output(found)
        x = x + block.feed_forward(block.norm2(x))
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "always_place_0",
    "gives every token the vector of place 0",
    "Each call reads one token, but that token is not the first of the text. Its place is how "
    "many tokens were read before it.",
)
def next_first_place(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _through(model, _row(model, token, 0), held)
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "one_place_too_far",
    "counts the places from 1",
    "The first token has place 0, as in the model's own forward pass.",
)
def next_place_too_far(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _through(model, _row(model, token, past + 1), held)
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "no_place",
    "leaves the position vectors out",
    "The stream begins as the sum of two vectors: one for the token, one for its place.",
)
def next_no_place(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _through(model, model.token_embedding(token), held)
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "goes_on_at_the_last_place",
    "goes on past the window at its last place",
    "The model has no position vector for another token. next_logits must say so; otherwise the "
    "model writes on, and nobody sees why it writes badly.",
)
def next_no_end(model, token, cache=None):
    past, held = (0, [None] * len(model.blocks)) if cache is None else cache
    x, new = _through(model, _row(model, token, min(past, model.block_size - 1)), held)
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "old_cache_grows",
    "appends to the cache that it was given",
    "All steps share the same lists: after a step, the old cache holds the new token, too, and "
    "a second continuation sees the first one.",
)
def next_appends(model, token, cache=None):
    cache = [[] for _ in model.blocks] if cache is None else cache
    _opened(model, (len(cache[0]), cache))
    x = _row(model, token, len(cache[0]))
    for block, rows in zip(model.blocks, cache, strict=True):
        _, new = _looked(block, x, None)
        rows.append(new)
        held = tuple(torch.cat(parts, dim=-2) for parts in zip(*rows[:-1], strict=True)) or None
        found, _ = _looked(block, x, held)
        x = x + block.attention.W_output(found)
        x = x + block.feed_forward(block.norm2(x))
    return _scored(model, x), cache


_READ: dict[str, tuple] = {}


@misconception(
    "next_logits",
    "kept_outside",
    "keeps the past outside the cache",
    "A call without a cache empties this store for everybody; after that, a text that was begun "
    "before goes on with another text's past.",
)
def next_global(model, token, cache=None):
    past, held = _opened(model, None if cache is None else _READ["cache"])
    x, new = _through(model, _row(model, token, past), held)
    _READ["cache"] = (past + 1, new)
    return _scored(model, x), "kept"


@misconception(
    "next_logits",
    "one_cache_for_all_layers",
    "lets all layers share one cache",
    "Each layer has keys and values of its own. Here the second layer also looks at those of "
    "the first.",
)
def next_shared(model, token, cache=None):
    past, held = (0, None) if cache is None else cache
    _opened(model, (past, held))
    x = _row(model, token, past)
    for block in model.blocks:
        found, held = _looked(block, x, held)
        x = x + block.attention.W_output(found)
        x = x + block.feed_forward(block.norm2(x))
    return _scored(model, x), (past + 1, held)


@misconception(
    "next_logits",
    "nothing_kept",
    "returns a cache without keys and values",
    "Each token then sees itself alone, as if it were the whole text.",
)
def next_forgets(model, token, cache=None):
    past, _ = _opened(model, cache)
    x, _ = _through(model, _row(model, token, past), [None] * len(model.blocks))
    return _scored(model, x), (past + 1, [None] * len(model.blocks))


@misconception(
    "next_logits",
    "one_step_of_memory",
    "remembers only the token before",
    "The new cache holds the keys and values of the new token alone, so after two steps the "
    "first token is forgotten.",
)
def next_short(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _through(model, _row(model, token, past), held)
    last = [tuple(part[..., -1:, :] for part in pair) for pair in new]
    return _scored(model, x), (past + 1, last)


@misconception(
    "next_logits",
    "keys_of_the_raw_stream",
    "makes keys and values from the stream without the layer norm",
    "The block normalizes what goes into the attention: queries, keys and values alike come "
    "from norm1(x).",
)
def next_raw_keys(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _row(model, token, past), []
    for block, one in zip(model.blocks, held, strict=True):
        found, one = _looked(block, x, one, source=x)
        new.append(one)
        x = x + block.attention.W_output(found)
        x = x + block.feed_forward(block.norm2(x))
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "one_head",
    "treats all heads as one",
    "Each head compares its own part of query and key, and divides by the root of its own width.",
)
def next_one_head(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _row(model, token, past), []
    for block, one in zip(model.blocks, held, strict=True):
        found, one = _looked(block, x, one, heads=1)
        new.append(one)
        x = x + block.attention.W_output(found)
        x = x + block.feed_forward(block.norm2(x))
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "no_output_map",
    "leaves W_output out",
    "The heads' results lie side by side until W_output mixes them.",
)
def next_no_output(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _row(model, token, past), []
    for block, one in zip(model.blocks, held, strict=True):
        found, one = _looked(block, x, one)
        new.append(one)
        x = x + found
        x = x + block.feed_forward(block.norm2(x))
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "attention_replaces",
    "replaces the stream by what attention has found",
    "The block adds it: the residual connection keeps the token's own row.",
)
def next_no_residual(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _row(model, token, past), []
    for block, one in zip(model.blocks, held, strict=True):
        found, one = _looked(block, x, one)
        new.append(one)
        x = block.attention.W_output(found)
        x = x + block.feed_forward(block.norm2(x))
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "attention_alone",
    "leaves the feed-forward networks out",
    "A block has two sub-layers, and the second one works on the new row as well.",
)
def next_no_feed_forward(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _row(model, token, past), []
    for block, one in zip(model.blocks, held, strict=True):
        found, one = _looked(block, x, one)
        new.append(one)
        x = x + block.attention.W_output(found)
    return _scored(model, x), (past + 1, new)


@misconception(
    "next_logits",
    "no_last_norm",
    "leaves out the norm before the head",
    "The head was trained on what the model's last layer norm gives.",
)
def next_no_norm(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _through(model, _row(model, token, past), held)
    return model.head(x)[:, 0], (past + 1, new)


@misconception(
    "next_logits",
    "probabilities",
    "returns probabilities in place of logits",
    "sample_next divides by the temperature and applies softmax. That is right for logits; from "
    "probabilities it makes other, more even ones.",
)
def next_chances(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _through(model, _row(model, token, past), held)
    return _scored(model, x).softmax(dim=-1), (past + 1, new)


@misconception(
    "next_logits",
    "axis_of_places_kept",
    "keeps the axis of the places",
    "There is one new place, so that axis has length 1; the result is (B, V).",
)
def next_three_axes(model, token, cache=None):
    past, held = _opened(model, cache)
    x, new = _through(model, _row(model, token, past), held)
    return model.head(model.norm(x)), (past + 1, new)


# --- learning_rate ------------------------------------------------------------------------------


def _half_cosine(u):
    return (1 + math.cos(math.pi * u)) / 2


def _after(step, steps, warmup):
    """How much of the way after the warm-up is done, from 0 on."""
    return (step - warmup) / (steps - warmup)


def _between(peak, floor, share):
    return floor * peak + (1 - floor) * peak * share


@misconception(
    "learning_rate",
    "starts_at_zero",
    "starts the warm-up at 0",
    "The first step would change nothing, and the last step of the warm-up would not reach the "
    "peak. Step 0 has peak / warmup.",
)
def rate_from_zero(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * step / warmup
    return _between(peak, floor, _half_cosine(_after(step, steps, warmup)))


@misconception(
    "learning_rate",
    "one_step_above_the_peak",
    "lets the warm-up last one step longer",
    "At step = warmup the line has passed the peak already. The warm-up has the steps 0 to "
    "warmup - 1.",
)
def rate_overshoots(step, steps, peak, warmup, floor=0.1):
    if step <= warmup:
        return peak * (step + 1) / warmup
    return _between(peak, floor, _half_cosine(_after(step, steps, warmup)))


@misconception(
    "learning_rate",
    "no_warm_up",
    "leaves the warm-up out",
    "The first steps, whose gradients say least, get the largest learning rate.",
)
def rate_cold(step, steps, peak, warmup, floor=0.1):
    return _between(peak, floor, _half_cosine(max(0.0, _after(step, steps, warmup))))


@misconception(
    "learning_rate",
    "warm_up_counted_twice",
    "starts the cosine at step 0",
    "When the warm-up ends, part of the cosine is over, and the rate jumps down from the peak. "
    "The cosine begins where the warm-up ends.",
)
def rate_jumps(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return _between(peak, floor, _half_cosine(step / steps))


@misconception(
    "learning_rate",
    "two_curves_at_once",
    "multiplies warm-up and cosine",
    "The peak is never reached: the cosine has begun to fall before the warm-up is over.",
)
def rate_product(step, steps, peak, warmup, floor=0.1):
    rising = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rising * _between(peak, floor, _half_cosine(step / steps))


@misconception(
    "learning_rate",
    "ends_one_step_early",
    "reaches the floor at the last step",
    "The contract divides by steps - warmup, so that the floor would come one step after the last.",
)
def rate_early(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(steps - warmup - 1, 1)
    return _between(peak, floor, _half_cosine(done))


@misconception(
    "learning_rate",
    "floor_as_a_rate",
    "takes the floor for a learning rate",
    "The floor is a share of the peak: 0.1 means a tenth of it.",
)
def rate_absolute(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor + (peak - floor) * _half_cosine(_after(step, steps, warmup))


@misconception(
    "learning_rate",
    "floor_of_its_own",
    "takes a tenth for the floor, whatever floor is given",
    "0.1 is the default. If the caller gives another floor, that one should hold, 0 included.",
)
def rate_own_floor(step, steps, peak, warmup, floor=0.1):
    return learning_rate(step, steps, peak, warmup)


@misconception(
    "learning_rate",
    "cut_off_at_the_floor",
    "cuts the cosine off at the floor",
    "The cosine heads for 0 and is cut off at the floor. It should run from the peak to the floor.",
)
def rate_cut(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * max(floor, _half_cosine(_after(step, steps, warmup)))


@misconception(
    "learning_rate",
    "down_to_zero",
    "ignores the floor",
    "The rate falls to 0 in place of the floor.",
)
def rate_zero(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * _half_cosine(_after(step, steps, warmup))


@misconception(
    "learning_rate",
    "floor_on_top",
    "adds the floor on top of the whole cosine",
    "The rate begins above the peak: what is added at the bottom must be taken from the height "
    "of the cosine, by the factor 1 - floor.",
)
def rate_on_top(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor * peak + peak * _half_cosine(_after(step, steps, warmup))


@misconception(
    "learning_rate",
    "straight_line",
    "falls in a straight line",
    "Half a cosine is flat at both ends and steep in the middle.",
)
def rate_linear(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return _between(peak, floor, 1 - _after(step, steps, warmup))


@misconception(
    "learning_rate",
    "full_turn",
    "goes a full turn",
    "The rate is back at the peak at the end. Half a turn, π, leads from the top to the bottom.",
)
def rate_full_turn(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return _between(peak, floor, _half_cosine(2 * _after(step, steps, warmup)))


@misconception(
    "learning_rate",
    "quarter_turn",
    "takes the cosine from 1 to 0",
    "A quarter of a turn falls steeply into the floor; the contract has half a turn, moved up "
    "by 1 and halved.",
)
def rate_quarter(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = _after(step, steps, warmup)
    return _between(peak, floor, math.cos(math.pi / 2 * done))


@misconception(
    "learning_rate",
    "not_halved",
    "forgets to halve 1 + cos",
    "1 + cos runs from 2 to 0: the rate begins at nearly twice the peak.",
)
def rate_double(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    return _between(peak, floor, 2 * _half_cosine(_after(step, steps, warmup)))


@misconception(
    "learning_rate",
    "degrees",
    "gives the cosine an angle in degrees",
    "math.cos takes radians: half a turn is π, not 180.",
)
def rate_degrees(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = _after(step, steps, warmup)
    return _between(peak, floor, (1 + math.cos(180 * done)) / 2)


@misconception(
    "learning_rate",
    "whole_division",
    "rounds the share of the steps down to a whole number",
    "// gives 0 until the very end, so the rate stays at the peak.",
)
def rate_whole(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) // (steps - warmup)
    return _between(peak, floor, _half_cosine(done))


@misconception(
    "learning_rate",
    "share_alone",
    "returns the share of the peak",
    "The optimizer needs the rate itself: multiply by the peak.",
)
def rate_share(step, steps, peak, warmup, floor=0.1):
    if step < warmup:
        return (step + 1) / warmup
    return _between(1.0, floor, _half_cosine(_after(step, steps, warmup)))


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("TransformerLM", "dropout_of_its_own", "before the head")
class DropoutBeforeHead(DropoutOnEmbeddings):
    def enter(self, tokens):
        return _Model.enter(self, tokens)

    def leave(self, x):
        return self.head(self.dropout(self.norm(x)))


@variant("generate", "training_mode_inside", "but for the model's own flag")
def generate_root_mode(model, prompt, max_new_tokens, **sampling):
    was = model.training
    model.training = False
    tokens = _write(model, prompt, max_new_tokens, sampling)
    model.training = was
    return tokens


@variant("TransformerLM", "blocks_in_parallel", "and keeps the last one's output")
class LastOfParallel(_Model):
    def stack(self, x, mask):
        out = x
        for block in self.blocks:
            out = block(x, mask)
        return out


@misconception(
    "TransformerLM",
    "positions_along_the_batch",
    "gives every text of the batch a position, not every token",
    "A position vector belongs to a place in the text. Here all tokens of a text get the same one, "
    "and the next text gets the next.",
)
class PositionsAlongBatch(_Model):
    def enter(self, tokens):
        places = self.position_embedding.weight[: len(tokens), None]
        return self.token_embedding(tokens) + places


@misconception(
    "sample_next",
    "kth_left_out",
    "leaves out the k-th token",
    "What is kept has to be at least as large as the k-th logit, that one included. With top_k = 1 "
    "nothing is left at all.",
)
def sample_kth_left_out(logits, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scores = logits / temperature
    if top_k is not None:
        least = scores.topk(min(top_k, scores.shape[-1])).values[:, -1:]
        scores = scores.masked_fill(scores <= least, -INF)
    return _pick(_nucleus(scores, top_p), generator)
