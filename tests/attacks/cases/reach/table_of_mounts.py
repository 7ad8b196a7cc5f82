"""TRIES: to read the machine's table of mounts: statmount and listmount, which Landlock does not control.

MUST: be refused.

ROWS: 15
"""

# --- handed in ---
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
found = []


class Request(ctypes.Structure):  # struct mnt_id_req
    _fields_ = [("size", ctypes.c_uint32), ("spare", ctypes.c_uint32)] + [
        (name, ctypes.c_uint64) for name in ("id", "param")
    ]


room = ctypes.create_string_buffer(1 << 16)
for name, number, param in (("statmount", 457, 0x7F), ("listmount", 458, 0)):
    for mount in (0xFFFFFFFFFFFFFFFF, 1, 2, 3):
        request = Request(24, 0, mount, param)
        ctypes.set_errno(0)
        done = libc.syscall(number, ctypes.byref(request), room, ctypes.c_long(1 << 10), 0)
        if done >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            found.append(f"{name} of {mount}")
print("REACHED", found)


def softmax_jacobian(weights):
    return None
