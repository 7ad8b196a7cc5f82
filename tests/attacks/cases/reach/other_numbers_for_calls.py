"""TRIES: the same calls by the numbers of the x32 and of the 32-bit interface, in machine code.

MUST: be refused, or killed at once.

ROWS: 15
"""

OUTCOME = ("crashed", "graded")

# --- handed in ---
import ctypes
import errno
import mmap
import platform

libc = ctypes.CDLL(None, use_errno=True)
found = []
if platform.machine() == "x86_64":
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(0x40000000 + 39)) > 0:
        found.append("x32 getpid")
print("REACHED", found)


def softmax_jacobian(weights):
    if platform.machine() != "x86_64":
        return None
    # mov eax, 20 (getpid of the 32-bit interface); int 0x80; ret
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    every = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    page = mmap.mmap(-1, 4096, flags=private, prot=every)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    pid = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    raise ValueError("REACHED " + str([pid] if pid > 0 else []))
