"""The sandbox: ``host`` chooses, starts and limits it; ``guest`` runs beside student code."""
