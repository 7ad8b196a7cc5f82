"""TRIES: the system calls that no exercise needs: namespaces, mounts, bpf, keys, io_uring and more.

MUST: be refused each of them.

ROWS: 15
"""

# --- handed in ---
import ctypes
import errno
import platform

libc = ctypes.CDLL(None, use_errno=True)
calls = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "kcmp": (312, 272),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "mount_setattr": (442, 442), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "add_key": (248, 217),
    "keyctl": (250, 219), "kexec_load": (246, 104), "init_module": (175, 105),
    "open_by_handle_at": (304, 265), "pidfd_getfd": (438, 438), "settimeofday": (164, 170),
    "swapon": (167, 224), "syslog": (103, 116), "memfd_secret": (447, 447),
    "memfd_create": (319, 279), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
}  # fmt: skip
column = {"x86_64": 0, "aarch64": 1}[platform.machine()]
found = []
for name, numbers in calls.items():
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(numbers[column]), 0, 0x10000000, 0, 0, 0, 0)
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        found.append(f"{name} {errno.errorcode.get(ctypes.get_errno(), 'succeeded')}")
print("REACHED", found)


def softmax_jacobian(weights):
    return None
