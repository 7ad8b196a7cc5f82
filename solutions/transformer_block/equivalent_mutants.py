"""Mutants of this lesson's answers that no check can catch, and why.

See :mod:`grader.authoring.mutants`.
"""

from __future__ import annotations

from grader.authoring.mutants import change

EQUIVALENT = {
    "block_gradients": {
        change(
            "loss = nn.functional.mse_loss(final(x), target)",
            "loss = nn.functional.mse_loss(target, final(x))",
        ): "a squared distance is the same from either end",
    },
    "gradient_by_depth": {
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
    "failing_vectors": {
        change(
            "return (torch.tensor([1.0, 0.0]), torch.tensor([1e-05, 0.0]))",
            "return (torch.tensor([1.0, 0.0]), torch.tensor([2e-05, 0.0]))",
        ): "a spread twice as large is small beside eps, too: many vectors do",
        change(
            "return (torch.tensor([1.0, 0.0]), torch.tensor([1e-05, 0.0]))",
            "return (torch.tensor([2.0, 0.0]), torch.tensor([1e-05, 0.0]))",
        ): "two features are two features, whatever their spread: many vectors do",
    },
}
