"""TRIES: to leave a core dump of itself, large, wherever dumps are written.

MUST: end as crashed, and leave no file.

ROWS: 12
"""

OUTCOME = ("crashed",)

# --- handed in ---
import ctypes
import os
import resource

try:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("REACHED", ["core"])
except (ValueError, OSError):
    pass
ctypes.CDLL(None).prctl(4, 1)


def softmax_jacobian(weights):
    os.abort()
