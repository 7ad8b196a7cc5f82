"""What goes wrong in lesson 9."""

from __future__ import annotations

import math

import torch
from torch import nn

from grader.course.versions import misconception, variant
from solutions.masking import causal_mask
from solutions.multi_head_attention import MultiHeadAttention, previous_token_head
from solutions.transformer_block import FeedForward

INF = math.inf


# --- shift_right --------------------------------------------------------------------------------


def _column(targets, number):
    return torch.full_like(targets[:, :1], number)


@misconception(
    "shift_right",
    "not_shortened",
    "keeps the last token as well",
    "The result is one column wider than the targets. Nothing is left to predict after the last "
    "token, so nobody reads it.",
)
def shift_longer(targets, bos):
    return torch.cat([_column(targets, bos), targets], dim=1)


@misconception(
    "shift_right",
    "left",
    "shifts to the left",
    "Each position then holds the token that comes *after* the one to be predicted. The decoder "
    "should read what is already written.",
)
def shift_left(targets, bos):
    return torch.cat([targets[:, 1:], _column(targets, bos)], dim=1)


@misconception(
    "shift_right",
    "not_shifted",
    "overwrites the first token and moves nothing",
    "From position 1 on, the decoder reads the very token that it should predict. Its loss will "
    "fall to nothing, and it will have learned nothing.",
)
def shift_overwrites(targets, bos):
    return torch.cat([_column(targets, bos), targets[:, 1:]], dim=1)


@misconception(
    "shift_right",
    "rolled",
    "moves the last token to the beginning",
    "torch.roll goes round in a circle: position 0 holds the end of the target instead of bos.",
)
def shift_rolled(targets, bos):
    return targets.roll(1, dims=1)


@misconception(
    "shift_right",
    "bos_at_the_end",
    "puts bos at the end",
    "The last token is gone, as it should be, but bos belongs before the others, which then move "
    "by one place.",
)
def shift_bos_last(targets, bos):
    return torch.cat([targets[:, :-1], _column(targets, bos)], dim=1)


@misconception(
    "shift_right",
    "rows_shifted",
    "shifts the rows instead of the tokens",
    "A batch is (B, T): the first axis counts the sequences. Here every sequence has received the "
    "tokens of the sequence before it.",
)
def shift_rows(targets, bos):
    return torch.cat([torch.full_like(targets[:1], bos), targets[:-1]], dim=0)


@misconception(
    "shift_right",
    "flattened",
    "shifts the whole batch as if it were one row",
    "The first token of a row is the last one of the row before, where bos should be.",
)
def shift_flattened(targets, bos):
    flat = targets.flatten()
    return torch.cat([flat.new_tensor([bos]), flat[:-1]]).reshape(targets.shape)


@misconception(
    "shift_right",
    "always_zero",
    "puts 0 first, whatever bos is",
    "bos is an argument. In another vocabulary 0 may be a word.",
)
def shift_zero(targets, bos):
    return torch.cat([_column(targets, 0), targets[:, :-1]], dim=1)


@misconception(
    "shift_right",
    "two_places",
    "shifts by two places",
    "Position 1 should hold the first token of the target; here it holds bos a second time.",
)
def shift_twice(targets, bos):
    start = _column(targets, bos)
    return torch.cat([start, start, targets[:, :-2]], dim=1)[:, : targets.shape[1]]


@misconception(
    "shift_right",
    "reversed",
    "reverses the targets",
    "Some translation models read the *source* backwards. The target should stay in order.",
)
def shift_reversed(targets, bos):
    return torch.cat([_column(targets, bos), targets.flip(1)[:, :-1]], dim=1)


@misconception(
    "shift_right",
    "writes_into_targets",
    "shifts the targets themselves",
    "The result is right, but the targets are gone, and the loss still needs them.",
)
def shift_in_place(targets, bos):
    targets[:, 1:] = targets[:, :-1].clone()
    targets[:, 0] = bos
    return targets


@misconception(
    "shift_right",
    "floats",
    "returns floats",
    "Tokens are row numbers in a table; an embedding accepts only whole numbers. torch.zeros "
    "makes floats, and so does torch.full with a float.",
)
def shift_floats(targets, bos):
    out = torch.full(targets.shape, float(bos))
    out[:, 1:] = targets[:, :-1]
    return out


@misconception(
    "shift_right",
    "a_list",
    "returns a list",
    "The model needs a tensor.",
)
def shift_list(targets, bos):
    return [[bos, *row[:-1]] for row in targets.tolist()]


# --- DecoderBlock -------------------------------------------------------------------------------


class _Block(nn.Module):
    """The block in steps, each of which a version may do in its own way."""

    def __init__(self, d_model, num_heads, d_ff):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.cross_attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)

    def look_back(self, x):
        return self.self_attention(self.norm1(x), mask=causal_mask(x.shape[1]))[0]

    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(self.norm2(x), memory, memory_mask)[0]

    def think(self, x):
        return self.feed_forward(self.norm3(x))

    def forward(self, x, memory, memory_mask=None):
        x = x + self.look_back(x)
        x = x + self.look_over(x, memory, memory_mask)
        return x + self.think(x)


@misconception(
    "DecoderBlock",
    "no_causal_mask",
    "lets the decoder read ahead",
    "The self-attention has no mask, so every position sees the tokens that it should predict. In "
    "training everything looks splendid; in use there is no future to read from.",
)
class NoCausalMask(_Block):
    def look_back(self, x):
        return self.self_attention(self.norm1(x))[0]


@misconception(
    "DecoderBlock",
    "mask_turned_over",
    "shows the future and hides the past",
    "The mask of the self-attention is the wrong way around: its upper triangle should be -inf.",
)
class MaskTurnedOver(_Block):
    def look_back(self, x):
        return self.self_attention(self.norm1(x), mask=causal_mask(x.shape[1]).T)[0]


@misconception(
    "DecoderBlock",
    "hides_itself",
    "hides a position from itself",
    "A causal mask leaves the diagonal visible. Here position 0 sees nothing at all.",
)
class HidesItself(_Block):
    def look_back(self, x):
        n = x.shape[1]
        return self.self_attention(self.norm1(x), mask=torch.full((n, n), -INF).triu(0))[0]


@misconception(
    "DecoderBlock",
    "sees_one_ahead",
    "sees one position ahead",
    "The mask begins one diagonal too late: each position sees the next one, which is just what "
    "it should predict.",
)
class SeesOneAhead(_Block):
    def look_back(self, x):
        n = x.shape[1]
        return self.self_attention(self.norm1(x), mask=torch.full((n, n), -INF).triu(2))[0]


@misconception(
    "DecoderBlock",
    "causal_mask_on_the_memory",
    "hides the end of the source as well",
    "The cross-attention has been given a causal mask. But the whole source is there from the "
    "start: the first word of a translation may depend on the last word of the source.",
)
class CausalOnMemory(_Block):
    def look_over(self, x, memory, memory_mask):
        mask = torch.full((x.shape[1], memory.shape[1]), -INF).triu(1)
        if memory_mask is not None:
            mask = mask + memory_mask
        return self.cross_attention(self.norm2(x), memory, mask)[0]


@misconception(
    "DecoderBlock",
    "memory_mask_ignored",
    "ignores the memory mask",
    "Short sources are padded. Here the decoder reads the padding, too.",
)
class MemoryMaskIgnored(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(self.norm2(x), memory)[0]


@misconception(
    "DecoderBlock",
    "memory_mask_on_itself",
    "gives the memory mask to the self-attention",
    "The mask says which places of the *memory* are real. It belongs to the attention that looks "
    "there.",
)
class MemoryMaskOnItself(_Block):
    def forward(self, x, memory, memory_mask=None):
        mask = causal_mask(x.shape[1])
        if memory_mask is not None:
            mask = mask + memory_mask
        x = x + self.self_attention(self.norm1(x), mask=mask)[0]
        x = x + self.look_over(x, memory, None)
        return x + self.think(x)


@misconception(
    "DecoderBlock",
    "mask_multiplied",
    "turns the memory mask into zeros and ones",
    "The mask has been turned into zeros and ones and added: the score of a hidden place changes "
    "by no more than 1, and the place is still seen.",
)
class MaskAsNumbers(_Block):
    def look_over(self, x, memory, memory_mask):
        if memory_mask is not None:
            memory_mask = (memory_mask == 0).to(x.dtype)
        return super().look_over(x, memory, memory_mask)


@misconception(
    "DecoderBlock",
    "memory_normalized",
    "normalizes the memory",
    "The memory should be used as it comes: whoever made it has normalized it, or has chosen not "
    "to.",
)
class MemoryNormalized(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(self.norm2(x), self.norm2(memory), memory_mask)[0]


@misconception(
    "DecoderBlock",
    "memory_never_read",
    "never reads the memory",
    "The second attention has no context, so it asks the target a second time. The source might as "
    "well not exist.",
)
class MemoryNeverRead(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(self.norm2(x), mask=causal_mask(x.shape[1]))[0]


@misconception(
    "DecoderBlock",
    "roles_exchanged",
    "lets the memory ask the target",
    "Queries come from the sequence that wants to know. Here the memory asks, and the result has "
    "as many positions as the source.",
)
class RolesExchanged(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(memory, self.norm2(x))[0]


@misconception(
    "DecoderBlock",
    "cross_first",
    "looks at the source before it looks back",
    "What to look for often depends on what is already written, so the self-attention comes first.",
)
class CrossFirst(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = x + self.look_over(x, memory, memory_mask)
        x = x + self.look_back(x)
        return x + self.think(x)


@misconception(
    "DecoderBlock",
    "side_by_side",
    "lets both attentions read the same stream",
    "The cross-attention should read the stream after the self-attention has added to it.",
)
class SideBySide(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = x + self.look_back(x) + self.look_over(x, memory, memory_mask)
        return x + self.think(x)


@misconception(
    "DecoderBlock",
    "post_norm",
    "normalizes after the sum",
    "That is the order of the transformer of 2017. Here the norm comes before the sub-layer, and "
    "nothing normalizes the stream itself.",
)
class PostNorm(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = self.norm1(x + self.self_attention(x, mask=causal_mask(x.shape[1]))[0])
        x = self.norm2(x + self.cross_attention(x, memory, memory_mask)[0])
        return self.norm3(x + self.feed_forward(x))


@misconception(
    "DecoderBlock",
    "norm_on_the_output",
    "normalizes what a sub-layer returns",
    "The norm belongs before the sub-layer: it works on what goes in.",
)
class NormOnOutput(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = x + self.norm1(self.self_attention(x, mask=causal_mask(x.shape[1]))[0])
        x = x + self.norm2(self.cross_attention(x, memory, memory_mask)[0])
        return x + self.norm3(self.feed_forward(x))


@misconception(
    "DecoderBlock",
    "stream_normalized",
    "adds to the normalized stream",
    "The sub-layer reads the normalized stream, but its output should be added to the stream as "
    "it was before the norm. Here the normalized stream replaces the stream itself.",
)
class StreamNormalized(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = self.norm1(x)
        x = x + self.self_attention(x, mask=causal_mask(x.shape[1]))[0]
        x = self.norm2(x)
        x = x + self.cross_attention(x, memory, memory_mask)[0]
        x = self.norm3(x)
        return x + self.feed_forward(x)


@misconception(
    "DecoderBlock",
    "no_residuals",
    "returns what the sub-layers give, without adding it to the stream",
    "Each sub-layer's output takes the place of the stream instead of being added to it.",
)
class NoResiduals(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = self.look_back(x)
        x = self.look_over(x, memory, memory_mask)
        return self.think(x)


@misconception(
    "DecoderBlock",
    "cross_replaces",
    "replaces the stream by what it finds in the memory",
    "After the cross-attention nothing is left of what was written so far: its output should be "
    "added.",
)
class CrossReplaces(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = x + self.look_back(x)
        x = self.look_over(x, memory, memory_mask)
        return x + self.think(x)


@misconception(
    "DecoderBlock",
    "cross_not_normalized",
    "asks the memory without a norm",
    "norm2 is never used. Each of the three sub-layers reads the stream through a norm of its own.",
)
class CrossNotNormalized(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(x, memory, memory_mask)[0]


@misconception(
    "DecoderBlock",
    "norms_exchanged",
    "swaps norm2 and norm3",
    "The norms are numbered in the order in which they are used. Swapped, they do not fit weights "
    "that were trained elsewhere.",
)
class NormsExchanged(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(self.norm3(x), memory, memory_mask)[0]

    def think(self, x):
        return self.feed_forward(self.norm2(x))


@misconception(
    "DecoderBlock",
    "one_norm_for_all",
    "uses norm1 three times",
    "Each sub-layer has a layer norm of its own, with its own gain and bias.",
)
class OneNorm(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(self.norm1(x), memory, memory_mask)[0]

    def think(self, x):
        return self.feed_forward(self.norm1(x))


@misconception(
    "DecoderBlock",
    "attentions_exchanged",
    "swaps the two attentions",
    "The weights of cross_attention look back, those of self_attention look at the memory. In a "
    "model trained from scratch nobody would notice; but weights that were trained elsewhere do "
    "not fit.",
)
class AttentionsExchanged(_Block):
    def look_back(self, x):
        return self.cross_attention(self.norm1(x), mask=causal_mask(x.shape[1]))[0]

    def look_over(self, x, memory, memory_mask):
        return self.self_attention(self.norm2(x), memory, memory_mask)[0]


@misconception(
    "DecoderBlock",
    "one_attention_for_both",
    "uses the self-attention twice",
    "The weights of cross_attention are never used, and never learn.",
)
class OneAttention(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.self_attention(self.norm2(x), memory, memory_mask)[0]


@misconception(
    "DecoderBlock",
    "no_feed_forward",
    "leaves out the feed-forward network",
    "The block looks back and looks at the memory, but does not think: the third sub-layer is "
    "missing.",
)
class NoFeedForward(_Block):
    def think(self, x):
        return torch.zeros_like(x)


@misconception(
    "DecoderBlock",
    "only_the_last_adds",
    "returns the feed-forward network's output without the stream",
    "The output of the third sub-layer should be added to the stream, like those of the other two.",
)
class LastReplaces(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = x + self.look_back(x)
        x = x + self.look_over(x, memory, memory_mask)
        return self.think(x)


@misconception(
    "DecoderBlock",
    "weights_too",
    "returns the weights as well",
    "An attention returns a pair; a block returns the stream alone, so that the next block can "
    "take it.",
)
class WeightsToo(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = x + self.look_back(x)
        found, weights = self.cross_attention(self.norm2(x), memory, memory_mask)
        x = x + found
        return x + self.think(x), weights


@misconception(
    "DecoderBlock",
    "memory_detached",
    "cuts off the encoder",
    "The numbers are right, but no gradient reaches the memory, so the encoder never learns.",
)
class MemoryDetached(_Block):
    def look_over(self, x, memory, memory_mask):
        return super().look_over(x, memory.detach(), memory_mask)


@misconception(
    "DecoderBlock",
    "in_place",
    "adds into the caller's tensor",
    "x += … works in place: after the call the input has changed, and where x needs a gradient "
    "PyTorch may refuse.",
)
class InPlace(_Block):
    def forward(self, x, memory, memory_mask=None):
        x += self.look_back(x)
        x += self.look_over(x, memory, memory_mask)
        x += self.think(x)
        return x


@misconception(
    "DecoderBlock",
    "fixed_to_float32",
    "works in float32, whatever it is given",
    "A float64 block should give a float64 result.",
)
class FixedDtype(_Block):
    def forward(self, x, memory, memory_mask=None):
        return super().forward(x, memory, memory_mask).float()


# --- greedy_decode ------------------------------------------------------------------------------


def _start(source, bos):
    return torch.full((len(source), 1), bos, dtype=torch.long)


def _decode(model, source, bos, eos, max_len, read=None, stop=None, fill=None, grow=None, see=None):
    """The right way, with one part replaced by another."""
    read = read or (lambda logits: logits[:, -1].argmax(dim=-1))
    stop = stop or (lambda ended, token: bool(ended.all()))
    fill = fill or (lambda token, ended: token.masked_fill(ended, eos))
    grow = grow or (lambda written, token: torch.cat([written, token[:, None]], dim=1))
    see = see or (lambda written: written)
    written, ended = _start(source, bos), torch.zeros(len(source), dtype=torch.bool)
    for _ in range(max_len):
        token = fill(read(model(source, see(written))), ended)
        written = grow(written, token)
        ended = ended | (token == eos)
        if stop(ended, token):
            break
    return written[:, 1:]


@misconception(
    "greedy_decode",
    "bos_kept",
    "leaves bos in the result",
    "bos was given to the model as its first input. The model did not write it.",
)
def decode_bos_kept(model, source, bos, eos, max_len):
    return torch.cat([_start(source, bos), _decode(model, source, bos, eos, max_len)], dim=1)


@misconception(
    "greedy_decode",
    "bos_counted",
    "counts bos among the max_len tokens",
    "The result is one token short: max_len counts new tokens only.",
)
def decode_bos_counted(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len - 1)


@misconception(
    "greedy_decode",
    "one_too_many",
    "writes one token more than it may",
    "At most max_len tokens may be written.",
)
def decode_one_too_many(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len + 1)


@misconception(
    "greedy_decode",
    "writes_on_after_eos",
    "lets rows that have ended go on",
    "A row that has written eos waits for the others. Whatever the model would write there means "
    "nothing; the place should be filled with eos.",
)
def decode_writes_on(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len, fill=lambda token, ended: token)


@misconception(
    "greedy_decode",
    "filled_with_zero",
    "fills ended rows with 0",
    "After its eos a row should be filled with eos. 0 may be a word.",
)
def decode_zero(model, source, bos, eos, max_len):
    return _decode(
        model, source, bos, eos, max_len, fill=lambda token, ended: token.masked_fill(ended, 0)
    )


@misconception(
    "greedy_decode",
    "filled_with_bos",
    "fills ended rows with bos",
    "After its eos a row should be filled with eos.",
)
def decode_bos_fill(model, source, bos, eos, max_len):
    return _decode(
        model, source, bos, eos, max_len, fill=lambda token, ended: token.masked_fill(ended, bos)
    )


@misconception(
    "greedy_decode",
    "last_token_repeated",
    "repeats the last token before eos",
    "eos itself never appears in rows that end early: they repeat the token before it.",
)
def decode_eos_overwritten(model, source, bos, eos, max_len):
    written, ended = _start(source, bos), torch.zeros(len(source), dtype=torch.bool)
    for _ in range(max_len):
        token = model(source, written)[:, -1].argmax(dim=-1)
        ended = ended | (token == eos)
        token = torch.where(ended, written[:, -1], token)
        written = torch.cat([written, token[:, None]], dim=1)
        if ended.all():
            break
    return written[:, 1:]


@misconception(
    "greedy_decode",
    "stops_with_the_first",
    "stops when the first row has ended",
    "The other rows are cut off in the middle. Writing should end when *every* row has ended.",
)
def decode_any(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len, stop=lambda ended, token: bool(ended.any()))


@misconception(
    "greedy_decode",
    "all_at_once",
    "waits for a step in which all rows write eos",
    "Rows end at different times. If the loop does not remember which rows have ended, it runs on "
    "until by chance all write eos at once, or until max_len.",
)
def decode_all_at_once(model, source, bos, eos, max_len):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_len,
        fill=lambda token, ended: token,
        stop=lambda ended, token: bool((token == eos).all()),
    )


@misconception(
    "greedy_decode",
    "never_stops_early",
    "always writes max_len tokens",
    "When every row has ended there is nothing left to do; here eos is added until max_len is "
    "reached.",
)
def decode_never_stops(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len, stop=lambda ended, token: False)


@misconception(
    "greedy_decode",
    "one_more_eos",
    "takes one more step after all rows have ended",
    "The loop asks one step too late whether every row has ended, so the result has one column of "
    "eos too many.",
)
def decode_one_more(model, source, bos, eos, max_len):
    before = [False]

    def late(ended, token):
        due, before[0] = before[0], bool(ended.all())
        return due

    return _decode(model, source, bos, eos, max_len, stop=late)


@misconception(
    "greedy_decode",
    "eos_fixed",
    "waits for an eos of its own",
    "The number of the end token is an argument; another vocabulary has another one.",
    end=(0, 1, 3),
)
def decode_eos_fixed(model, source, bos, eos, max_len, *, end=2):
    return _decode(model, source, bos, end, max_len)


@misconception(
    "greedy_decode",
    "eos_dropped",
    "removes the last column",
    "eos is a token that the model has written, so it stays. Where max_len stopped a row, the "
    "last column even holds a word.",
)
def decode_eos_dropped(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len)[:, :-1]


@misconception(
    "greedy_decode",
    "only_the_last_token",
    "shows the model only the last token",
    "The model has no memory of its own: at each step it must be given all that is written.",
)
def decode_last_only(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len, see=lambda written: written[:, -1:])


@misconception(
    "greedy_decode",
    "bos_not_shown",
    "removes bos after the first step",
    "In training bos was at position 0 of everything the decoder read. Without it every token is "
    "one place too early.",
)
def decode_bos_not_shown(model, source, bos, eos, max_len):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_len,
        see=lambda written: written[:, 1:] if written.shape[1] > 1 else written,
    )


@misconception(
    "greedy_decode",
    "starts_with_eos",
    "begins with eos instead of bos",
    "The first token that the model sees should be bos, as in training.",
)
def decode_starts_with_eos(model, source, bos, eos, max_len):
    return _decode(model, source, eos, eos, max_len)


@misconception(
    "greedy_decode",
    "starts_with_zero",
    "begins with 0 instead of bos",
    "The first token that the model sees should be bos; torch.zeros is right only if bos is 0.",
)
def decode_starts_with_zero(model, source, bos, eos, max_len):
    return _decode(model, source, 0, eos, max_len)


@misconception(
    "greedy_decode",
    "reads_the_first_position",
    "reads the logits of position 0",
    "The logits at position t are about the token after t. Those of the next token are at the end.",
)
def decode_first_position(model, source, bos, eos, max_len):
    return _decode(
        model, source, bos, eos, max_len, read=lambda logits: logits[:, 0].argmax(dim=-1)
    )


@misconception(
    "greedy_decode",
    "one_for_all",
    "writes the first row's answer into every row",
    "Each row has a source of its own and is decoded by itself.",
)
def decode_one_for_all(model, source, bos, eos, max_len):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_len,
        read=lambda logits: logits[0, -1].argmax(dim=-1).repeat(len(logits)),
    )


@misconception(
    "greedy_decode",
    "least_likely",
    "takes the least likely token",
    "It uses argmin instead of argmax.",
)
def decode_argmin(model, source, bos, eos, max_len):
    return _decode(
        model, source, bos, eos, max_len, read=lambda logits: logits[:, -1].argmin(dim=-1)
    )


@misconception(
    "greedy_decode",
    "sampled",
    "draws the next token by its probability",
    "Greedy decoding always takes the likeliest token. The same question must get the same answer.",
)
def decode_sampled(model, source, bos, eos, max_len):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_len,
        read=lambda logits: torch.multinomial(logits[:, -1].softmax(dim=-1), 1).squeeze(1),
    )


@misconception(
    "greedy_decode",
    "grows_at_the_front",
    "puts each new token at the beginning",
    "The text should grow at its end; otherwise the model reads everything backwards.",
)
def decode_front(model, source, bos, eos, max_len):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_len,
        grow=lambda written, token: torch.cat(
            [written[:, :1], token[:, None], written[:, 1:]], dim=1
        ),
    )


@misconception(
    "greedy_decode",
    "reads_itself_as_source",
    "passes the target to the model as the source",
    "The call is model(source, target_in): the source comes first and stays the same at every "
    "step.",
)
def decode_own_source(model, source, bos, eos, max_len):
    return _decode(lambda _, target: model(target, target), source, bos, eos, max_len)


@misconception(
    "greedy_decode",
    "never_empty",
    "ignores an eos that comes at once",
    "An answer may be empty: then eos is the first token, and the row has ended.",
)
def decode_never_empty(model, source, bos, eos, max_len):
    written, ended = _start(source, bos), torch.zeros(len(source), dtype=torch.bool)
    for step in range(max_len):
        token = model(source, written)[:, -1].argmax(dim=-1).masked_fill(ended, eos)
        written = torch.cat([written, token[:, None]], dim=1)
        ended = ended | ((token == eos) & (step > 0))
        if ended.all():
            break
    return written[:, 1:]


@misconception(
    "greedy_decode",
    "one_row_flattened",
    "loses the batch axis of a single row",
    "A batch of one row is (1, n), not (n,).",
)
def decode_squeezed(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len).squeeze(0)


@misconception(
    "greedy_decode",
    "a_list",
    "returns lists of different lengths",
    "The result should be a tensor, in which rows that ended early are filled with eos.",
)
def decode_list(model, source, bos, eos, max_len):
    rows = _decode(model, source, bos, eos, max_len).tolist()
    return [row[: row.index(eos) + 1] if eos in row else row for row in rows]


@misconception(
    "greedy_decode",
    "floats",
    "returns floats",
    "Tokens are whole numbers.",
)
def decode_floats(model, source, bos, eos, max_len):
    return _decode(model, source, bos, eos, max_len).float()


@misconception(
    "greedy_decode",
    "source_overwritten",
    "writes eos over the sources of rows that have ended",
    "The result is right, but the caller's source has been overwritten.",
)
def decode_overwrites_source(model, source, bos, eos, max_len):
    result = _decode(model, source, bos, eos, max_len)
    source[(result == eos).any(dim=1)] = eos
    return result


# --- sequence_accuracy --------------------------------------------------------------------------


def _fine(predicted, expected, pad):
    return (predicted == expected) | (expected == pad)


@misconception(
    "sequence_accuracy",
    "tokens_counted",
    "counts right tokens instead of right rows",
    "A row of twenty tokens with one mistake is 95 % right by its tokens, and wrong as an answer. "
    "Here a row counts as a whole.",
)
def accuracy_tokens(predicted, expected, pad):
    due = expected != pad
    return ((predicted == expected) & due).sum().item() / max(int(due.sum()), 1)


@misconception(
    "sequence_accuracy",
    "mean_of_rows",
    "gives a row the share of its tokens that are right",
    "A row is either right or wrong; there is nothing in between.",
)
def accuracy_mean_of_rows(predicted, expected, pad):
    due = (expected != pad).double()
    same = (predicted == expected).double() * due
    return (same.sum(1) / due.sum(1).clamp(min=1)).mean().item()


@misconception(
    "sequence_accuracy",
    "padding_counted",
    "expects the padding to be right as well",
    "Where expected is pad, nothing is expected: a decoder leaves eos there, or anything at all.",
)
def accuracy_padding(predicted, expected, pad):
    return (predicted == expected).all(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "predicted_decides",
    "leaves out the places where *predicted* is pad",
    "Then an answer of nothing but pad is always right. What is expected decides.",
)
def accuracy_by_predicted(predicted, expected, pad):
    return _fine(expected, predicted, pad).all(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "either_decides",
    "forgives pad in the answer, too",
    "Where something is expected, pad is a wrong answer.",
)
def accuracy_either(predicted, expected, pad):
    fine = _fine(predicted, expected, pad) | (predicted == pad)
    return fine.all(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "up_to_the_first_pad",
    "stops at the first pad",
    "Whatever comes after it is never compared. Padding need not be at the end.",
)
def accuracy_first_pad(predicted, expected, pad):
    real = (expected != pad).long().cumprod(dim=1).bool()
    return ((predicted == expected) | ~real).all(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "any_token",
    "counts a row as right as soon as one token is right",
    "It uses any instead of all.",
)
def accuracy_any(predicted, expected, pad):
    same = (predicted == expected) & (expected != pad)
    return same.any(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "columns_counted",
    "counts columns instead of rows",
    "The first axis is the batch: a row is one sequence.",
)
def accuracy_columns(predicted, expected, pad):
    return _fine(predicted, expected, pad).all(dim=0).double().mean().item()


@misconception(
    "sequence_accuracy",
    "order_ignored",
    "compares the tokens in any order",
    "A sentence with its words in a different order is a different sentence.",
)
def accuracy_bag(predicted, expected, pad):
    right = 0
    for mine, due in zip(predicted, expected, strict=True):
        real = due != pad
        right += bool((mine[real].sort().values == due[real].sort().values).all())
    return right / len(predicted)


@misconception(
    "sequence_accuracy",
    "pad_is_zero",
    "takes 0 for pad, whatever pad is",
    "pad is an argument; in another vocabulary 0 is a word.",
)
def accuracy_pad_zero(predicted, expected, pad):
    return _fine(predicted, expected, 0).all(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "empty_rows_wrong",
    "counts a row in which nothing is expected as wrong",
    "Nothing is expected, and nothing is missed.",
)
def accuracy_empty_wrong(predicted, expected, pad):
    due = expected != pad
    right = _fine(predicted, expected, pad).all(dim=1) & due.any(dim=1)
    return right.double().mean().item()


@misconception(
    "sequence_accuracy",
    "empty_rows_left_out",
    "leaves out rows in which nothing is expected",
    "The share is taken over all rows. (If there are no other rows, this even divides by zero.)",
)
def accuracy_empty_left_out(predicted, expected, pad):
    some = (expected != pad).any(dim=1)
    return _fine(predicted, expected, pad).all(dim=1)[some].double().mean().item()


@misconception(
    "sequence_accuracy",
    "last_token_alone",
    "looks at the last column only",
    "Every place of the row has to agree.",
)
def accuracy_last(predicted, expected, pad):
    return _fine(predicted, expected, pad)[:, -1].double().mean().item()


@misconception(
    "sequence_accuracy",
    "all_or_nothing",
    "says whether the whole batch is right",
    "The exercise asks for a share: right rows divided by all rows.",
)
def accuracy_whole_batch(predicted, expected, pad):
    return float(_fine(predicted, expected, pad).all())


@misconception(
    "sequence_accuracy",
    "errors_counted",
    "gives the share of wrong rows",
    "That is the error rate, 1 minus the accuracy.",
)
def accuracy_errors(predicted, expected, pad):
    return 1.0 - _fine(predicted, expected, pad).all(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "a_count",
    "returns the number of right rows",
    "The exercise asks for a share, from 0 to 1.",
)
def accuracy_count(predicted, expected, pad):
    return float(_fine(predicted, expected, pad).all(dim=1).sum())


@misconception(
    "sequence_accuracy",
    "percent",
    "returns percent",
    "The exercise asks for a share, from 0 to 1.",
)
def accuracy_percent(predicted, expected, pad):
    return 100.0 * _fine(predicted, expected, pad).all(dim=1).double().mean().item()


@misconception(
    "sequence_accuracy",
    "a_tensor",
    "returns a tensor",
    "The exercise asks for a Python float: .item() takes the number out of a tensor.",
)
def accuracy_tensor(predicted, expected, pad):
    return _fine(predicted, expected, pad).all(dim=1).double().mean()


@misconception(
    "sequence_accuracy",
    "writes_into_predicted",
    "writes pad into the answers",
    "The share is right, but the caller's answers have been overwritten.",
)
def accuracy_in_place(predicted, expected, pad):
    predicted[expected == pad] = pad
    return (predicted == expected).all(dim=1).double().mean().item()


# --- induction_head -----------------------------------------------------------------------------


def _sharp(rows, max_len):
    return math.sqrt(rows) * (math.log(max_len) + 10.0)


def _second(vocab_size, max_len, asks, announces, hands=None, match=None, step=None):
    """The second head from parts of its input: "token", "place" (its number) and "before".

    ``asks`` and ``announces`` are compared, and each step to a later place counts ``step``.
    """
    columns = {"token": 0, "before": vocab_size + max_len}
    rows, width = vocab_size + 1, 2 * vocab_size + max_len
    gap = _sharp(rows, max_len)
    eye = torch.eye(vocab_size)
    query, key, value = torch.zeros(rows, width), torch.zeros(rows, width), torch.zeros(rows, width)
    start = columns[asks]
    query[:-1, start : start + vocab_size] = (4.0 * max_len * gap if match is None else match) * eye
    query[-1, :vocab_size] = gap if step is None else step
    start = columns[announces]
    key[:-1, start : start + vocab_size] = eye
    key[-1, vocab_size : vocab_size + max_len] = torch.arange(float(max_len))
    start = columns[hands or "token"]
    value[:-1, start : start + vocab_size] = eye
    return {"W_query": query, "W_key": key, "W_value": value[:-1]}


def _pair(vocab_size, max_len, asks="token", announces="before", **more):
    first = previous_token_head(vocab_size, max_len)
    return first, _second(vocab_size, max_len, asks, announces, **more)


@misconception(
    "induction_head",
    "finds_the_same_token",
    "finds its own token again, and returns that",
    "The second head looks for positions that hold the token at t. Its latest match is t itself. "
    "It should look for positions that come *after* that token; the first head tells which they "
    "are.",
)
def induction_same_token(vocab_size, max_len):
    return _pair(vocab_size, max_len, announces="token")


@misconception(
    "induction_head",
    "hands_over_the_match",
    "looks at the right position, but returns the token before it",
    "That token only served to find the position; it is the token at t again. The answer is the "
    "token at the position itself.",
)
def induction_hands_match(vocab_size, max_len):
    return _pair(vocab_size, max_len, hands="before")


@misconception(
    "induction_head",
    "asks_with_the_token_before",
    "returns the token before t",
    "The second head's query reads what the first head has found, and its key reads the token. It "
    "should be the other way around: t asks with its own token.",
)
def induction_roles_exchanged(vocab_size, max_len):
    return _pair(vocab_size, max_len, asks="before", announces="token")


@misconception(
    "induction_head",
    "one_too_far",
    "returns the second token after the match",
    "The first head looks two places back, or the second head looks one step too far.",
)
def induction_too_far(vocab_size, max_len):
    first, second = _pair(vocab_size, max_len)
    query = first["W_query"].clone()
    places = query[:, vocab_size:].clone()
    query[:, vocab_size:] = torch.cat([torch.zeros_like(places[:, :1]), places[:, :-1]], dim=1)
    return {**first, "W_query": query}, second


@misconception(
    "induction_head",
    "all_occurrences",
    "gives all occurrences the same weight",
    "With one earlier occurrence that is right. With several, the output is the mean of the "
    "tokens that followed them; only the latest should count.",
)
def induction_all(vocab_size, max_len):
    first, second = _pair(vocab_size, max_len, step=0.0)
    second["W_query"][-1, :vocab_size] = _sharp(vocab_size + 1, max_len) * 8.0 * max_len
    second["W_key"][-1, vocab_size : vocab_size + max_len] = 0.0
    second["W_key"][-1, vocab_size] = -1.0  # position 0 has nothing before it
    return first, second


@misconception(
    "induction_head",
    "start_forgotten",
    "forgets that nothing comes before position 0",
    "At position 0 the first head can look only at position 0 itself, and says that the token "
    "before is the token itself. So position 0 looks like a match for its own token. (Besides, "
    "all matches share the weight, although the latest should have all of it.)",
)
def induction_start(vocab_size, max_len):
    return _pair(vocab_size, max_len, step=0.0)


@misconception(
    "induction_head",
    "oldest_occurrence",
    "takes the oldest occurrence",
    "Of several matches the *latest* should win: scores should grow with the position.",
)
def induction_oldest(vocab_size, max_len):
    return _pair(vocab_size, max_len, step=-_sharp(vocab_size + 1, max_len))


@misconception(
    "induction_head",
    "place_outweighs_match",
    "lets a late position win against a match",
    "A few steps to a later position count as much as a match, so matches that lie far back "
    "lose. The positions may only decide between matches: all the steps together must weigh less "
    "than a match.",
)
def induction_place(vocab_size, max_len):
    gap = _sharp(vocab_size + 1, max_len)
    return _pair(vocab_size, max_len, match=1.5 * gap, step=gap)


@misconception(
    "induction_head",
    "too_soft",
    "looks at the right position, but not sharply enough",
    "The right score is the largest of its row, but by too little: the output is a mixture of the "
    "right token and others.",
)
def induction_soft(vocab_size, max_len):
    root = math.sqrt(vocab_size + 1)
    return _pair(vocab_size, max_len, match=1.2 * root, step=0.6 * root / max_len)


@misconception(
    "induction_head",
    "scale_forgotten",
    "is sharp enough only for scores that are not divided by the root of the width",
    "Scores are divided by the root of the queries' width before the softmax, and after that the "
    "right one is larger than the others by too little.",
)
def induction_unscaled(vocab_size, max_len):
    first = dict(previous_token_head(vocab_size, max_len))
    gap = math.log(max_len) + 4.0
    first["W_query"] = first["W_query"] * (gap / (math.log(max_len) + 10.0) / math.sqrt(max_len))
    return first, _second(
        vocab_size, max_len, "token", "before", match=4.0 * max_len + gap, step=4.0
    )


@misconception(
    "induction_head",
    "first_output_in_front",
    "expects the first head's output first",
    "The second head's input is the first head's input (V + T numbers), and only *then* what the "
    "first head has found.",
)
def induction_in_front(vocab_size, max_len):
    first, second = _pair(vocab_size, max_len)
    return first, {name: matrix.roll(vocab_size, dims=1) for name, matrix in second.items()}


@misconception(
    "induction_head",
    "position_first",
    "takes the input for [position, token]",
    "The first V numbers of the input are the token's, the T numbers after them the position's.",
)
def induction_position_first(vocab_size, max_len):
    first, second = _pair(vocab_size, max_len)
    old = torch.arange(vocab_size + max_len).roll(-vocab_size)
    rest = torch.arange(vocab_size + max_len, 2 * vocab_size + max_len)
    return (
        {name: matrix[:, old] for name, matrix in first.items()},
        {name: matrix[:, torch.cat([old, rest])] for name, matrix in second.items()},
    )


@misconception(
    "induction_head",
    "first_output_forgotten",
    "builds a second head that cannot see the first one's output",
    "Its matrices have V + T columns. The m numbers of the first head come after them.",
)
def induction_forgotten(vocab_size, max_len):
    first, second = _pair(vocab_size, max_len)
    return first, {name: matrix[:, : vocab_size + max_len] for name, matrix in second.items()}


@misconception(
    "induction_head",
    "values_scaled",
    "multiplies the values too",
    "The output points to the right token, but it should be a one-hot vector. The factor that "
    "makes the attention sharp does not belong in the values.",
    factor=(2.0, 5.0, 20.0, 100.0),
)
def induction_values(vocab_size, max_len, *, factor=10.0):
    first, second = _pair(vocab_size, max_len)
    return first, second | {"W_value": factor * second["W_value"]}


@misconception(
    "induction_head",
    "transposed",
    "lays the matrices out as (in, out)",
    "nn.Linear keeps its weight as (out, in): one column for each number of the input.",
)
def induction_transposed(vocab_size, max_len):
    pair = _pair(vocab_size, max_len)
    return tuple({name: matrix.T.contiguous() for name, matrix in head.items()} for head in pair)


@misconception(
    "induction_head",
    "not_a_pair",
    "returns one dict instead of two",
    "The exercise asks for two heads: the answer is a pair of dicts, (first, second).",
)
def induction_one_dict(vocab_size, max_len):
    return _pair(vocab_size, max_len)[1]


# --- beam_search --------------------------------------------------------------------------------


def _log_chances(model, source, text):
    """The log-probability of each token that may follow a text."""
    with torch.no_grad():
        return model(source, torch.tensor([text]))[0, -1].log_softmax(dim=-1).tolist()


def _has_ended(text, eos):
    return len(text) > 1 and text[-1] == eos


def _all_ended(beams, eos):
    return all(_has_ended(text, eos) for _, text in beams)


def _search(
    model,
    source,
    bos,
    eos,
    max_len,
    width,
    chances=_log_chances,
    add=lambda score, chance: score + chance,
    grown=lambda score, text, found, eos: found,
    order=lambda score, text: -score,
    over=_all_ended,
    keep=lambda step, ranked, eos, width: ranked[:width],
):
    """The beams at the end, the best first: the right way, with one part replaced by another."""
    beams = [(0.0, [bos])]
    for step in range(max_len):
        found = []
        for score, text in beams:
            if _has_ended(text, eos):
                found.append((score, text))
                continue
            more = chances(model, source, text)
            longer = [(add(score, chance), [*text, token]) for token, chance in enumerate(more)]
            found += grown(score, text, longer, eos)
        beams = keep(step, sorted(found, key=lambda beam: order(*beam)), eos, width)
        if over(beams, eos):
            break
    return beams


def _as_asked(beam):
    return torch.tensor(beam[1][1:]), beam[0]


@misconception(
    "beam_search",
    "greedy",
    "writes the likeliest token at each step",
    "That is greedy_decode: a first token that leads to something better is dropped at once.",
)
def beam_greedy(model, source, bos, eos, max_len, width):
    return _as_asked(_search(model, source, bos, eos, max_len, 1)[0])


@misconception(
    "beam_search",
    "logits_added",
    "adds up logits",
    "At each step one constant could be added to all logits and nothing would change, so sums of "
    "logits of different texts cannot be compared. Log-probabilities can: take log_softmax first.",
)
def beam_logits(model, source, bos, eos, max_len, width):
    def raw(model, source, text):
        with torch.no_grad():
            return model(source, torch.tensor([text]))[0, -1].tolist()

    return _as_asked(_search(model, source, bos, eos, max_len, width, chances=raw)[0])


@misconception(
    "beam_search",
    "probabilities_added",
    "adds up probabilities",
    "The probability of a text is the product of those of its tokens; their logarithms add up.",
)
def beam_sum(model, source, bos, eos, max_len, width):
    def plain(model, source, text):
        return [math.exp(chance) for chance in _log_chances(model, source, text)]

    return _as_asked(_search(model, source, bos, eos, max_len, width, chances=plain)[0])


@misconception(
    "beam_search",
    "last_token_alone",
    "compares the last tokens alone",
    "The sum over the whole text decides which beams are kept.",
)
def beam_forgets(model, source, bos, eos, max_len, width):
    return _as_asked(
        _search(model, source, bos, eos, max_len, width, add=lambda score, chance: chance)[0]
    )


@misconception(
    "beam_search",
    "mean_over_the_length",
    "divides by the length",
    "That favors longer texts. The contract has no length penalty.",
)
def beam_mean(model, source, bos, eos, max_len, width):
    return _as_asked(
        _search(
            model,
            source,
            bos,
            eos,
            max_len,
            width,
            order=lambda score, text: -score / (len(text) - 1),
        )[0]
    )


@misconception(
    "beam_search",
    "beams_do_not_compete",
    "lets each beam keep its own best continuation",
    "After the first step each beam is then a greedy search of its own. All continuations of all "
    "beams should compete for the places.",
)
def beam_apart(model, source, bos, eos, max_len, width):
    beams = [(0.0, [bos])]
    for _ in range(max_len):
        found = []
        for score, text in beams:
            if _has_ended(text, eos):
                found.append((score, text))
                continue
            more = _log_chances(model, source, text)
            longer = sorted(((score + c, [*text, t]) for t, c in enumerate(more)), reverse=True)
            found += longer[: width if len(text) == 1 else 1]
        beams = sorted(found, key=lambda beam: -beam[0])
        if all(_has_ended(text, eos) for _, text in beams):
            break
    return _as_asked(beams[0])


@misconception(
    "beam_search",
    "goes_on_after_eos",
    "continues beams that have ended",
    "Nothing comes after eos. A beam that has ended stays as it is.",
    stops=(False,),
)
def beam_on(model, source, bos, eos, max_len, width, *, stops=True):
    beams = [(0.0, [bos])]
    for _ in range(max_len):
        found = []
        for score, text in beams:
            more = _log_chances(model, source, text)
            found += [(score + c, [*text, t]) for t, c in enumerate(more)]
        beams = sorted(found, key=lambda beam: -beam[0])[:width]
        if stops and all(text[-1] == eos for _, text in beams):
            break
    return _as_asked(beams[0])


@misconception(
    "beam_search",
    "stops_at_the_first_end",
    "stops when one beam has ended",
    "Another beam, still open, may end with a higher sum.",
)
def beam_hasty(model, source, bos, eos, max_len, width):
    beams = _search(
        model,
        source,
        bos,
        eos,
        max_len,
        width,
        over=lambda beams, eos: any(_has_ended(t, eos) for _, t in beams),
    )
    return _as_asked(next((beam for beam in beams if _has_ended(beam[1], eos)), beams[0]))


@misconception(
    "beam_search",
    "ended_beams_lost",
    "drops beams that have ended",
    "A text that has ended stays among the beams as long as its sum is high enough; it may be the "
    "best one in the end.",
)
def beam_loses(model, source, bos, eos, max_len, width):
    beams, last = [(0.0, [bos])], None
    for _ in range(max_len):
        found = []
        for score, text in beams:
            more = _log_chances(model, source, text)
            found += [(score + c, [*text, t]) for t, c in enumerate(more)]
        beams = sorted(found, key=lambda beam: -beam[0])[:width]
        last = beams[0]
        beams = [beam for beam in beams if beam[1][-1] != eos]
        if not beams:
            break
    return _as_asked(max(beams) if beams else last)


@misconception(
    "beam_search",
    "ended_beams_give_up_their_place",
    "sets ended beams aside and fills their places",
    "The search is then wider than it should be: an ended beam keeps one of the places as long "
    "as it is among the best.",
)
def beam_wider(model, source, bos, eos, max_len, width):
    beams, ended = [(0.0, [bos])], []
    for _ in range(max_len):
        found = []
        for score, text in beams:
            more = _log_chances(model, source, text)
            found += [(score + c, [*text, t]) for t, c in enumerate(more)]
        found.sort(key=lambda beam: -beam[0])
        ended += [beam for beam in found[:width] if beam[1][-1] == eos]
        beams = [beam for beam in found if beam[1][-1] != eos][:width]
        if len(ended) >= width:
            break
    return _as_asked(max(ended + beams, key=lambda beam: beam[0]))


def _kept(keep):
    """Make a search that keeps other beams than it should, and returns the likeliest of them."""

    def search(model, source, bos, eos, max_len, width):
        beams = _search(model, source, bos, eos, max_len, width, keep=keep)
        return _as_asked(max(beams, key=lambda beam: beam[0]))

    return search


def _made(step, ranked):
    """Those that had ended before this step, and those that it made."""
    done = [beam for beam in ranked if len(beam[1]) < step + 2]
    return done, [beam for beam in ranked if len(beam[1]) == step + 2]


@variant("beam_search", "ended_beams_give_up_their_place", "at the next step")
def beam_finished_list(model, source, bos, eos, max_len, width):
    def keep(step, ranked, eos, width):
        done, made = _made(step, ranked)
        return done + made[:width]

    return _kept(keep)(model, source, bos, eos, max_len, width)


@variant("beam_search", "ended_beams_give_up_their_place", "every text that has ended")
def beam_all_finished(model, source, bos, eos, max_len, width):
    def keep(step, ranked, eos, width):
        still_open = [beam for beam in ranked if not _has_ended(beam[1], eos)]
        return [beam for beam in ranked if _has_ended(beam[1], eos)] + still_open[:width]

    return _kept(keep)(model, source, bos, eos, max_len, width)


@misconception(
    "beam_search",
    "ended_beams_keep_their_place_for_good",
    "never pushes out a beam that has ended",
    "An ended beam keeps its place only while its sum is among the `width` highest. Once enough "
    "others have higher sums, it is dropped, and one of them has the place.",
)
def beam_for_good(model, source, bos, eos, max_len, width):
    def keep(step, ranked, eos, width):
        done, made = _made(step, ranked)
        return done + made[: width - len(done)]

    return _kept(keep)(model, source, bos, eos, max_len, width)


@misconception(
    "beam_search",
    "first_step_uncut",
    "keeps all texts of the first step",
    "The first step, too, keeps no more than `width` of them.",
)
def beam_uncut(model, source, bos, eos, max_len, width):
    def keep(step, ranked, eos, width):
        return ranked[:width] if step else ranked

    return _kept(keep)(model, source, bos, eos, max_len, width)


@misconception(
    "beam_search",
    "one_beam_too_many",
    "keeps one beam more than `width`",
    "`width` beams are kept after each step; with a width of 1 the search is greedy_decode.",
)
def beam_one_more(model, source, bos, eos, max_len, width):
    return _as_asked(_search(model, source, bos, eos, max_len, width + 1)[0])


@misconception(
    "beam_search",
    "no_more_beams_than_tokens",
    "keeps no more beams than the vocabulary has tokens",
    "Only the first step has no more texts than tokens. Later there are up to `width` times as "
    "many, and `width` of them are kept.",
)
def beam_capped(model, source, bos, eos, max_len, width):
    tokens = len(_log_chances(model, source, [bos]))
    return _as_asked(_search(model, source, bos, eos, max_len, min(width, tokens))[0])


@misconception(
    "beam_search",
    "one_beam_for_each_token",
    "keeps only the best text for each last token",
    "Two texts that end in the same token are two beams: both are kept if their sums are among "
    "the highest.",
)
def beam_one_per_token(model, source, bos, eos, max_len, width):
    def keep(step, ranked, eos, width):
        best = {text[-1]: (score, text) for score, text in reversed(ranked)}
        return sorted(best.values(), reverse=True)[:width]

    return _kept(keep)(model, source, bos, eos, max_len, width)


def _penalized(score, text, power):
    return score / ((4 + len(text)) / 6) ** power


@misconception(
    "beam_search",
    "length_penalty",
    "applies a length penalty",
    "Dividing a sum by a power of the length (Wu et al. 2016) favors longer texts. The contract "
    "has no length penalty: the sums themselves decide.",
    power=(0.7, 1.0),
)
def beam_penalty(model, source, bos, eos, max_len, width, *, power=0.6):
    def order(score, text):
        return -_penalized(score, text, power)

    return _as_asked(_search(model, source, bos, eos, max_len, width, order=order)[0])


@variant("beam_search", "length_penalty", "at the final choice alone")
def beam_penalty_at_the_end(model, source, bos, eos, max_len, width):
    beams = _search(model, source, bos, eos, max_len, width)
    return _as_asked(max(beams, key=lambda beam: _penalized(beam[0], beam[1], 0.6)))


@misconception(
    "beam_search",
    "ended_beams_preferred",
    "prefers beams that have ended",
    "The likeliest text counts, whether it has ended or not.",
)
def beam_prefers(model, source, bos, eos, max_len, width):
    beams = _search(model, source, bos, eos, max_len, width)
    return _as_asked(next((beam for beam in beams if _has_ended(beam[1], eos)), beams[0]))


@misconception(
    "beam_search",
    "bos_kept",
    "leaves bos in the result",
    "bos was given to the model as its first input. The model did not write it.",
)
def beam_bos(model, source, bos, eos, max_len, width):
    score, text = _search(model, source, bos, eos, max_len, width)[0]
    return torch.tensor(text), score


@misconception(
    "beam_search",
    "eos_cut_off",
    "cuts eos off",
    "The eos belongs to the text: its log-probability is in the sum, and it says that the text "
    "has ended.",
)
def beam_no_eos(model, source, bos, eos, max_len, width):
    score, text = _search(model, source, bos, eos, max_len, width)[0]
    return torch.tensor(text[1:-1] if _has_ended(text, eos) else text[1:], dtype=torch.long), score


@misconception(
    "beam_search",
    "end_for_free",
    "does not count the log-probability of eos",
    "Ending is a choice of the model like any other, and it has its price.",
)
def beam_free(model, source, bos, eos, max_len, width):
    def free(score, text, found, eos):
        return [(score if longer[-1] == eos else total, longer) for total, longer in found]

    return _as_asked(_search(model, source, bos, eos, max_len, width, grown=free)[0])


@misconception(
    "beam_search",
    "worst_beam",
    "returns the last of the beams",
    "The beams are kept in descending order; the answer is the first.",
)
def beam_worst(model, source, bos, eos, max_len, width):
    return _as_asked(_search(model, source, bos, eos, max_len, width)[-1])


@misconception(
    "beam_search",
    "one_token_too_many",
    "writes one token more than max_len",
    "After bos, at most max_len tokens are written.",
)
def beam_long(model, source, bos, eos, max_len, width):
    return _as_asked(_search(model, source, bos, eos, max_len + 1, width)[0])


@misconception(
    "beam_search",
    "probability",
    "returns the probability",
    "The contract asks for its logarithm: for a long text the probability itself is 0 in float32.",
)
def beam_chance(model, source, bos, eos, max_len, width):
    score, text = _search(model, source, bos, eos, max_len, width)[0]
    return torch.tensor(text[1:]), math.exp(score)


@misconception(
    "beam_search",
    "negative",
    "returns the negative log-probability",
    "That is the text's surprise; the contract asks for the log-probability, which is at most 0.",
)
def beam_negative(model, source, bos, eos, max_len, width):
    score, text = _search(model, source, bos, eos, max_len, width)[0]
    return torch.tensor(text[1:]), -score


@misconception(
    "beam_search",
    "last_token_shown",
    "shows the model the last token only",
    "The model has no state: it must see the whole text so far.",
)
def beam_short_sighted(model, source, bos, eos, max_len, width):
    def last(model, source, text):
        return _log_chances(model, source, text[-1:])

    return _as_asked(_search(model, source, bos, eos, max_len, width, chances=last)[0])


# --- the same mistakes, as they are often written ------------------------------------------------


@variant("DecoderBlock", "memory_mask_on_itself", "in place of the causal mask")
class MemoryMaskForCausal(_Block):
    def forward(self, x, memory, memory_mask=None):
        x = x + self.self_attention(self.norm1(x), mask=memory_mask)[0]
        x = x + self.look_over(x, memory, memory_mask)
        return x + self.think(x)


@variant("DecoderBlock", "causal_mask_on_the_memory", "the one of the target, in place of its own")
class TargetsCausalOnMemory(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(self.norm2(x), memory, causal_mask(x.shape[1]))[0]


@variant("DecoderBlock", "roles_exchanged", "with the mask of the memory")
class RolesExchangedMasked(_Block):
    def look_over(self, x, memory, memory_mask):
        return self.cross_attention(memory, self.norm2(x), memory_mask)[0]


@variant("greedy_decode", "never_stops_early", "and never looks for eos")
def decode_never_stops_early(model, source, bos, eos, max_len):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_len,
        fill=lambda token, ended: token,
        stop=lambda ended, token: False,
    )


@misconception(
    "sequence_accuracy",
    "differences_cancel",
    "adds up the differences of a row",
    "One token that is too large by 1 and another that is too small by 1 cancel. Compare place by "
    "place.",
)
def accuracy_of_sums(predicted, expected, pad):
    off = (predicted - expected) * (expected != pad)
    return (off.sum(dim=1) == 0).double().mean().item()


@misconception(
    "DecoderBlock",
    "mask_of_the_first_call",
    "keeps the causal mask of the first call",
    "The next call may have more positions or fewer. Make the mask for the x at hand, or keep one "
    "that is long enough and cut from it.",
)
class MaskOfTheFirstCall(_Block):
    seen = None

    def forward(self, x, memory, memory_mask=None):
        if self.seen is None:
            self.seen = causal_mask(x.shape[1])
        x = x + self.self_attention(self.norm1(x), mask=self.seen)[0]
        x = x + self.look_over(x, memory, memory_mask)
        return x + self.think(x)


@misconception(
    "DecoderBlock",
    "memory_of_the_first_call",
    "keeps the memory of the first call",
    "The next call brings a memory and a mask of its own.",
)
class MemoryOfTheFirstCall(_Block):
    kept = None

    def look_over(self, x, memory, memory_mask):
        if self.kept is None:
            self.kept = memory, memory_mask
        return super().look_over(x, *self.kept)


@variant("sequence_accuracy", "tokens_counted", "as a mean")
def accuracy_of_tokens(predicted, expected, pad):
    due = expected != pad
    return (predicted[due] == expected[due]).double().mean().item()


@variant("sequence_accuracy", "any_token", "with padding for right")
def accuracy_any_or_padding(predicted, expected, pad):
    return ((predicted == expected) | (expected == pad)).any(dim=1).double().mean().item()
