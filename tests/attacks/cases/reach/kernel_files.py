"""TRIES: to write the kernel's files: core_pattern, sysrq, oom scores, cgroups, and read its memory.

MUST: be refused.

ROWS: 15
"""

# --- handed in ---
import glob
import os

found = []
for path in (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/shmmax",
    "/proc/sys/kernel/hostname",
    "/proc/sys/fs/suid_dumpable",
    "/proc/sysrq-trigger",
    "/proc/1/uid_map",
    "/proc/self/loginuid",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/kernel/uevent_helper",
    *glob.glob("/sys/devices/system/cpu/cpu*/online"),
):
    try:
        with open(path, "r+") as file:
            file.write("|/bin/true\n")
        found.append(path)
    except OSError:
        pass
for path in ("/dev/mem", "/dev/kmem", "/proc/kcore", "/dev/kmsg", "/proc/kmsg", "/dev/sda"):
    try:
        open(path, "rb").read(1)
        found.append(path)
    except OSError:
        pass
try:
    open("/proc/self/oom_score_adj", "w").write("-1000")
    found.append("oom_score_adj")
except OSError:
    pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
