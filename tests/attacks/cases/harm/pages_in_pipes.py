"""TRIES: to give pages to pipes with vmsplice: each keeps a huge page of 2 MB, and no process has it.

MUST: be refused.

ROWS: 25
"""

LIMITS = {"worker": {"memory": 1610612736}}

# --- handed in ---
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


given = 0
for _ in range(60):
    ends = os.pipe()
    size = 1 << 22
    address = libc.mmap(None, size, 3, 0x22, -1, 0)
    libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), 14)  # MADV_HUGEPAGE
    ctypes.memset(address, 1, size)
    if libc.vmsplice(ends[1], ctypes.byref(Vector(address, 4096)), ctypes.c_ulong(1), 0) > 0:
        given += 1
    libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(size))
print("REACHED", [given] if given else [])


def softmax_jacobian(weights):
    return None
