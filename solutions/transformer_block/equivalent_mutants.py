"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
    "gradient_by_depth": {
        change(
            "loss = nn.functional.mse_loss(nn.functional.layer_norm(x, (32,)), target)",
            "loss = nn.functional.mse_loss(target, nn.functional.layer_norm(x, (32,)))",
        ): "a squared distance is the same from either end",
        change(
            "x = block.norm2(x + block.feed_forward(x))",
            "x = block.norm2(x - block.feed_forward(x))",
        ): "the sign of a branch with random weights is chance itself",
        change(
            "x = block.norm1(x + block.attention(x)[0])",
            "x = block.norm1(x - block.attention(x)[0])",
        ): "the sign of a branch with random weights is chance itself",
        change(
            "blocks = [TransformerBlock(32, 4, 128) for _ in range(depth)]",
            "blocks = [TransformerBlock(32, 4, 129) for _ in range(depth)]",
        ): "one hidden feature more or less: what is judged is the effect of depth, not one number",
        change(
            "blocks = [TransformerBlock(32, 4, 128) for _ in range(depth)]",
            "blocks = [TransformerBlock(32, 4, 127) for _ in range(depth)]",
        ): "one hidden feature more or less: what is judged is the effect of depth, not one number",
        change(
            "torch.manual_seed(0)", "torch.manual_seed(1)"
        ): "another draw shows the same effect, and the order of the draws is free",
        change(
            "torch.manual_seed(0)", "torch.manual_seed(-1)"
        ): "another draw shows the same effect, and the order of the draws is free",
    },
}
